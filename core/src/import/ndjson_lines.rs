//! Reads lists in NDJSON.

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;

use super::importer::Import;
use super::lines::{BadLine, LineReader, invalid, is_about_input, unreadable};
use crate::context_key::{ContextHash, ContextKey};
use crate::error::Result;
use crate::segment_ref::SegmentRef;
use crate::store::Entry;

/// One line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hash: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    included: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    excluded: Vec<Cow<'a, str>>,
}

impl LineReader {
    pub(super) fn read_ndjson(
        &self,
        mut input: impl BufRead,
        import: &mut Import,
        bad_line: &mut dyn FnMut(BadLine) -> Result<()>,
    ) -> Result<u64> {
        let mut text = Vec::new();
        let mut line = 0;
        loop {
            text.clear();
            if input.read_until(b'\n', &mut text).map_err(unreadable)? == 0 {
                return Ok(line);
            }
            line += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            match self.add_object(&text, import) {
                Err(error) if is_about_input(&error) => bad_line(BadLine { line, error })?,
                result => result?,
            }
        }
    }

    fn add_object(&self, text: &[u8], import: &mut Import) -> Result<()> {
        // The parser's message could repeat the key, so only the column is reported.
        let object: Object<'_> = serde_json::from_slice(text).map_err(|e| {
            invalid(&format!(
                "malformed object at column {}; expected key or hash, included, excluded",
                e.column()
            ))
        })?;
        let hash = match (&object.key, &object.hash) {
            (Some(key), None) => ContextKey::new(key)?.hash(),
            (None, Some(hash)) => ContextHash::parse(hash.as_bytes())?,
            _ => return Err(invalid("the object must have either a key or a hash")),
        };
        if object.included.is_empty() && object.excluded.is_empty() {
            let segment = self
                .segment
                .as_ref()
                .ok_or_else(|| invalid("no segment is named, and there is no default segment"))?;
            return import.add(hash, segment.as_str(), Entry::Include);
        }
        // All refs are parsed first, so that a bad line adds nothing.
        for segment in object.included.iter().chain(&object.excluded) {
            SegmentRef::parse(segment)?;
        }
        for (segments, entry) in [(&object.included, Entry::Include), (&object.excluded, Entry::Exclude)] {
            for segment in segments {
                import.add(hash, segment, entry)?;
            }
        }
        Ok(())
    }
}
