//! Parsers on random input: each returns a value or a clean error, and repeats nothing that may be
//! a secret.

use bigseg::patch::Patch;
use bigseg::{ContextHash, ErrorKind, SegmentRef, StoreConfig};
use proptest::prelude::*;

/// Runs more cases in a soak run; a normal run always has the same ones.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: bigseg::testkit::rounds(512, 200_000) as u32,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Generates text that often resembles a store URL.
fn store_string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("local:".to_owned()),
        Just("memory:".to_owned()),
        Just("redis://".to_owned()),
        Just("?map_size=".to_owned()),
        Just("&".to_owned()),
        Just("=".to_owned()),
        Just("16G".to_owned()),
        "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_context_hash_is_what_it_prints(text in prop_oneof!["\\PC{0,60}", "[A-Za-z0-9+/]{43}=", "[A-Za-z0-9+/=]{44}"]) {
        match ContextHash::parse(&text) {
            Ok(hash) => prop_assert_eq!(hash.to_string(), text),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidContextHash),
        }
    }

    #[test]
    fn every_32_bytes_survive_their_text(bytes: [u8; 32]) {
        let hash = ContextHash::from_bytes(bytes);
        prop_assert_eq!(ContextHash::parse(hash.to_string()).unwrap(), hash);
    }

    #[test]
    fn a_segment_ref_is_its_key_and_generation(text in prop_oneof!["\\PC{0,20}", "\\PC{0,6}\\.g[0-9]{0,22}"]) {
        match SegmentRef::parse(&text) {
            Ok(parsed) => {
                let rebuilt = SegmentRef::new(parsed.segment_key(), parsed.generation().unwrap()).unwrap();
                prop_assert_eq!(rebuilt.as_str(), text);
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidSegmentRef),
        }
    }

    #[test]
    fn any_key_and_generation_make_a_segment_ref(
        key in "\\PC{1,20}".prop_filter("no white space around it", |key| key.trim() == key),
        generation: u64,
    ) {
        let made = SegmentRef::new(&key, generation).unwrap();
        let parsed = SegmentRef::parse(made.as_str()).unwrap();
        prop_assert_eq!((parsed.segment_key(), parsed.generation()), (key.as_str(), Some(generation)));
    }

    #[test]
    fn a_store_string_survives_its_own_display(text in store_string()) {
        match StoreConfig::parse(&text) {
            Ok(store) => prop_assert_eq!(StoreConfig::parse(&store.to_string()).unwrap(), store),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidConfig),
        }
    }

    #[test]
    fn no_error_repeats_what_follows_a_scheme(scheme in "[a-z]{1,8}", secret in "[A-Z]{8,20}") {
        for text in [format!("{scheme}x://user:{secret}@host"), format!("local:/p?{secret}"), format!("memory:?a={secret}")] {
            if let Err(error) = StoreConfig::parse(&text) {
                let message = format!("{error} {error:?}");
                // The message names an unknown option unless it is too long, and never its value.
                prop_assert!(!message.contains(&secret) || text == format!("local:/p?{secret}"), "{}", message);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_patch_or_a_clean_error(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        r#"\{"segmentId":"[a-z.]{0,6}g?[0-9]{0,2}","version":"[0-9]{0,2}","changes":(null|\{\}|\{"included":(null|\{"add":(null|\[\]|\["[A-Za-z]{0,44}"\])\})\})\}"#
            .prop_map(String::into_bytes),
    ]) {
        if let Err(error) = Patch::from_json(&bytes) {
            prop_assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidSegmentRef));
        }
    }
}
