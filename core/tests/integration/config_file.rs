//! The configuration file of integrations: its syntax, and the report of all problems at once.

use std::sync::Arc;

use bigseg::StoreConfig;
use bigseg::integration::{FileProblems, IntegrationFile, Variables};
use bigseg::sync::{SdkKey, UpstreamProxy};
use serde_json::Value;

use crate::vector_files;

const SECRET: &str = "hunter2";

fn variables() -> Variables {
    Arc::new(|name| match name {
        "SDK_KEY" => Some("sdk-hunter2".to_owned()),
        "PASSWORD" => Some("hunter2@:/?#%".to_owned()),
        "SPACED" => Some("hunter2 with spaces".to_owned()),
        _ => None,
    })
}

fn parse(text: &str) -> Result<IntegrationFile, FileProblems> {
    let outcome = IntegrationFile::parse(text, &variables());
    assert!(!format!("{outcome:?}").contains(SECRET), "a secret leaked: {outcome:?}");
    if let Err(problems) = &outcome {
        assert!(!problems.to_string().contains(SECRET), "a secret leaked: {problems}");
    }
    outcome
}

/// Returns the problems as `(line, message)`.
#[track_caller]
fn problems(text: &str) -> Vec<(usize, String)> {
    let problems = parse(text).expect_err("the file has problems").0;
    problems.into_iter().map(|problem| (problem.line, problem.message)).collect()
}

#[test]
fn a_complete_file_is_parsed() {
    let file = parse(
        r#"
        [[integration]]
        id = "eu"
        name = "Europe"
        project = "shop"
        environment = "production"
        on = false
        sdk_key = "${SDK_KEY}"
        base_url = "https://relay.example.com/base"
        stream_url = "https://stream.example.com"
        proxy = "none"
        store = "redis://localhost/2"
        prefix = "eu & co"

        [[integration]]
        id = "us"
        sdk_key = "sdk-hunter2"
        [integration.store]
        type = "redis"
        host = "redis.internal"
        port = 7000
        username = "writer"
        password = "${PASSWORD}"
        tls = true
        database = 1

        [[integration]]
        id = "aws"
        sdk_key = "${SDK_KEY}"
        prefix = "aws"
        store = { type = "dynamodb", table = "segments", region = "eu-west-1", role_arn = "arn:aws:iam::123456789012:role/writer", external_id = "${PASSWORD}" }

        [[integration]]
        id = "mirror"
        sdk_key = "${SDK_KEY}"
        proxy = "http://user:hunter2@proxy:3128"
        store = { type = "local", path = "/var/lib/mirror.bigseg" }
        "#,
    )
    .unwrap();
    let [eu, us, aws, mirror] = &file.integrations[..] else { panic!("there are four") };
    assert_eq!((&*eu.name, &*eu.project, &*eu.environment, eu.on), ("Europe", "shop", "production", false));
    assert_eq!(eu.upstream.sdk_key, SdkKey::new("sdk-hunter2").unwrap());
    assert_eq!(eu.upstream.base_url, "https://relay.example.com/base");
    assert_eq!(eu.upstream.proxy, UpstreamProxy::None);
    assert_eq!(eu.store, StoreConfig::parse("redis://localhost/2?prefix=eu+%26+co").unwrap());
    assert_eq!((&*us.name, us.on), ("us", true));
    assert_eq!(us.store.to_string(), "rediss://writer@redis.internal:7000/1");
    let StoreConfig::Redis(redis) = &us.store else { panic!("it is Redis") };
    assert_eq!(redis.login.password.as_deref(), Some("hunter2@:/?#%"), "no character of it is syntax");
    let StoreConfig::DynamoDb(dynamodb) = &aws.store else { panic!("it is DynamoDB") };
    assert_eq!(dynamodb.role.as_ref().unwrap().external_id.as_deref(), Some("hunter2@:/?#%"));
    assert_eq!((&*dynamodb.prefix, dynamodb.region.as_deref()), ("aws", Some("eu-west-1")));
    assert_eq!(mirror.store.to_string(), "local:/var/lib/mirror.bigseg");
    assert!(parse("").unwrap().integrations.is_empty());
}

#[test]
fn all_problems_are_reported_at_once() {
    let found = problems(
        r#"state_directory = "/nowhere/at/all"
colour = "red"
[[integration]]
id = "bad id"
nmae = "typo"
on = "yes"
sdk_key = "${NOT_SET}"
base_url = "ftp://example.com"
stream_url = "nonsense"
store = "reids://hunter2@localhost"

[[integration]]
name = "no id, no key, no store"

[[integration]]
id = "table"
sdk_key = "${SPACED}"
[integration.store]
type = "redis"
password = 5
tls = "true"
pasword = "hunter2"
"#,
    );
    let expected = [
        (1, "create it"),
        (2, "there is no field colour"),
        (4, "id must be"),
        (5, "no field nmae; did you mean name?"),
        (6, "on must be true or false"),
        (7, "NOT_SET is not set"),
        (8, "base_url must begin with https://"),
        (9, "stream_url is not a URL"),
        (10, "unknown store scheme"),
        (12, "id is missing"),
        (12, "sdk_key is missing"),
        (12, "store is missing"),
        (17, "the SDK key is empty, or holds white space"),
        (18, "store: host is missing"),
        (20, "password must be a text"),
        (21, "tls must be true or false"),
        (22, "no field pasword; did you mean password?"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, message), (expected_line, words)) in found.iter().zip(expected) {
        assert!(
            *line == expected_line && message.contains(words),
            "{line}: {message} / {expected_line} {words}"
        );
    }
}

#[test]
fn each_field_of_a_store_is_checked() {
    let store = |fields: &str| {
        problems(&format!("[[integration]]\nid = \"x\"\nsdk_key = \"k\"\nstore = {{ {fields} }}"))
    };
    for (fields, words) in [
        (r#"host = "x""#, "type is missing"),
        (r#"type = "mysql""#, "type must be redis, dynamodb or local"),
        (r#"type = "redis", host = "x", port = "6379""#, "port must be a whole number"),
        (r#"type = "redis", host = "x", port = 70000"#, "the port is not a number"),
        (r#"type = "redis", host = "hunter2@x""#, "host must be a name"),
        (r#"type = "redis", host = "x", password = 5"#, "password must be a text"),
        (r#"type = "redis", host = "x", tls = 1"#, "tls must be true or false"),
        (r#"type = "redis", host = "x", table = "y""#, "there is no field table"),
        (r#"type = "dynamodb", table = "x""#, "3 to 255"),
        (r#"type = "dynamodb", table = "table", region = "Moon!""#, "region is not"),
        (r#"type = "local""#, "path is missing"),
        (r#"url = "redis://h", host = "x""#, "there is no field host"),
        (r#"url = "redis://h", connect_timeout = true"#, "connect_timeout must be"),
        (r#"tls = true, url = 5"#, "url must be a text"),
    ] {
        let found = store(fields);
        assert!(found.len() == 1 && found[0].0 == 4 && found[0].1.contains(words), "{fields}: {found:?}");
    }
    let found = problems("[[integration]]\nid = \"x\"\nsdk_key = \"k\"\nstore = \"memory:\"\n");
    assert!(found[0].1.contains("memory store"), "{found:?}");
    let found = problems(
        "[[integration]]\nid = \"x\"\nsdk_key = \"k\"\nprefix = \"a\"\nstore = \"redis://h?prefix=b\"\n",
    );
    assert!(found[0].0 == 5 && found[0].1.contains("given twice"), "{found:?}");
}

#[test]
fn two_integrations_cannot_share_an_id_or_a_store() {
    let one = |id: &str, store: &str| {
        format!("[[integration]]\nid = \"{id}\"\nsdk_key = \"k\"\nstore = \"{store}\"\n")
    };
    let found = problems(&[one("a", "redis://h"), one("a", "redis://other")].concat());
    assert!(found.len() == 1 && found[0].0 == 5 && found[0].1.contains("line 1"), "{found:?}");
    let found = problems(&[one("a", "redis://h"), one("b", "redis://u:hunter2@h:6379/0")].concat());
    assert!(found.len() == 1 && found[0].0 == 8 && found[0].1.contains("that of a (line 1)"), "{found:?}");
    assert!(parse(&[one("a", "redis://h?prefix=a"), one("b", "redis://h?prefix=b")].concat()).is_ok());
}

#[test]
fn a_file_that_is_not_toml_is_reported_without_repeating_it() {
    for text in
        ["sdk_key = hunter2", "sdk_key = \"hunter2\nx", "= 5", "[[integration]\nsdk_key = \"hunter2\""]
    {
        let found = problems(&format!("# a comment\n{text}"));
        assert!(found.len() == 1 && found[0].0 >= 1 && found[0].1.contains("no TOML"), "{text}: {found:?}");
    }
    let found = problems("[integration]\nid = \"x\"\n");
    assert!(found[0].1.contains("[[integration]]"), "{found:?}");
}

/// Reads the file of one integration whose store is a table with a store string and options.
fn store_of_table(case: &Value) -> Result<StoreConfig, FileProblems> {
    let quoted = |text: &str| format!("{:?}", text.replace("${", "$${"));
    let fields = case["options"].as_object().unwrap().iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name} = {}\n", quoted(text)),
        other => format!("{name} = {other}\n"),
    });
    let fields: String = fields.collect();
    let url = quoted(vector_files::text(&case["store"]));
    let file = parse(&format!(
        "[[integration]]\nid = \"x\"\nsdk_key = \"k\"\n[integration.store]\nurl = {url}\n{fields}"
    ));
    file.map(|file| file.integrations.into_iter().next().expect("there is one").store)
}

#[test]
#[cfg(all(feature = "redis", feature = "dynamodb"))]
fn a_table_with_a_store_string_takes_every_option_by_name() {
    for case in vector_files::cases(&vector_files::file("store_options"), "stores") {
        match (store_of_table(case), vector_files::expected_error(case)) {
            (Ok(store), None) => {
                assert_eq!(store.to_string(), vector_files::text(&case["display"]), "{case}");
                assert_eq!(store, StoreConfig::parse(vector_files::text(&case["says"])).unwrap(), "{case}");
            }
            (Err(problems), Some(_)) => {
                for words in vector_files::strings(&case["message_has"]) {
                    assert!(problems.to_string().contains(&words), "{problems} lacks {words}: {case}");
                }
            }
            (Ok(store), Some(_)) => panic!("{case}: {store}"),
            (Err(problems), None) => panic!("{case}: {problems}"),
        }
    }
}
