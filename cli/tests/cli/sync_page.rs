//! The HTTP server of `sync --listen`: status, metrics, the web page, and access to them.

use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::testkit::samples::{list, patch};
use bigseg::testkit::{FakeUpstream, RedisServer};

use crate::command::CliSandbox;
use crate::sync_fixture::{Running, integration, prepare, wait_until};

const TOKEN: &str = "a-token-of-the-test";

fn upstream() -> FakeUpstream {
    let fake = FakeUpstream::start();
    fake.append(patch("beta.g1", "", "v1", list(&["user1", "user2"], &[])));
    fake
}

#[test]
fn status_and_metrics_report_each_integration() {
    let sandbox = CliSandbox::new();
    let fake = upstream();
    let labels = "project = \"a\\\"b\"\nenvironment = \"production\"\n";
    let refused = integration(&fake, "refused", "store = \"local:other\"").replace("${SDK_KEY}", "wrong-key");
    let off = integration(&fake, "off", "on = false\nstore = \"local:third\"");
    let file = integration(&fake, "main", &format!("{labels}store = \"local:mirror\"")) + &refused + &off;
    sandbox.file("bigseg.toml", file);
    let running = Running::start(&sandbox, "");
    wait_until("both have come so far", || {
        let status = running.status();
        status["environments"]["main"]["status"] == "connected"
            && status["integrations"][1]["state"] == "failing"
    });
    let status = running.status();
    assert_eq!(status["status"], "degraded");
    let main = &status["environments"]["main"]["bigSegmentStatus"];
    assert!(main["available"] == true && main["potentiallyStale"] == false, "{main}");
    assert!(main["lastSynchronizedOn"].as_i64().unwrap() > 1_600_000_000_000);
    let main = &status["integrations"][0];
    assert!(main["progress"]["operations"] == 2 && main["status"]["lastError"] == 0, "{main}");
    assert_eq!(main["status"]["errors"], serde_json::json!([]));
    let refused = &status["integrations"][1]["status"];
    assert!(refused["available"] == true && refused["potentiallyStale"] == true, "{refused}");
    assert!(refused["lastSync"] == 0 && refused["lastError"].as_i64().unwrap() > 0, "{refused}");
    assert_eq!(refused["errors"][0]["statusCode"], 401);
    assert_eq!(status["integrations"][2]["state"], "off");

    let metrics = running.get("/metrics");
    let labels = "{id=\"main\",project=\"a\\\"b\",environment=\"production\"}";
    assert!(metrics.contains(&format!("bigseg_integration_healthy{labels} 1\n")), "{metrics}");
    assert!(metrics.contains(&format!("bigseg_integration_operations_total{labels} 2\n")), "{metrics}");
    assert!(
        metrics.contains("bigseg_integration_off{id=\"off\",project=\"\",environment=\"\"} 1\n"),
        "{metrics}"
    );
    assert_eq!(running.send("GET", "/readyz", &[], "").status(), 503);
    assert_eq!(running.get("/healthz"), "alive\n");
    let page = running.get("/");
    assert!(page.contains("Healthy") && page.contains("See error") && page.contains("UTC"), "{page}");
    let log = running.get("/integration/refused");
    assert!(log.contains("401 upstream_refused") && log.contains("the SDK key was refused"), "{log}");
}

#[test]
fn the_page_edits_the_file() {
    let sandbox = CliSandbox::new();
    let fake = upstream();
    let file = "# Ours.\n\n".to_owned()
        + &integration(&fake, "main", "name = \"Main\" # its name\nstore = \"local:mirror\"")
        + &integration(&fake, "other", "store = \"local:other\"");
    sandbox.file("bigseg.toml", &file);
    let running = Running::start(&sandbox, "");
    running.wait_until_ready();
    let answer = running.submit("/integration/main/switch", "on=false");
    assert_eq!((answer.status(), answer.header("location")), (303, Some("/")));
    wait_until("it is off", || running.status()["integrations"][0]["state"] == "off");
    assert!(sandbox.read("bigseg.toml").contains("on = false"));
    assert_eq!(running.submit("/integration/main/switch", "on=true").status(), 303);
    running.wait_until_ready();
    let answer = running.submit("/integration/main", "name=Another+%3Cname%3E&store=local%3Aelsewhere");
    assert_eq!((answer.status(), answer.header("location")), (303, Some("/integration/main")));
    running.wait_until_ready();
    let written = sandbox.read("bigseg.toml");
    assert!(
        written.contains("name = \"Another <name>\" # its name\nstore = \"local:elsewhere\""),
        "{written}"
    );
    assert!(running.get("/integration/main").contains("Another &lt;name&gt;"));
    let answer = running.submit("/integration/main", "name=x&store=local%3Aother");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(answer.status() == 400 && text.contains("this store is that of"), "{text}");
    assert_eq!(sandbox.read("bigseg.toml"), written);
    assert!(running.get("/integration/main/delete").contains("<form method=\"post\""));
    assert_eq!(running.submit("/integration/main/delete", "").status(), 303);
    let left = sandbox.read("bigseg.toml");
    assert!(left.starts_with("# Ours.\n") && !left.contains("Another") && left.contains("other"), "{left}");
    assert_eq!(running.status()["integrations"].as_array().unwrap().len(), 1);
    for path in ["/integration/main", "/integration/main/delete", "/nonsense", "/integration/..%2f.."] {
        assert_eq!(running.send("GET", path, &[], "").status(), 404, "{path}");
    }
}

#[test]
fn other_sites_can_neither_read_nor_change() {
    let sandbox = CliSandbox::new();
    let fake = upstream();
    sandbox.file("bigseg.toml", integration(&fake, "main", "store = \"local:mirror\""));
    let running = Running::start(&sandbox, "");
    let written = sandbox.read("bigseg.toml");
    // Another site resolves its name to this server.
    for path in ["/", "/status", "/metrics", "/healthz", "/page.js", "/integration/main"] {
        let answer = running.send("GET", path, &[("host", "evil.example")], "");
        assert_eq!(answer.status(), 421, "{path}");
        assert!(!String::from_utf8(answer.body).unwrap().contains("main\""));
    }
    // A form of another site, with and without the form token.
    let own = format!("http://{}", running.address());
    let good = format!("form_token={}&on=false", running.form_token());
    for (headers, body) in [
        (vec![("origin", "http://evil.example")], &*good),
        (vec![("origin", "null")], &good),
        (vec![("sec-fetch-site", "cross-site")], &good),
        (vec![("origin", &*own)], "form_token=&on=false"),
        (vec![("origin", &own)], "on=false"),
        (vec![], "form_token=0000&on=false"),
    ] {
        let answer = running.send("POST", "/integration/main/switch", &headers, body);
        assert_eq!(answer.status(), 403, "{headers:?} {body}");
    }
    assert_eq!(sandbox.read("bigseg.toml"), written);
    // A GET changes nothing, and no other site may frame the page or run a script in it.
    assert_eq!(running.send("GET", "/integration/main/switch", &[], "").status(), 405);
    for path in ["/", "/status", "/nonsense", "/login", "/page.css"] {
        let answer = running.send("GET", path, &[], "");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_token_is_required_if_one_is_configured() {
    let sandbox = CliSandbox::new();
    let fake = upstream();
    sandbox.file("bigseg.toml", integration(&fake, "main", "store = \"local:mirror\""));
    sandbox.file("token", format!("{TOKEN}\n"));
    let running = Running::start_with(prepare(&sandbox, "--listen 0.0.0.0:0 --token-file token"));
    for path in ["/", "/status", "/metrics", "/integration/main"] {
        assert_eq!(running.send("GET", path, &[], "").status(), 401, "{path}");
        let answer = running.send("GET", path, &[("accept", "text/html")], "");
        assert_eq!((answer.status(), answer.header("location")), (303, Some("/login")), "{path}");
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(running.send("GET", path, &[("authorization", &bearer)], "").status(), 200, "{path}");
        assert_eq!(running.send("GET", path, &[("authorization", "Bearer wrong")], "").status(), 401);
    }
    assert_eq!(running.send("POST", "/integration/main/switch", &[], "on=false").status(), 401);
    assert_eq!(running.send("POST", "/login", &[], "token=wrong").status(), 403);
    let answer = running.send("POST", "/login", &[], &format!("token={TOKEN}"));
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(running.send("GET", "/", &[("cookie", cookie)], "").status(), 200);
    assert_eq!(running.send("GET", "/healthz", &[], "").status(), 200);
    running.signal("-TERM");
    let (_, text) = running.wait();
    assert!(!text.contains(TOKEN), "{text}");
}

#[test]
fn text_cannot_become_markup_and_secrets_are_not_served() {
    bigseg::needs!(Redis);
    let sandbox = CliSandbox::new();
    let fake = upstream();
    let server = RedisServer::start();
    server.add_user("writer", bigseg::testkit::redis_server::WRITER_COMMANDS);
    let evil = "<script>alert(1)</script>\\\"'&<img src=x onerror=alert(1)>";
    let fields = format!(
        "name = \"{evil}\"\nproject = \"{evil}\"\nenvironment = \"{evil}\"\n[integration.store]\ntype = \"redis\"\nhost = \"127.0.0.1\"\nport = {}\nusername = \"writer\"\npassword = \"${{PASSWORD}}\"",
        server.port()
    );
    sandbox.file("bigseg.toml", integration(&fake, "main", &fields));
    let mut command = prepare(&sandbox, "--listen 127.0.0.1:0 -vv");
    command.env("PASSWORD", "secret");
    let running = Running::start_with(command);
    running.wait_until_ready();
    for path in ["/", "/integration/main", "/integration/main/delete"] {
        let page = running.get(path);
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
        // An apostrophe needs no escape: every attribute of the page is in double quotes.
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;"), "{path}: {page}");
        assert!(!page.contains("='"), "{path}: {page}");
    }
    // In neither accepted nor rejected values.
    let answer =
        running.submit("/integration/main", "name=x&store=redis%3A%2F%2Fwriter%3Ahunter2%40evil+host");
    let refused = String::from_utf8(answer.body).unwrap();
    let mut shown = vec![refused];
    for path in ["/", "/integration/main", "/status", "/metrics", "/integration/main/delete"] {
        shown.push(running.get(path));
    }
    // An edit cannot read the variables of the process.
    assert_eq!(running.submit("/integration/main", "name=%24%7BPASSWORD%7D").status(), 303);
    shown.push(running.get("/"));
    assert!(shown.last().unwrap().contains("${PASSWORD}"));
    running.signal("-TERM");
    shown.push(running.wait().1);
    for text in shown {
        assert!(!text.contains(SDK_KEY) && !text.contains("hunter2"), "{text}");
        assert!(!text.replace("Secret", "").contains("secret"), "{text}");
    }
    let written = sandbox.read("bigseg.toml");
    assert!(written.contains("${PASSWORD}") && written.contains("${SDK_KEY}"), "{written}");
}
