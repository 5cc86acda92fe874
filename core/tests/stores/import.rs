//! Lists as people have them: what is understood, what is refused, with which line number, and what is never said.

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use bigseg::import::{BadLine, Entry, Import, ImportOptions, LineFormat, LineReader};
use bigseg::store::memory::MemoryStore;
use bigseg::store::{InlineReader, StoreScanner};
use bigseg::testkit::rounds;
use bigseg::testkit::samples::{hash, membership};
use bigseg::{ContextHash, Error, ErrorKind, Membership, Result, SegmentRef};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

const USER1_HASH: &str = "CgQblGLKpKMbrDVn4Lbm/ZEAeH2yq0M9lvbReMq/zpA=";

fn csv() -> LineReader {
    LineReader { format: LineFormat::Csv, segment: None, hashed: false }
}

fn ndjson() -> LineReader {
    LineReader { format: LineFormat::Ndjson, ..csv() }
}

fn with_segment(reader: LineReader) -> LineReader {
    LineReader { segment: Some(SegmentRef::parse("default.g1").unwrap()), ..reader }
}

/// What came of a list.
struct Outcome {
    store: MemoryStore,
    lines: u64,
    bad: Vec<(u64, ErrorKind)>,
}

impl Outcome {
    fn of(&self, key: &str) -> Membership {
        self.by_hash(hash(key))
    }

    fn by_hash(&self, hash: ContextHash) -> Membership {
        let mut found = [Membership::empty()];
        self.store.read(&[hash], &mut found).unwrap();
        found[0].clone()
    }

    fn contexts(&self) -> usize {
        let mut count = 0;
        let scan = self.store.scan(&mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        });
        scan.unwrap();
        count
    }
}

/// Reads a list, leaving out bad lines, and writes the rest to a store.
fn import(reader: &LineReader, list: impl AsRef<[u8]>) -> Outcome {
    let store = MemoryStore::default();
    let mut import = Import::new(Arc::new(store.clone()), ImportOptions::default());
    let mut bad = Vec::new();
    let mut leave_out = |line: BadLine| {
        bad.push((line.line, line.error.kind()));
        Ok(())
    };
    let lines = reader.read(list.as_ref(), &mut import, &mut leave_out).expect("the list can be read");
    import.finish(&mut |_| {}).unwrap();
    Outcome { store, lines, bad }
}

/// Reads a list to its first bad line.
fn first_error(reader: &LineReader, list: impl AsRef<[u8]>) -> Error {
    let mut import = Import::new(Arc::new(MemoryStore::default()), ImportOptions::default());
    reader.read(list.as_ref(), &mut import, &mut |line| Err(line.into())).expect_err("there is a bad line")
}

#[test]
fn csv_without_a_header() {
    let found = import(&csv(), "a,s.g1\nb,s.g1,include\nc,s.g1,exclude\nd,s.g1,\n");
    assert_eq!((found.lines, found.bad.len(), found.contexts()), (4, 0, 4));
    for key in ["a", "b", "d"] {
        assert_eq!(found.of(key), membership(&["s.g1"], &[]), "{key}");
    }
    assert_eq!(found.of("c"), membership(&[], &["s.g1"]));
    let found = import(&with_segment(csv()), "a\nb,\nc,s.g1\nd,,exclude\n");
    assert_eq!(found.of("a"), membership(&["default.g1"], &[]));
    assert_eq!(found.of("b"), membership(&["default.g1"], &[]));
    assert_eq!(found.of("c"), membership(&["s.g1"], &[]));
    assert_eq!(found.of("d"), membership(&[], &["default.g1"]));
}

#[test]
fn csv_with_a_header_in_any_order() {
    let found = import(&csv(), "segment,Membership, KEY \ns.g1,exclude,a\ns.g1,include,b\n");
    assert_eq!(found.of("a"), membership(&[], &["s.g1"]));
    assert_eq!(found.of("b"), membership(&["s.g1"], &[]));
    assert_eq!(found.contexts(), 2, "the header is no context");
    let found = import(&with_segment(csv()), "key\na\n");
    assert_eq!((found.of("a"), found.contexts()), (membership(&["default.g1"], &[]), 1));
    let found = import(&csv(), format!("hash,segment\n{USER1_HASH},s.g1\n"));
    assert_eq!(found.of("user1"), membership(&["s.g1"], &[]));
    let found = import(&csv(), "key,s.g1\n");
    assert_eq!(found.of("key"), membership(&["s.g1"], &[]), "a context that happens to be called key");
    let error = first_error(&csv(), "key,segment,colour\na,s.g1,red\n");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().starts_with("line 1: "), "{error}");
}

#[test]
fn hashes_instead_of_keys() {
    let reader = LineReader { hashed: true, ..csv() };
    let found = import(&reader, format!("{USER1_HASH},s.g1\nuser1,s.g1\n"));
    assert_eq!(found.of("user1"), membership(&["s.g1"], &[]));
    assert_eq!(found.bad, [(2, ErrorKind::InvalidContextHash)]);
    let found = import(&ndjson(), format!("{{\"hash\":\"{USER1_HASH}\",\"included\":[\"s.g1\"]}}"));
    assert_eq!(found.of("user1"), membership(&["s.g1"], &[]));
}

#[test]
fn ndjson_objects() {
    let list = concat!(
        "{\"key\":\"a\",\"included\":[\"s.g1\",\"t.g1\"],\"excluded\":[\"u.g1\"]}\n",
        "\n   \n",
        "{ \"excluded\" : [ \"s.g1\" ] , \"key\" : \"b\\u00e9\\n\" }",
    );
    let found = import(&ndjson(), list);
    assert_eq!((found.lines, found.bad.len()), (4, 0));
    assert_eq!(found.of("a"), membership(&["s.g1", "t.g1"], &["u.g1"]));
    assert_eq!(found.of("bé\n"), membership(&[], &["s.g1"]), "escapes mean what they mean in JSON");
    let found = import(&with_segment(ndjson()), "{\"key\":\"a\"}\n{\"key\":\"b\",\"included\":[\"s.g1\"]}\n");
    assert_eq!(found.of("a"), membership(&["default.g1"], &[]));
    assert_eq!(found.of("b"), membership(&["s.g1"], &[]));
}

#[test]
fn where_a_list_says_both_included_wins() {
    let found = import(&csv(), "a,s.g1,include\na,s.g1,exclude\nb,s.g1,exclude\nb,s.g1,include\n");
    assert_eq!(found.of("a"), membership(&["s.g1"], &[]));
    assert_eq!(found.of("b"), membership(&["s.g1"], &[]));
}

#[test]
fn quotes_line_ends_and_blank_lines() {
    let found =
        import(&csv(), "\"a,b\",s.g1\r\n\"say \"\"hi\"\"\",s.g1\r\n\"two\nlines\",s.g1\r\n\r\n c ,s.g1");
    assert_eq!(found.bad, []);
    for key in ["a,b", "say \"hi\"", "two\nlines", " c "] {
        assert_eq!(found.of(key), membership(&["s.g1"], &[]), "{key:?}");
    }
    assert_eq!(found.contexts(), 4);
    let found = import(
        &ndjson(),
        "{\"key\":\"a\",\"included\":[\"s.g1\"]}\r\n{\"key\":\"b\",\"included\":[\"s.g1\"]}\r\n",
    );
    assert_eq!((found.contexts(), found.bad.len()), (2, 0));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_list() {
    let found = import(&csv(), "\u{feff}key,segment\na,s.g1\n");
    assert_eq!((found.of("a"), found.contexts()), (membership(&["s.g1"], &[]), 1), "before a header");
    let found = import(&csv(), "\u{feff}a,s.g1\n");
    assert_eq!(found.of("a"), membership(&["s.g1"], &[]), "before a context");
    let found = import(&csv(), "\u{feff}\"a,b\",s.g1\n");
    assert_eq!(found.of("a,b"), membership(&["s.g1"], &[]), "before a quote");
    let found = import(&ndjson(), "\u{feff}{\"key\":\"a\",\"included\":[\"s.g1\"]}\n");
    assert_eq!((found.of("a"), found.bad.len()), (membership(&["s.g1"], &[]), 0));
    let found = import(&csv(), gzip("\u{feff}a,s.g1\n".as_bytes()));
    assert_eq!(found.of("a"), membership(&["s.g1"], &[]), "inside gzip");
    let found = import(&csv(), "a,s.g1\n\u{feff}b,s.g1\n");
    assert_eq!(found.of("\u{feff}b"), membership(&["s.g1"], &[]), "anywhere else it is a character");
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_list_in_silence() {
    for end in ["", "\n", "\r\n", "\n\n"] {
        let mut import = Import::new(Arc::new(MemoryStore::default()), ImportOptions::default());
        let list = format!("a,s.g1\n\n\"b,s.g1\nc,s.g1{end}");
        let error = with_segment(csv()).read(list.as_bytes(), &mut import, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().starts_with("line 3: "), "{error}");
    }
    let found = import(&csv(), "a,s.g1\nit\"s b,s.g1\nc,s.g1\n");
    assert_eq!(found.of("it\"s b"), membership(&["s.g1"], &[]), "a quote inside a field is a character");
}

/// Gives one byte at a time, as a slow pipe may.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn a_list_may_trickle_in() {
    let marked = "\u{feff}key,segment\na,s.g1\n".as_bytes();
    for list in [marked.to_vec(), gzip(marked)] {
        let mut import = Import::new(Arc::new(MemoryStore::default()), ImportOptions::default());
        csv().read(Trickle(&list), &mut import, &mut |line| Err(line.into())).unwrap();
        assert_eq!(import.len(), 1);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn gzip_in_one_piece_or_several() {
    let several = [gzip(b"a,s.g1\nb,s"), gzip(b".g1\nc,s.g1\n")].concat();
    let found = import(&csv(), &several);
    assert_eq!((found.contexts(), found.bad.len()), (3, 0));
    assert_eq!(found.of("b"), membership(&["s.g1"], &[]));
    let whole = gzip("a,s.g1\n".repeat(1000).as_bytes());
    let mut import = Import::new(Arc::new(MemoryStore::default()), ImportOptions::default());
    let error = csv().read(&whole[..whole.len() - 9], &mut import, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "a list that was cut short is not a shorter list");
    let error = csv().read(&b"\x1f\x8bnot gzip"[..], &mut import, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn empty_lists() {
    for list in ["", "\n", "\r\n\n", "\u{feff}"] {
        for reader in [csv(), ndjson()] {
            let found = import(&reader, list);
            assert_eq!((found.contexts(), found.bad.len()), (0, 0), "{list:?}");
        }
    }
    assert_eq!(import(&csv(), gzip(b"")).contexts(), 0);
    assert_eq!(import(&csv(), "key,segment\n").contexts(), 0);
}

#[test]
fn bad_lines_are_numbered_as_an_editor_numbers_them() {
    let list = concat!(
        "key,segment,membership\n",
        "good,s.g1,\n",
        ",s.g1,\n",
        "\n",
        "a,no ref,\n",
        "\"two\nlines\",s.g1,\n",
        "a,s.g1,perhaps\n",
        "a,,\n",
        "a,s.g1,,\n",
    );
    use ErrorKind::{InvalidContextKey, InvalidInput, InvalidSegmentRef};
    let expected = [
        (3, InvalidContextKey),
        (5, InvalidSegmentRef),
        (8, InvalidInput),
        (9, InvalidInput),
        (10, InvalidInput),
    ];
    for list in [list.to_owned(), list.replace('\n', "\r\n"), list.trim_end().to_owned()] {
        let found = import(&csv(), &list);
        assert_eq!(found.bad, expected, "{list:?}");
        assert_eq!(found.contexts(), 2, "the others are kept");
    }
    let list = concat!(
        "{\"key\":\"a\",\"included\":[\"s.g1\"]}\n",
        "{\"key\":\"b\"}\n",
        "\n",
        "not json\n",
        "[]\n",
        "{\"key\":\"\",\"included\":[\"s.g1\"]}\n",
        "{\"key\":\"c\",\"hash\":\"x\",\"included\":[\"s.g1\"]}\n",
        "{\"included\":[\"s.g1\"]}\n",
        "{\"key\":\"d\",\"included\":[\"s.g1\",\"no ref\"]}\n",
        "{\"key\":\"e\",\"includes\":[\"s.g1\"]}\n",
    );
    let found = import(&ndjson(), list);
    let expected = [
        (2, InvalidInput),
        (4, InvalidInput),
        (5, InvalidInput),
        (6, InvalidContextKey),
        (7, InvalidInput),
        (8, InvalidInput),
        (9, InvalidSegmentRef),
        (10, InvalidInput),
    ];
    assert_eq!(found.bad, expected);
    assert_eq!(found.contexts(), 1, "of a bad line nothing is kept");
}

#[test]
fn bytes_that_are_not_utf_8_are_bad_lines() {
    let found = import(&csv(), b"a,s.g1\n\xff\xfe,s.g1\nb,\xff.g1\n");
    assert_eq!(found.bad, [(2, ErrorKind::InvalidContextKey), (3, ErrorKind::InvalidInput)]);
    let found = import(&ndjson(), b"{\"key\":\"\xff\",\"included\":[\"s.g1\"]}\n");
    assert_eq!(found.bad, [(1, ErrorKind::InvalidInput)]);
}

#[test]
fn a_fatal_bad_line_leaves_the_store_as_it_was() {
    let store = MemoryStore::default();
    let options =
        || ImportOptions { replace: Some(SegmentRef::parse("s.g1").unwrap()), ..ImportOptions::default() };
    let mut before = Import::new(Arc::new(store.clone()), options());
    before.add(hash("old"), "s.g1", Entry::Include).unwrap();
    before.finish(&mut |_| {}).unwrap();
    let synchronized = store.read_metadata().unwrap();
    let mut import = Import::new(Arc::new(store.clone()), options());
    let fatal = &mut |line: BadLine| -> Result<()> { Err(line.into()) };
    let error = csv().read(&b"new,s.g1\nbad,\n"[..], &mut import, fatal).unwrap_err();
    assert!(error.message().starts_with("line 2: "), "{error}");
    drop(import);
    let outcome = Outcome { store: store.clone(), lines: 0, bad: Vec::new() };
    assert_eq!((outcome.of("old"), outcome.contexts()), (membership(&["s.g1"], &[]), 1));
    assert_eq!(store.read_metadata().unwrap(), synchronized);
}

#[test]
fn a_huge_line_and_a_long_list() {
    let key = "k".repeat(5 << 20);
    let found = import(&csv(), format!("{key},s.g1\nb,s.g1\n"));
    assert_eq!(found.of(&key), membership(&["s.g1"], &[]));
    let refs = (0..50_000).map(|n| format!("\"segment-{n}.g1\"")).collect::<Vec<_>>().join(",");
    let found = import(&ndjson(), format!("{{\"key\":\"{key}\",\"included\":[{refs}]}}\n"));
    assert_eq!(found.of(&key).len(), 50_000);
    let list: String = (0..30_000).map(|n| format!("context-{n},segment-{}.g1\n", n % 7)).collect();
    let store = MemoryStore::default();
    // So little memory that most of the list goes through temporary files.
    let options = ImportOptions { records_in_memory: 1000, ..ImportOptions::default() };
    let mut import = Import::new(Arc::new(store.clone()), options);
    csv().read(list.as_bytes(), &mut import, &mut |line| Err(line.into())).unwrap();
    assert_eq!(import.finish(&mut |_| {}).unwrap().contexts, 30_000);
    let outcome = Outcome { store, lines: 0, bad: Vec::new() };
    assert_eq!(outcome.contexts(), 30_000);
    assert_eq!(outcome.of("context-8"), membership(&["segment-1.g1"], &[]));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: rounds(400, 100_000) as u32,
        rng_seed: proptest::test_runner::RngSeed::Fixed(3),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b','), Just(b'\n'), Just(b'"'), Just(b'{')], 0..300),
        packed: bool,
    ) {
        for reader in [csv(), ndjson(), with_segment(csv()), LineReader { hashed: true, ..csv() }] {
            let bytes = if packed { gzip(&bytes) } else { bytes.clone() };
            let mut import = Import::new(Arc::new(MemoryStore::default()), ImportOptions::default());
            let mut last = 0;
            let read = reader.read(&*bytes, &mut import, &mut |line| {
                assert!(line.line > last, "line numbers grow");
                last = line.line;
                Ok(())
            });
            if let Err(error) = read {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
        }
    }

    /// The secret may stand anywhere in a line, well-formed or not.
    #[test]
    fn no_error_repeats_a_key(
        secret in "[A-Z][a-z]{8,12}[0-9]{3}",
        before in "[a-z,\"{}:\\[\\] ]{0,12}",
        after in "[a-z,\"{}:\\[\\] .0-9]{0,12}",
        shape in 0usize..9,
    ) {
        let line = match shape {
            0 => format!("{secret},{after}"),
            1 => format!("{before}{secret}{after}"),
            2 => format!("{{\"key\":\"{secret}\"{after}"),
            3 => format!("{{\"key\":\"{secret}\",\"included\":[\"no ref\"]}}"),
            4 => format!("{{\"hash\":\"{secret}\",\"included\":[\"s.g1\"]}}"),
            5 => format!("{{\"{secret}\":1}}"),
            6 => format!("s.g1,{secret}"),
            7 => format!("{{\"key\":\"a\",\"included\":[\"{secret}\"]}}"),
            _ => format!("{{\"key\":{{\"{secret}\":1}}}}"),
        };
        for reader in [csv(), ndjson(), LineReader { hashed: true, ..csv() }] {
            let mut import = Import::new(Arc::new(MemoryStore::default()), ImportOptions::default());
            let mut said = String::new();
            let read = reader.read(line.as_bytes(), &mut import, &mut |line| {
                said.push_str(&format!("{line} {line:?} {:?}", Error::from(line.clone())));
                Ok(())
            });
            said.push_str(&format!("{read:?}"));
            prop_assert!(!said.contains(&secret), "{}", said);
        }
    }
}
