//! The integrations of one file: reloaded without interrupting unchanged ones, edited without
//! touching the rest of the file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::upstream_fixture::*;
use bigseg::integration::{
    Integration, IntegrationEdit, IntegrationState, Registry, RegistryConfig, ReloadSummary, StoreText,
};
use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::testkit::{FakeUpstream, RedisServer};
use bigseg::{ErrorKind, StoreConfig};
use parking_lot::Mutex;
use tempfile::TempDir;

/// A file, the variables it uses, and the upstream of all its integrations.
struct Fixture {
    directory: TempDir,
    fake: FakeUpstream,
    variables: Arc<Mutex<HashMap<String, String>>>,
}

impl Fixture {
    fn new() -> Self {
        let variables = HashMap::from([("SDK_KEY".to_owned(), SDK_KEY.to_owned())]);
        let variables = Arc::new(Mutex::new(variables));
        Self { directory: tempfile::tempdir().unwrap(), fake: FakeUpstream::start(), variables }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("bigseg.toml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text.replace("URL", &self.fake.url())).unwrap();
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap().replace(&self.fake.url(), "URL")
    }

    fn set(&self, name: &str, value: &str) {
        self.variables.lock().insert(name.to_owned(), value.to_owned());
    }

    fn open(&self) -> Registry {
        let variables = self.variables.clone();
        let variables = Arc::new(move |name: &str| variables.lock().get(name).cloned());
        Registry::open(RegistryConfig { variables, ..RegistryConfig::new(self.path()) }).unwrap()
    }
}

fn one(id: &str, more: &str) -> String {
    format!(
        "[[integration]]\nid = \"{id}\"\nsdk_key = \"${{SDK_KEY}}\"\nbase_url = \"URL\"\nstream_url = \"URL\"\nproxy = \"none\"\n{more}\n"
    )
}

fn memory(id: &str) -> String {
    one(id, &format!("store = \"memory:registry-{id}\""))
}

#[track_caller]
fn wait_until_healthy(integration: &Integration) {
    wait_until("it is healthy", || integration.status().state == IntegrationState::Healthy);
}

#[test]
fn a_reload_interrupts_only_what_has_changed() {
    let fixture = Fixture::new();
    fixture.write(&[memory("r-a"), memory("r-b"), memory("r-c")].concat());
    let registry = fixture.open();
    let before = registry.integrations();
    before.iter().for_each(|integration| wait_until_healthy(integration));
    let requests = fixture.fake.requests().len();

    // Nothing has changed.
    assert_eq!(registry.reload().unwrap(), ReloadSummary { unchanged: 3, ..ReloadSummary::default() });
    // A new name needs no new worker.
    fixture.write(&[memory("r-a"), memory("r-b").replace("id", "name = \"B\"\nid"), memory("r-c")].concat());
    assert_eq!(
        registry.reload().unwrap(),
        ReloadSummary { unchanged: 2, changed: 1, ..ReloadSummary::default() }
    );
    assert_eq!(registry.integration("r-b").unwrap().definition().name, "B");
    // A mistake changes nothing.
    fixture.write(&[memory("r-a"), "[[integration]]\n".to_owned()].concat());
    assert_eq!(registry.reload().unwrap_err().0.len(), 3);
    assert_eq!(registry.integrations().len(), 3);
    // One is removed, one is added, one gets another store, and one stays.
    fixture.write(&[memory("r-d"), memory("r-c").replace("registry-r-c", "moved"), memory("r-a")].concat());
    let report = ReloadSummary { started: 1, changed: 1, stopped: 1, unchanged: 1 };
    assert_eq!(registry.reload().unwrap(), report);
    let after = registry.integrations();
    assert!(Arc::ptr_eq(&before[0], &after[2]), "it is the same");
    assert_eq!(before[1].status().state, IntegrationState::Off);
    after.iter().for_each(|integration| wait_until_healthy(integration));
    // Two polls and a stream for each of the two that have a new worker, and no other request.
    assert_eq!(fixture.fake.requests().len(), requests + 6);
    assert_eq!(after[2].status().counters.pages, 2, "it has not polled again");
    registry.close().wait();
}

#[test]
fn a_new_key_interrupts_no_other_integration() {
    let fixture = Fixture::new();
    fixture.write(&[memory("k-a"), memory("k-b").replace("${SDK_KEY}", "${OTHER}")].concat());
    fixture.set("OTHER", SDK_KEY);
    let registry = fixture.open();
    let [a, b] = &registry.integrations()[..] else { panic!("there are two") };
    wait_until_healthy(a);
    wait_until_healthy(b);
    let streams = a.status().counters.streams;
    let counters = b.status().counters;
    fixture.set("SDK_KEY", "next-key");
    fixture.fake.set_key("next-key");
    assert_eq!(
        registry.reload().unwrap(),
        ReloadSummary { changed: 1, unchanged: 1, ..ReloadSummary::default() }
    );
    wait_until("another stream is open", || a.status().counters.streams == streams + 1);
    wait_until_healthy(a);
    assert!(fixture.fake.requests().last().unwrap().authorization == "next-key" && a.error_log().is_empty());
    assert_eq!(b.status().counters, counters);
}

#[test]
fn an_edit_leaves_the_rest_of_the_file_as_it_is() {
    let fixture = Fixture::new();
    let first = "# About the whole file.\n\n# The first.\n".to_owned() + &memory("e-a");
    let second = "# The second.\n".to_owned()
        + &one("e-b", "on = true # for now\nname = \"B\" # a name\nstore = \"memory:registry-e-b\" # here");
    fixture.write(&(first.clone() + &second));
    let registry = fixture.open();
    registry.integrations().iter().for_each(|integration| wait_until_healthy(integration));

    let name = IntegrationEdit::Name("A \"quoted\" ${SDK_KEY} <b>".to_owned());
    registry.edit("e-b", &[name, IntegrationEdit::On(false)]).unwrap();
    let expected = second
        .replace("on = true", "on = false")
        .replace("\"B\" # a name", "'A \"quoted\" $${SDK_KEY} <b>' # a name");
    assert_eq!(fixture.text(), first.clone() + &expected);
    let b = registry.integration("e-b").unwrap();
    assert_eq!(b.definition().name, "A \"quoted\" ${SDK_KEY} <b>", "no variable is substituted");
    wait_until("it is off", || b.status().state == IntegrationState::Off);

    let store = |text: &str| IntegrationEdit::Store(StoreText(text.to_owned()));
    registry.edit("e-b", &[store("memory:registry-e-c")]).unwrap();
    assert!(fixture.text().ends_with("store = \"memory:registry-e-c\" # here\n"), "{}", fixture.text());
    let refusal = |edit: IntegrationEdit| registry.edit("e-b", &[edit]).unwrap_err();
    let text = fixture.text();
    for edit in [
        store("memory:registry-e-a"),
        store("memory:"),
        store("nonsense"),
        store("${SDK_KEY}"),
        IntegrationEdit::Name(String::new()),
        IntegrationEdit::Name("two\nlines".to_owned()),
    ] {
        assert_eq!(refusal(edit.clone()).kind(), ErrorKind::InvalidConfig, "{edit:?}");
    }
    let missing = registry.edit("missing", &[IntegrationEdit::On(true)]);
    assert_eq!(missing.map_err(|e| e.kind()), Err(ErrorKind::InvalidArgument));
    assert_eq!(fixture.text(), text);

    // Changes made by hand in the meantime stay.
    fixture.write(&(fixture.text() + "# By hand.\n"));
    let text = fixture.text();
    fixture.write(&format!("state_directory = {:?}\n{text}", fixture.directory.path()));
    let moved = fixture.text();
    assert!(registry.edit("e-a", &[IntegrationEdit::Delete]).unwrap_err().message().contains("restart"));
    assert!(registry.reload().is_err() && fixture.text() == moved, "nothing was written");
    fixture.write(&text);
    registry.edit("e-a", &[IntegrationEdit::Delete]).unwrap();
    let text = fixture.text();
    assert!(
        text.starts_with("# About the whole file.\n\n# The second.\n[[integration]]\nid = \"e-b\""),
        "{text}"
    );
    assert!(text.ends_with("# By hand.\n") && !text.contains("The first"), "{text}");
    assert_eq!(registry.integrations().len(), 1);
    registry.edit("e-b", &[IntegrationEdit::Delete]).unwrap();
    assert!(fixture.text().contains("# About the whole file.") && registry.integrations().is_empty());
}

#[test]
fn secrets_stay_in_variables_and_are_sent_nowhere_else() {
    bigseg::needs!(Redis);
    let fixture = Fixture::new();
    let server = RedisServer::start();
    server.add_user("writer", bigseg::testkit::redis_server::WRITER_COMMANDS);
    fixture.set("PASSWORD", "secret");
    let port = server.port();
    let table = format!(
        "prefix = \"t\"\n[integration.store]\ntype = \"redis\"\nhost = \"127.0.0.1\"\nport = {port} # ours\nusername = \"writer\"\npassword = \"${{PASSWORD}}\""
    );
    let string = format!("store = \"redis://writer:${{PASSWORD}}@127.0.0.1:{port}?prefix=s\"");
    let url = format!(
        "[integration.store]\nurl = \"redis://writer@127.0.0.1:{port}?prefix=u\"\npassword = \"${{PASSWORD}}\" # ours"
    );
    fixture.write(&[one("s-string", &string), one("s-table", &table), one("s-url", &url)].concat());
    let registry = fixture.open();
    registry.integrations().iter().for_each(|integration| wait_until_healthy(integration));
    for id in ["s-string", "s-table", "s-url"] {
        let shown = registry.integration(id).unwrap().definition().store.to_string();
        assert!(!shown.contains("secret") && shown.contains("writer@127.0.0.1"), "{shown}");
        let edit = |text: String| registry.edit(id, &[IntegrationEdit::Store(StoreText(text))]);
        let before = fixture.text();
        edit(shown.clone()).unwrap();
        assert_eq!(fixture.text(), before, "nothing has changed");
        edit(shown.replace("prefix=", "prefix=other-")).unwrap();
        wait_until_healthy(&registry.integration(id).unwrap());
        let changed = fixture.text();
        assert_ne!(changed, before);
        // An editor must not be able to have the password sent to another server.
        for other_server in [
            shown.replace("127.0.0.1", "evil.example.com"),
            shown.replace(&port.to_string(), "1"),
            shown.replace("redis://", "redis+cluster://"),
        ] {
            let refusal = edit(other_server).unwrap_err();
            assert!(refusal.message().contains("must be re-entered"), "{refusal}");
        }
        assert_eq!(fixture.text(), changed);
    }
    let text = fixture.text();
    assert_eq!(text.matches("${PASSWORD}").count(), 3, "{text}");
    assert!(text.contains(&format!("url = \"redis://writer@127.0.0.1:{port}?prefix=other-u\"")), "{text}");
    assert!(text.contains("password = \"${PASSWORD}\" # ours"), "{text}");
    assert!(
        text.contains(&format!("port = {port} # ours")) && text.contains("prefix = \"other-t\""),
        "{text}"
    );
    assert!(text.contains(&format!("writer:${{PASSWORD}}@127.0.0.1:{port}?prefix=other-s")), "{text}");

    // A secret that is typed is written to the file, and printed nowhere.
    let typed = format!("redis://writer:sec%72et@127.0.0.1:{port}?prefix=typed");
    let edit = IntegrationEdit::Store(StoreText(typed));
    assert!(!format!("{edit:?}").contains("%72"));
    registry.edit("s-table", &[edit]).unwrap();
    assert!(fixture.text().contains("password = \"secret\""), "{}", fixture.text());
    wait_until_healthy(&registry.integration("s-table").unwrap());
    // The fields of a table cannot express two hosts.
    let rich = format!("redis+cluster://writer:secret@127.0.0.1:{port},other");
    let refusal = registry.edit("s-table", &[IntegrationEdit::Store(StoreText(rich))]).unwrap_err();
    assert!(refusal.message().contains("single fields"), "{refusal}");
}

#[test]
fn the_file_keeps_its_permissions_and_symbolic_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let fixture = Fixture::new();
    let real = fixture.directory.path().join("real.toml");
    fixture.write(&memory("p-a"));
    std::fs::rename(fixture.path(), &real).unwrap();
    symlink(&real, fixture.path()).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    let registry = fixture.open();
    registry.edit("p-a", &[IntegrationEdit::On(false)]).unwrap();
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(std::fs::symlink_metadata(fixture.path()).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("on = false"));
    assert_eq!(std::fs::read_dir(fixture.directory.path()).unwrap().count(), 2, "nothing was left behind");
}

#[test]
fn a_hundred_integrations_in_one_process() {
    let fixture = Fixture::new();
    (1..=3).for_each(|n| fixture.fake.append(step(n)));
    fixture.write(&(0..100).map(|n| memory(&format!("h-{n}"))).collect::<String>());
    let stores: Vec<StoreConfig> = (0..100).map(|n| private_store(&format!("registry-h-{n}"))).collect();
    let _alive: Vec<_> = stores.iter().map(|store| store.writer().unwrap()).collect();
    let registry = fixture.open();
    registry.integrations().iter().for_each(|integration| wait_until_healthy(integration));
    fixture.fake.publish(step(4));
    for (integration, store) in registry.integrations().iter().zip(&stores) {
        wait_until("it has the change", || integration.status().counters.patches == 4);
        assert_holds(store, 4);
    }
    registry.close().wait();
    assert!(
        registry.integrations().iter().all(|integration| integration.status().state == IntegrationState::Off)
    );
}
