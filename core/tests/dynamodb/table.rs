//! Making a table, and finding out what is wrong with one.

use bigseg::store::Cursor;
use bigseg::store::dynamodb::DynamoDbTable;
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_faults::denied;
use bigseg::testkit::dynamodb_server::{TABLE, store_at};
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::samples::{list, patch};
use bigseg::{ErrorKind, StoreConfig};
use serde_json::json;

fn table(store: &str) -> DynamoDbTable {
    match StoreConfig::parse(store).unwrap() {
        StoreConfig::DynamoDb(config) => DynamoDbTable::new(*config).unwrap(),
        other => panic!("{other} is not in DynamoDB"),
    }
}

#[test]
fn a_table_is_created_once_with_the_schema_of_every_sdk() {
    for server in [Some(DynamoDbServer::start()), DynamoDbServer::start_local()].iter().flatten() {
        let store = server.store("").replace(TABLE, "fresh-table");
        assert_eq!(table(&store).state().unwrap_err().kind(), ErrorKind::StoreNotFound);
        assert!(table(&store).create().unwrap(), "it is new");
        assert!(!table(&store).create().unwrap(), "it was there");
        let state = table(&store).state().unwrap();
        assert_eq!((state.status.as_str(), state.on_demand), ("ACTIVE", true));
        let described = &server.client().run("DescribeTable", json!({"TableName": "fresh-table"}))["Table"];
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        assert_eq!(described["KeySchema"], json!([key("namespace", "HASH"), key("key", "RANGE")]));
        let config = StoreConfig::parse(&store).unwrap();
        config.writer().unwrap().apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap();
        assert_eq!(config.writer().unwrap().cursor().unwrap().as_deref(), Some("1"));
    }
}

#[test]
fn another_schema_is_neither_used_nor_changed() {
    let server = DynamoDbServer::start();
    let request = json!({
        "TableName": "other-table", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    });
    server.client().run("CreateTable", request);
    let table = table(&server.store("").replace(TABLE, "other-table"));
    for error in [table.create().unwrap_err(), table.state().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::StoreFormat);
        assert!(
            error.message().contains("has id (HASH)") && error.message().contains("namespace (HASH)"),
            "{error}"
        );
    }
}

#[test]
fn what_is_permitted_is_found_out_without_writing() {
    let server = DynamoDbServer::start();
    let all = ["GetItem", "BatchGetItem", "Query", "UpdateItem", "ConditionCheckItem"];
    let permitted = |store: &str| -> Vec<&'static str> {
        let actions = table(store).actions().unwrap();
        assert_eq!(actions.iter().map(|check| check.action).collect::<Vec<_>>(), all);
        for error in actions.iter().filter_map(|check| check.outcome.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::StorePermission);
            assert!(error.message().contains("grant dynamodb:"), "{error}");
        }
        actions.iter().filter(|check| check.outcome.is_ok()).map(|check| check.action).collect()
    };
    assert_eq!(permitted(&server.store("")), all);
    let proxy = HttpProxy::start(server.port(), |request| match action(request) {
        "GetItem" | "Query" => Reaction::Pass,
        action => Reaction::Respond(denied(action)),
    });
    assert_eq!(permitted(&store_at(proxy.port(), "")), ["GetItem", "Query"]);
    assert_eq!(server.client().all().len(), 0);

    let config = StoreConfig::parse(&server.store("")).unwrap();
    let writer = config.writer().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap();
    let before = server.client().all();
    assert_eq!(permitted(&server.store("")), all);
    assert_eq!(server.client().all(), before, "a cursor is not touched either");
}
