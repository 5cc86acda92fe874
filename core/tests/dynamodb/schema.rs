//! What lies in DynamoDB, item by item (docs/spec.md#dynamodb-schema), seen by a client that shares no code with the store.

use bigseg::store::Cursor;
use std::ops::ControlFlow;

use bigseg::patch::PatchOutcome;
use bigseg::testkit::samples::{SampleList, hash, list, membership, patch};
use bigseg::testkit::{DynamoDbClient, DynamoDbServer};
use bigseg::{ErrorKind, StoreConfig};
use serde_json::{Value, json};

/// Of `user1` and `user2`, as docs/spec.md#context-hash gives them.
const USER_1: &str = "CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=";
const USER_2: &str = "YCXRj+SKvUUWhSjxioLiZd2Y1CGnCEqgn2GzQXA5AaM=";

fn config(server: &DynamoDbServer, options: &str) -> StoreConfig {
    StoreConfig::parse(&server.store(options)).unwrap()
}

fn item(lead: &str, namespace: &str, key: &str, attributes: Value) -> Value {
    let mut item = attributes;
    item["namespace"] = json!({"S": format!("{lead}{namespace}")});
    item["key"] = json!({"S": key});
    item
}

/// What an environment of one patch and a sync time consists of.
fn environment(lead: &str) -> Vec<Value> {
    let metadata = format!("{lead}big_segments_metadata");
    let mut items = vec![
        item(lead, "big_segments_user", USER_1, json!({"included": {"SS": ["s.g1"]}})),
        item(lead, "big_segments_user", USER_2, json!({"excluded": {"SS": ["s.g1"]}})),
        item(
            lead,
            "big_segments_metadata",
            &metadata,
            json!({"synchronizedOn": {"N": "1700000000123"}, "lastVersion": {"S": "v1"}}),
        ),
    ];
    items.sort_by_key(Value::to_string);
    items
}

fn put(client: &DynamoDbClient, item: &Value) {
    client.run("PutItem", json!({ "Item": item }));
}

#[test]
fn every_prefix_leads_to_its_items() {
    for (options, lead) in [("", ""), ("prefix=", ""), ("prefix=my%20own", "my own:"), ("prefix=a:b", "a:b:")]
    {
        let server = DynamoDbServer::start();
        let client = server.client();
        let config = config(&server, options);
        let writer = config.writer().unwrap();
        let mut both = patch("s.g1", "", "v1", list(&["user1"], &[]));
        both.changes.excluded = list(&["user2"], &[]);
        assert_eq!(writer.apply(&both, Cursor::Advance).unwrap(), PatchOutcome::Applied);
        writer.set_synchronized_on(1_700_000_000_123).unwrap();
        assert_eq!(client.all(), environment(lead), "{options}");

        // The scan finds its own items only, not those of similar prefixes.
        put(&client, &item("other:", "big_segments_user", USER_1, json!({"included": {"SS": ["s.g1"]}})));
        put(&client, &item(lead, "big_segments_user", "no hash", json!({"included": {"SS": ["s.g1"]}})));
        let mut met = Vec::new();
        let scan = config.scanner().unwrap().scan(&mut |hash, found| {
            met.push((hash, found));
            ControlFlow::Continue(())
        });
        scan.unwrap();
        let expected =
            [(hash("user1"), membership(&["s.g1"], &[])), (hash("user2"), membership(&[], &["s.g1"]))];
        assert_eq!(met, expected, "{options}");
    }
}

#[test]
fn a_load_writes_the_same_items() {
    let server = DynamoDbServer::start();
    let mut load = SampleList::default().add(hash("user1"), "s.g1", true).add(hash("user2"), "s.g1", false);
    let plan = load.plan(None, 1_700_000_000_123);
    config(&server, "").writer().unwrap().load(&plan, &mut load, &mut |_| {}).unwrap();
    // What a load does not write, because it is a patch's.
    let mut items = environment("");
    for item in &mut items {
        item.as_object_mut().unwrap().remove("lastVersion");
    }
    items.sort_by_key(Value::to_string);
    assert_eq!(server.client().all(), items);
}

#[test]
fn who_leaves_the_last_segment_has_no_attributes_left() {
    let server = DynamoDbServer::start();
    let writer = config(&server, "").writer().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["user1"], &[])), Cursor::Advance).unwrap();
    writer.apply(&patch("s.g1", "1", "2", list(&[], &["user1", "user2"])), Cursor::Advance).unwrap();
    let items = server.client().all();
    let users = [USER_1, USER_2].map(|user| item("", "big_segments_user", user, json!({})));
    for user in &users {
        // An update of what is not there may create it, empty: the same as no item.
        assert!(!items.iter().any(|item| item["key"] == user["key"] && item != user), "{items:?}");
    }
    let found = pollster::block_on(
        config(&server, "").reader().unwrap().memberships(&[hash("user1"), hash("user2")]),
    );
    assert!(found.unwrap().iter().all(|found| found.as_ref().unwrap().is_empty()));
}

#[test]
fn a_context_of_the_wrong_type_fails_alone() {
    let server = DynamoDbServer::start();
    let client = server.client();
    let config = config(&server, "");
    config.writer().unwrap().apply(&patch("s.g1", "", "1", list(&["sound"], &[])), Cursor::Advance).unwrap();
    let spoil = |name: &str, attributes: Value| {
        put(&client, &item("", "big_segments_user", &hash(name).to_string(), attributes));
    };
    spoil("text", json!({"included": {"S": "s.g1"}}));
    spoil("list", json!({"excluded": {"L": [{"S": "s.g1"}]}}));
    spoil("other", json!({"included": {"SS": ["s.g1"]}, "unknown": {"N": "1"}}));
    let reader = config.reader().unwrap();
    let hashes = ["text", "sound", "list", "other", "absent"].map(hash);
    let answers = pollster::block_on(reader.memberships(&hashes)).unwrap();
    for sound in [1, 3] {
        assert_eq!(*answers[sound].as_ref().unwrap(), membership(&["s.g1"], &[]));
    }
    assert!(answers[4].as_ref().unwrap().is_empty());
    for (n, name, word) in [(0, "text", "included"), (2, "list", "excluded")] {
        let alone = pollster::block_on(reader.memberships(&[hash(name)])).unwrap().into_vec().remove(0);
        for error in [answers[n].as_ref().unwrap_err(), &alone.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::StoreData, "{name}");
            assert!(
                error.message().contains(&hash(name).to_string()) && error.message().contains(word),
                "{error}"
            );
        }
    }
    let error = config.scanner().unwrap().scan(&mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreData);
}

#[test]
fn metadata_that_are_none_are_an_error() {
    let server = DynamoDbServer::start();
    let client = server.client();
    let config = config(&server, "prefix=p");
    let (reader, writer) = (config.reader().unwrap(), config.writer().unwrap());
    let place = |attributes| {
        put(&client, &item("p:", "big_segments_metadata", "p:big_segments_metadata", attributes))
    };
    let metadata = |value: Value| {
        place(json!({ "synchronizedOn": value }));
        pollster::block_on(reader.metadata())
    };
    assert_eq!(metadata(json!({"N": "0"})).unwrap().synchronized_on, None);
    assert_eq!(metadata(json!({"N": "-5"})).unwrap().synchronized_on, Some(-5));
    for bad in
        [json!({"N": "1.5"}), json!({"N": "99999999999999999999"}), json!({"S": "5"}), json!({"BOOL": true})]
    {
        let error = metadata(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreData);
        assert!(error.message().contains("p:big_segments_metadata"), "{error}");
    }
    place(json!({"lastVersion": {"S": "7"}}));
    assert_eq!(pollster::block_on(reader.metadata()).unwrap().synchronized_on, None);
    assert_eq!(writer.cursor().unwrap().as_deref(), Some("7"));
    place(json!({"lastVersion": {"N": "7"}}));
    let errors = [
        writer.cursor().unwrap_err(),
        writer.apply(&patch("s.g1", "7", "8", list(&["a"], &[])), Cursor::Advance).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::StoreData);
        assert!(error.message().contains("lastVersion"), "{error}");
    }
}

/// The empty text is a version like any other (docs/spec.md#cursor).
#[test]
fn an_empty_cursor_is_kept() {
    let server = DynamoDbServer::start();
    let writer = config(&server, "").writer().unwrap();
    assert_eq!(
        writer.apply(&patch("s.g1", "", "", list(&["user1"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    assert_eq!(writer.cursor().unwrap().as_deref(), Some(""));
    assert_eq!(
        writer.apply(&patch("s.g1", "", "1", list(&["user2"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"));
}
