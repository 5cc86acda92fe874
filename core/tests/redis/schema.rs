//! The keys and values in Redis, byte by byte (docs/spec.md#redis-schema), read by a client that
//! shares no code with the store.

use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::Cursor;
use bigseg::testkit::samples::{SampleList, hash, list, membership, patch};
use bigseg::testkit::{RedisClient, RedisServer, Reply};
use bigseg::{ErrorKind, StoreConfig};

/// The hashes of `user1` and `user2` (docs/spec.md#context-hash).
const USER_1: &str = "CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=";
const USER_2: &str = "YCXRj+SKvUUWhSjxioLiZd2Y1CGnCEqgn2GzQXA5AaM=";

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

/// Includes user1, excludes user2.
fn both_lists(version: &str) -> Patch {
    let mut patch = patch("s.g1", "", version, list(&["user1"], &[]));
    patch.changes.excluded = list(&["user2"], &[]);
    patch
}

fn assert_schema(client: &mut RedisClient, prefix: &str) {
    let key = |name: &str| format!("{prefix}{name}");
    let include = key(&format!("big_segment_include:{USER_1}"));
    let exclude = key(&format!("big_segment_exclude:{USER_2}"));
    let [time, cursor, lock] =
        ["big_segments_synchronized_on", "big_segments_cursor", "big_segments_lock"].map(key);
    let mut all = [&include, &exclude, &time, &cursor, &lock].map(String::as_str);
    all.sort_unstable();
    assert_eq!(client.sorted(&["KEYS", "*"]), all);
    for (key, kind) in
        [(&include, "set"), (&exclude, "set"), (&time, "string"), (&cursor, "string"), (&lock, "string")]
    {
        assert_eq!(client.run(&["TYPE", key]), text(kind), "{key}");
        assert_eq!(client.run(&["TTL", key]), Reply::Number(-1), "{key} does not expire");
    }
    assert_eq!(client.sorted(&["SMEMBERS", &include]), ["s.g1"]);
    assert_eq!(client.sorted(&["SMEMBERS", &exclude]), ["s.g1"]);
    assert_eq!(client.run(&["GET", &time]), text("1700000000123"));
    assert_eq!(client.run(&["GET", &cursor]), text("v1"));
    assert_eq!(client.run(&["GET", &lock]), text(""));
}

#[test]
fn each_prefix_option_yields_its_keys() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let mut client = server.client();
    for (options, prefix) in [
        ("", "launchdarkly:"),
        ("prefix=", "launchdarkly:"),
        ("prefix=my%20own*", "my own*:"),
        ("raw_prefix=:", ":"),
        ("raw_prefix=", ""),
        ("raw_prefix=a[b", "a[b"),
    ] {
        client.run(&["FLUSHALL"]);
        let config = StoreConfig::parse(&server.store("", options)).unwrap();
        let writer = config.writer().unwrap();
        assert_eq!(writer.apply(&both_lists("v1"), Cursor::Advance).unwrap(), PatchOutcome::Applied);
        writer.set_synchronized_on(1_700_000_000_123).unwrap();
        assert_schema(&mut client, prefix);

        // A scan finds the keys of this prefix only, and none that merely look similar.
        client.run(&["SADD", &format!("other:big_segment_include:{USER_1}"), "s.g1"]);
        client.run(&["SADD", &format!("{prefix}big_segment_include:no-hash"), "s.g1"]);
        client.run(&["SADD", &format!("{prefix}big_segment_occlude:{USER_1}"), "s.g1"]);
        let mut found = Vec::new();
        let outcome = config.scanner().unwrap().scan(&mut |hash, membership| {
            found.push((hash, membership));
            std::ops::ControlFlow::Continue(())
        });
        outcome.unwrap();
        found.sort_by_key(|(hash, _)| *hash);
        let mut expected =
            [(hash("user1"), membership(&["s.g1"], &[])), (hash("user2"), membership(&[], &["s.g1"]))];
        expected.sort_by_key(|(hash, _)| *hash);
        assert_eq!(found, expected, "{options}");
    }
}

#[test]
fn a_load_writes_the_same_keys() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let config = StoreConfig::parse(&server.store("", "")).unwrap();
    let mut load = SampleList::default().add(hash("user1"), "s.g1", true).add(hash("user2"), "s.g1", false);
    let plan = load.plan(None, 1_700_000_000_123);
    let writer = config.writer().unwrap();
    writer.load(&plan, &mut load, &mut |_| {}).unwrap();
    // Only patches write these.
    server.client().run(&["SET", "launchdarkly:big_segments_cursor", "v1"]);
    server.client().run(&["SET", "launchdarkly:big_segments_lock", ""]);
    assert_schema(&mut server.client(), "launchdarkly:");
}

#[test]
fn a_context_of_the_wrong_type_fails_alone() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let mut client = server.client();
    let config = StoreConfig::parse(&server.store("", "")).unwrap();
    config.writer().unwrap().apply(&patch("s.g1", "", "1", list(&["valid"], &[])), Cursor::Advance).unwrap();
    let key = |list: &str, name: &str| format!("launchdarkly:big_segment_{list}:{}", hash(name));
    client.run(&["SET", &key("include", "text"), "s.g1"]);
    client.run(&["RPUSH", &key("exclude", "list"), "s.g1"]);
    client.run(&[b"SADD", key("include", "bytes").as_bytes(), b"s.g\xff1"]);
    let reader = config.reader().unwrap();
    let hashes = ["text", "valid", "list", "bytes", "nobody"].map(hash);
    let answers = pollster::block_on(reader.memberships(&hashes)).unwrap();
    assert_eq!(*answers[1].as_ref().unwrap(), membership(&["s.g1"], &[]));
    assert!(answers[4].as_ref().unwrap().is_empty());
    for (n, list, name, word) in [
        (0, "include", "text", "another type"),
        (2, "exclude", "list", "another type"),
        (3, "include", "bytes", "UTF-8"),
    ] {
        let error = answers[n].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreData, "{name}");
        assert!(error.message().contains(&key(list, name)) && error.message().contains(word), "{error}");
    }
}

#[test]
fn an_invalid_sync_time_is_an_error() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let reader = StoreConfig::parse(&server.store("", "")).unwrap().reader().unwrap();
    let mut client = server.client();
    let mut metadata = |value: &[u8]| {
        client.run(&[b"SET", &b"launchdarkly:big_segments_synchronized_on"[..], value]);
        pollster::block_on(reader.metadata())
    };
    assert_eq!(metadata(b"").unwrap().synchronized_on, None);
    assert_eq!(metadata(b"-5").unwrap().synchronized_on, Some(-5));
    for bad in [&b"soon"[..], b"1.5", b"\xff"] {
        let error = metadata(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreData);
        assert!(error.message().contains("big_segments_synchronized_on"), "{error}");
    }
    client.run(&["DEL", "launchdarkly:big_segments_synchronized_on"]);
    client.run(&["SADD", "launchdarkly:big_segments_synchronized_on", "1"]);
    assert_eq!(pollster::block_on(reader.metadata()).unwrap_err().kind(), ErrorKind::StoreData);
}
