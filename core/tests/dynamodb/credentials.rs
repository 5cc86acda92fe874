//! Where credentials come from, how they are renewed, and what is said when there are none.

use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::fixture::eventually;
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_faults::expired;
use bigseg::testkit::dynamodb_server::{TABLE, store_at};
use bigseg::testkit::http::Message;
use bigseg::testkit::http_proxy::{HttpProxy, Reaction};
use bigseg::testkit::redis_server::free_port;
use bigseg::testkit::samples::hash;
use bigseg::{Clock, Error, ErrorKind, StoreConfig};
use parking_lot::Mutex;
use tempfile::TempDir;

/// The AWS configuration file of this process, in a directory of its own. Each test has profiles of its own in it.
static FILES: LazyLock<TempDir> = LazyLock::new(|| {
    let files = tempfile::tempdir().unwrap();
    for (name, file) in [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "none")] {
        // SAFETY: other threads read the environment through the standard library only, which has a lock.
        unsafe { std::env::set_var(name, files.path().join(file)) };
    }
    files
});

/// Adds or replaces a profile.
fn write_profile(name: &str, lines: &str) {
    static PROFILES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
    let mut profiles = PROFILES.lock();
    profiles.retain(|(known, _)| known != name);
    profiles.push((name.to_owned(), lines.to_owned()));
    let text: String = profiles.iter().map(|(name, lines)| format!("[profile {name}]\n{lines}\n")).collect();
    // A concurrent reader must not see half of the file.
    let mut file = tempfile::NamedTempFile::new_in(FILES.path()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.persist(FILES.path().join("config")).unwrap();
}

fn keys(id: &str) -> String {
    format!("aws_access_key_id = {id}\naws_secret_access_key = hunter2\n")
}

/// A profile that asks a program, which says `{"Version":1,…}` with another key id, ID-1, ID-2, …, each time.
fn write_program(profile: &str, lifetime: Option<Duration>) {
    let count = FILES.path().join(format!("{profile}.count"));
    let expiry = match lifetime {
        None => String::new(),
        Some(life) => format!(
            r#",\"Expiration\":\"$(date -u -d "+{}.{:03} seconds" +%Y-%m-%dT%H:%M:%S.%3NZ)\""#,
            life.as_secs(),
            life.subsec_millis()
        ),
    };
    let script = format!(
        "echo >>{count}\necho \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"{profile}-$(wc -l <{count})\\\",\
         \\\"SecretAccessKey\\\":\\\"hunter2\\\",\\\"SessionToken\\\":\\\"hunter2\\\"{expiry}}}\"\n",
        count = count.display(),
    );
    let program = FILES.path().join(format!("{profile}.sh"));
    std::fs::write(&program, script).unwrap();
    write_profile(profile, &format!("credential_process = sh {}", program.display()));
}

/// Returns the key id that a request was signed with.
fn key_id(request: &Message) -> String {
    let (_, rest) = request.header("authorization").unwrap_or_default().split_once("Credential=").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

type Lines = Arc<Mutex<Vec<String>>>;

/// A server, and a proxy that writes down who asks, and takes some for expired.
struct Recorder {
    proxy: HttpProxy,
    ids: Lines,
    expired: Lines,
    _server: DynamoDbServer,
}

impl Recorder {
    fn open() -> Self {
        LazyLock::force(&FILES);
        let server = DynamoDbServer::start();
        let (ids, old) = (Lines::default(), Lines::default());
        let (seen, refused) = (ids.clone(), old.clone());
        let proxy = HttpProxy::start(server.port(), move |request| {
            let id = key_id(request);
            let is_expired = refused.lock().contains(&id);
            seen.lock().push(id);
            if is_expired { Reaction::Respond(expired()) } else { Reaction::Pass }
        });
        Self { proxy, ids, expired: old, _server: server }
    }

    fn store(&self, options: &str) -> StoreConfig {
        StoreConfig::parse(&store_at(self.proxy.port(), &format!("response_timeout=60s&{options}"))).unwrap()
    }

    fn take_ids(&self) -> Vec<String> {
        let mut ids = std::mem::take(&mut *self.ids.lock());
        ids.dedup();
        ids
    }
}

fn read(config: &StoreConfig) -> Result<(), Error> {
    pollster::block_on(config.reader().unwrap().memberships(&[hash("a")])).map(drop)
}

/// A security token service that issues keys `ROLE-1`, `ROLE-2`, … for the right external id.
fn token_service(lifetime: Duration) -> (HttpProxy, Lines) {
    let requests = Lines::default();
    let seen = requests.clone();
    let service = HttpProxy::serve(move |request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let mut seen = seen.lock();
        seen.push(body.clone());
        let name = if body.contains("AssumeRoleWithWebIdentity") {
            "AssumeRoleWithWebIdentity"
        } else {
            "AssumeRole"
        };
        if name == "AssumeRole" && !body.contains("ExternalId=hunter2") {
            let error = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: u is not \
                         authorized to perform: sts:AssumeRole on resource: r</Message></Error></ErrorResponse>";
            return Message::response(403, "text/xml", error);
        }
        let expiry = Clock::System.unix_millis() + lifetime.as_millis() as i64;
        let answer = format!(
            "<{name}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{name}Result><AssumedRoleUser>\
             <Arn>arn:aws:sts::123456789012:assumed-role/reader/bigseg</Arn><AssumedRoleId>A:bigseg</AssumedRoleId>\
             </AssumedRoleUser><Credentials><AccessKeyId>ROLE-{}</AccessKeyId><SecretAccessKey>hunter2</SecretAccessKey>\
             <SessionToken>token</SessionToken><Expiration>{}</Expiration></Credentials></{name}Result></{name}Response>",
            seen.len(),
            timestamp(expiry),
        );
        Message::response(200, "text/xml", answer)
    });
    (service, requests)
}

fn timestamp(unix_millis: i64) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("@{}.{:03}", unix_millis / 1000, unix_millis % 1000)])
        .arg("+%Y-%m-%dT%H:%M:%S.%3NZ")
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

/// Writes a profile whose requests for tokens go to that service.
fn write_profile_of_service(name: &str, service: &HttpProxy, lines: &str) {
    write_profile(
        name,
        &format!(
            "{lines}\nservices = {name}\n[services {name}]\nsts =\n  endpoint_url = http://127.0.0.1:{}\n",
            service.port()
        ),
    );
}

const ROLE: &str = "role_arn=arn:aws:iam::123456789012:role/reader";

#[test]
fn the_environment_is_asked_unless_a_profile_is_named() {
    let recorder = Recorder::open();
    write_profile("named", &keys("NAMED"));
    read(&recorder.store("")).unwrap();
    read(&recorder.store("profile=named")).unwrap();
    assert_eq!(recorder.take_ids(), ["test", "NAMED"]);
}

#[test]
fn a_profile_may_name_the_region() {
    let recorder = Recorder::open();
    write_profile("regional", &format!("{}region = ap-south-1\n", keys("REGIONAL")));
    let port = recorder.proxy.port();
    let regional =
        format!("dynamodb://{TABLE}?endpoint=http://127.0.0.1:{port}&profile=regional&response_timeout=60s");
    read(&StoreConfig::parse(&regional).unwrap()).unwrap();
    write_profile("nowhere", &keys("NOWHERE"));
    let error = read(&StoreConfig::parse(&regional.replace("regional", "nowhere")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("no region") && error.message().contains("AWS_REGION"), "{error}");
}

#[test]
fn without_credentials_it_is_said_where_they_were_looked_for() {
    let recorder = Recorder::open();
    write_profile("empty", "region = eu-west-1\n");
    write_profile("broken", "credential_process = /no/such/program\n");
    for profile in ["empty", "broken", "absent"] {
        let error = read(&recorder.store(&format!("profile={profile}"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorePermission, "{profile}: {error:?}");
        assert!(error.message().contains("finding credentials"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(recorder.take_ids(), [""; 0]);
}

#[test]
fn credentials_are_renewed_before_they_expire() {
    let recorder = Recorder::open();
    write_program("renewed", Some(Duration::from_secs(2)));
    let reader = recorder.store("profile=renewed").reader().unwrap();
    eventually("three generations were used", || {
        pollster::block_on(reader.memberships(&[hash("a")])).unwrap();
        recorder.ids.lock().contains(&"renewed-3".to_owned())
    });
    assert_eq!(recorder.take_ids(), ["renewed-1", "renewed-2", "renewed-3"]);
}

#[test]
fn refused_credentials_are_resolved_again() {
    let recorder = Recorder::open();
    write_program("refused", None);
    write_profile("rotated", &keys("OLD"));
    let programmed = recorder.store("profile=refused");
    let reader = programmed.reader().unwrap();
    let rotated = recorder.store("profile=rotated").writer().unwrap();
    pollster::block_on(reader.memberships(&[hash("a")])).unwrap();
    rotated.cursor().unwrap();
    recorder.take_ids();
    recorder.expired.lock().extend(["refused-1".to_owned(), "OLD".to_owned()]);
    write_profile("rotated", &keys("NEW"));
    pollster::block_on(reader.memberships(&[hash("a"), hash("b")])).unwrap();
    rotated.set_synchronized_on(1).unwrap();
    assert_eq!(recorder.take_ids(), ["refused-1", "refused-2", "OLD", "NEW"]);
    // Where there are no better ones, that is the error.
    recorder.expired.lock().push("NEW".to_owned());
    let error = rotated.cursor().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorePermission);
    assert!(error.message().contains("expired"), "{error}");
}

#[test]
fn a_role_is_assumed_and_assumed_again() {
    let recorder = Recorder::open();
    let (service, requests) = token_service(Duration::from_secs(2));
    write_profile_of_service("base", &service, &keys("BASE"));
    let store = recorder.store(&format!("profile=base&{ROLE}&external_id=hunter2&session_name=me%40here"));
    let reader = store.reader().unwrap();
    eventually("three generations were used", || {
        pollster::block_on(reader.memberships(&[hash("a")])).unwrap();
        recorder.ids.lock().contains(&"ROLE-3".to_owned())
    });
    assert_eq!(recorder.take_ids(), ["ROLE-1", "ROLE-2", "ROLE-3"]);
    let request = requests.lock()[0].clone();
    for part in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader",
        "RoleSessionName=me%40here",
    ] {
        assert!(request.contains(part), "{request}");
    }
    assert!(!format!("{store} {store:?}").contains("hunter2"));
}

#[test]
fn a_role_that_may_not_be_assumed_says_so() {
    let recorder = Recorder::open();
    let (service, _) = token_service(Duration::from_secs(900));
    write_profile_of_service("stranger", &service, &keys("STRANGER"));
    let error = read(&recorder.store(&format!("profile=stranger&{ROLE}&external_id=sesame"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorePermission);
    assert!(error.message().contains("trust policy") && error.message().contains("AccessDenied"), "{error}");
    assert!(!format!("{error:?}").contains("sesame"), "{error:?}");
}

#[test]
fn a_token_service_that_is_not_there_is_no_matter_of_permission() {
    let recorder = Recorder::open();
    let lines = format!(
        "services = gone\n[services gone]\nsts =\n  endpoint_url = http://127.0.0.1:{}\n",
        free_port()
    );
    write_profile("gone", &(keys("GONE") + &lines));
    let error = read(&recorder.store(&format!("profile=gone&{ROLE}"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{error:?}");
    assert!(error.message().contains("did not answer"), "{error}");
}

#[test]
fn a_web_identity_will_do() {
    let recorder = Recorder::open();
    let (service, requests) = token_service(Duration::from_secs(900));
    let token = FILES.path().join("token");
    std::fs::write(&token, "hunter2").unwrap();
    let lines = format!(
        "role_arn = arn:aws:iam::123456789012:role/web\nweb_identity_token_file = {}\nrole_session_name = web",
        token.display()
    );
    write_profile_of_service("web", &service, &lines);
    read(&recorder.store("profile=web")).unwrap();
    assert_eq!(recorder.take_ids(), ["ROLE-1"]);
    assert!(requests.lock()[0].contains("Action=AssumeRoleWithWebIdentity"));
}

/// Finding credentials may take longer than the caller can wait; it goes on without him.
#[test]
fn an_impatient_caller_does_not_cut_the_search_short() {
    let recorder = Recorder::open();
    let program = FILES.path().join("slow.sh");
    let release = FILES.path().join("slow.release");
    let script = format!(
        "until [ -e {} ]; do sleep 0.05; done\necho '{{\"Version\":1,\"AccessKeyId\":\"SLOW\",\"SecretAccessKey\":\"hunter2\"}}'\n",
        release.display()
    );
    std::fs::write(&program, script).unwrap();
    write_profile("slow", &format!("credential_process = sh {}", program.display()));
    let store =
        StoreConfig::parse(&store_at(recorder.proxy.port(), "profile=slow&response_timeout=300ms")).unwrap();
    let reader = store.reader().unwrap();
    let error = pollster::block_on(reader.memberships(&[hash("a")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreTimeout);
    assert!(error.message().contains("finding credentials"), "{error}");
    std::fs::write(&release, "").unwrap();
    eventually("the search has ended well", || pollster::block_on(reader.memberships(&[hash("a")])).is_ok());
}
