//! Runs tests/vectors in Rust; `tests/vectors/README.md` says what they mean.

use crate::vector_files::{cases, expected_error, file, strings, text};
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::local::{LocalConfig, LocalReader, LocalWriter};
use bigseg::store::memory::MemoryStore;
use bigseg::store::{Cursor, OptionValue, StoreScanner, StoreWriter, parse_synchronized_on};
use bigseg::{ContextHash, ContextKey, ErrorKind, LookupStatus, Membership, SegmentRef, StoreConfig};
use serde_json::Value;

/// Compares a result with a case that has either an `error` or what `check` looks at.
fn verdict<T>(case: &Value, result: bigseg::Result<T>, check: impl FnOnce(T)) {
    match (result, expected_error(case)) {
        (Ok(value), None) => check(value),
        (Err(error), Some(kind)) => assert_eq!(error.kind().name(), kind, "{case}: {error}"),
        (Ok(_), Some(kind)) => panic!("{case}: succeeded instead of {kind}"),
        (Err(error), None) => panic!("{case}: {error}"),
    }
}

#[test]
fn hash() {
    let file = file("hash");
    for case in cases(&file, "hash") {
        let key: Vec<u8> = if let Some(hex) = case["key_hex"].as_str() {
            (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
        } else if let Some(repeat) = case.get("repeat") {
            text(&repeat["text"]).repeat(repeat["times"].as_u64().unwrap() as usize).into()
        } else {
            text(&case["key"]).into()
        };
        verdict(case, ContextKey::from_bytes(&key), |key| {
            assert_eq!(key.hash().to_string(), text(&case["hash"]))
        });
    }
    for case in cases(&file, "parse") {
        verdict(case, ContextHash::parse(text(&case["text"])), |hash| {
            assert_eq!(hash.to_string(), text(&case["text"]));
        });
    }
}

#[test]
fn segment_ref() {
    let file = file("segment_ref");
    for case in cases(&file, "parse") {
        verdict(case, SegmentRef::parse(text(&case["text"])), |parsed| {
            assert_eq!(parsed.segment_key(), text(&case["key"]));
            assert_eq!(parsed.generation(), case["generation"].as_u64());
        });
    }
    for case in cases(&file, "format") {
        let made = SegmentRef::new(text(&case["key"]), case["generation"].as_u64().unwrap());
        verdict(case, made, |made| assert_eq!(made.as_str(), text(&case["text"])));
    }
}

#[test]
fn membership() {
    for case in cases(&file("membership"), "memberships") {
        let refs = |list: &Value| strings(list).into_iter().map(SegmentRef::from_store).collect::<Vec<_>>();
        let membership = Membership::new(refs(&case["included"]), refs(&case["excluded"]));
        for (segment_ref, expected) in case["checks"].as_object().unwrap() {
            assert_eq!(membership.check(segment_ref), expected.as_bool(), "{segment_ref} in {case}");
        }
    }
}

/// Returns whether this build has what a case needs.
fn is_built(case: &&Value) -> bool {
    match case["needs"].as_str() {
        None => true,
        Some("redis") => cfg!(feature = "redis"),
        Some("dynamodb") => cfg!(feature = "dynamodb"),
        Some(other) => panic!("there is no feature {other}"),
    }
}

/// Checks the words of an error's message.
fn check_message(case: &Value, error: &bigseg::Error) {
    for word in strings(&case["message_has"]) {
        assert!(error.message().contains(&word), "{error} lacks {word}");
    }
    for word in strings(&case["message_lacks"]) {
        assert!(!format!("{error} {error:?}").contains(&word), "{error} repeats {word}");
    }
}

#[test]
fn store_url() {
    for case in cases(&file("store_url"), "stores").iter().filter(is_built) {
        let parsed = StoreConfig::parse(text(&case["text"]));
        if let Err(error) = &parsed {
            check_message(case, error);
        }
        verdict(case, parsed, |store| assert_eq!(store.to_string(), text(&case["display"])));
    }
}

#[test]
fn store_options() {
    for case in cases(&file("store_options"), "stores").iter().filter(is_built) {
        let options = case["options"].as_object().unwrap().iter().map(|(name, value)| {
            let value = match value {
                Value::Bool(flag) => OptionValue::Flag(*flag),
                Value::Number(number) => OptionValue::Number(number.as_f64().unwrap()),
                other => OptionValue::from(text(other)),
            };
            assert!(!format!("{value:?}").contains("hunter2"), "a value is shown");
            (name.as_str(), value)
        });
        let made = StoreConfig::from_parts(text(&case["store"]), options);
        if let Err(error) = &made {
            check_message(case, error);
        }
        verdict(case, made, |store| {
            assert_eq!(store.to_string(), text(&case["display"]), "{case}");
            assert_eq!(store, StoreConfig::parse(text(&case["says"])).unwrap(), "{case}");
        });
    }
}

#[test]
fn error_kinds() {
    let file = file("error_kinds");
    let table: Vec<(&str, u64, bool)> = cases(&file, "kinds")
        .iter()
        .map(|kind| {
            (text(&kind["name"]), kind["number"].as_u64().unwrap(), kind["retryable"].as_bool().unwrap())
        })
        .collect();
    let kinds: Vec<_> =
        ErrorKind::ALL.iter().map(|kind| (kind.name(), u64::from(kind.number()), kind.retryable())).collect();
    assert_eq!(kinds, table);
}

#[test]
fn lookup_status() {
    let file = file("lookup_status");
    for status in LookupStatus::ALL {
        assert_eq!(file["numbers"][status.name()], *status as u64);
    }
    for case in cases(&file, "worst") {
        let named = |name: &str| *LookupStatus::ALL.iter().find(|status| status.name() == name).unwrap();
        let worst = strings(&case["statuses"]).iter().map(|name| named(name)).reduce(LookupStatus::worst);
        assert_eq!(worst.unwrap().name(), text(&case["worst"]), "{case}");
    }
}

#[test]
fn sync_time() {
    for case in cases(&file("sync_time"), "times") {
        verdict(case, parse_synchronized_on(case["text"].as_str()), |millis| {
            assert_eq!(millis, case["millis"].as_i64(), "{case}");
        });
    }
}

fn outcome_name(outcome: PatchOutcome) -> &'static str {
    match outcome {
        PatchOutcome::Applied => "applied",
        PatchOutcome::AlreadyApplied => "already_applied",
        PatchOutcome::OutOfOrder => "out_of_order",
        PatchOutcome::DataLost => "data_lost",
    }
}

/// Plays one sequence of patches on an empty store.
fn play_patches(sequence: &Value, writer: &dyn StoreWriter, scanner: &dyn StoreScanner) {
    for step in sequence["steps"].as_array().unwrap() {
        let result = Patch::from_json(step["patch"].to_string().as_bytes())
            .and_then(|patch| writer.apply(&patch, Cursor::Advance));
        verdict(step, result, |outcome| assert_eq!(outcome_name(outcome), text(&step["outcome"]), "{step}"));
    }
    assert_eq!(writer.cursor().unwrap().as_deref(), sequence["cursor"].as_str(), "{sequence}");
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    scanner
        .scan(&mut |hash, membership| {
            let listed = |refs: &[SegmentRef]| refs.iter().any(|r| r.as_str() == "s.g1");
            included.extend(listed(membership.included()).then(|| hash.to_string()));
            excluded.extend(listed(membership.excluded()).then(|| hash.to_string()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(included), sorted(strings(&sequence["included"])), "{sequence}");
    assert_eq!(sorted(excluded), sorted(strings(&sequence["excluded"])), "{sequence}");
}

/// Plays every sequence on a store in Redis, each under a prefix of its own.
#[cfg(feature = "redis")]
#[test]
fn patch_on_redis() {
    bigseg::needs!(Redis);
    let server = bigseg::testkit::RedisServer::start();
    for (number, sequence) in cases(&file("patch"), "sequences").iter().enumerate() {
        let store = StoreConfig::parse(&server.store("", &format!("prefix={number}"))).unwrap();
        play_patches(sequence, &*store.writer().unwrap(), &*store.scanner().unwrap());
    }
}

/// Plays every sequence on stores in DynamoDB.
#[cfg(feature = "dynamodb")]
#[test]
fn patch_on_dynamodb() {
    use bigseg::testkit::DynamoDbServer;
    let servers = [Some(DynamoDbServer::start()), DynamoDbServer::start_local()];
    for server in servers.iter().flatten() {
        for (number, sequence) in cases(&file("patch"), "sequences").iter().enumerate() {
            let store = server.store(&format!("prefix={number}&response_timeout=60s"));
            let store = StoreConfig::parse(&store).unwrap();
            play_patches(sequence, &*store.writer().unwrap(), &*store.scanner().unwrap());
        }
    }
}

#[test]
fn patch() {
    for sequence in cases(&file("patch"), "sequences") {
        let memory = MemoryStore::default();
        play_patches(sequence, &memory, &memory);
        let directory = tempfile::tempdir().unwrap();
        let local = LocalConfig::new(directory.path().join("store"));
        play_patches(sequence, &LocalWriter::open(&local).unwrap(), &LocalReader::new(local.clone()));
    }
}

#[cfg(feature = "integration")]
#[test]
fn integration() {
    use bigseg::integration::{IntegrationDefinition, IntegrationState};
    use bigseg::sync::{SdkKey, Upstream};

    let file = file("integration");
    let states: Vec<String> = IntegrationState::ALL.iter().map(|state| state.name().to_owned()).collect();
    assert_eq!(strings(&file["states"]), states);
    for case in cases(&file, "refused") {
        let given = |field: &str, otherwise: &str| case[field].as_str().unwrap_or(otherwise).to_owned();
        let define = || {
            let mut upstream = Upstream::new(SdkKey::new(&given("sdk_key", "key"))?);
            upstream.base_url = given("base_url", Upstream::DEFAULT_BASE_URL);
            let store = StoreConfig::parse(&given("store", "memory:x"))?;
            let mut definition = IntegrationDefinition::new(given("id", "main"), upstream, store);
            definition.name = given("name", "Main");
            definition.project = given("project", "");
            definition.environment = given("environment", "");
            definition.validate()
        };
        let error = define().expect_err(&case.to_string());
        assert_eq!(Some(error.kind().name()), expected_error(case), "{case}: {error}");
        assert!(error.message().contains(text(&case["message_has"])), "{case}: {error}");
    }
}
