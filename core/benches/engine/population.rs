//! The population every figure is measured on: contexts in 1 to 3 of 20 segments.

use std::sync::Arc;

use bigseg::import::{Entry, Import, ImportOptions};
use bigseg::store::StoreWriter;
use bigseg::{ContextHash, ContextKey};

/// Returns the key of a context.
pub(crate) fn key(context: usize) -> String {
    write_key(context, &mut [0; 17]).to_owned()
}

/// Writes the key of a context into a buffer: fetching it from a table of a million keys would cost more than hashing.
pub(crate) fn write_key(context: usize, buffer: &mut [u8; 17]) -> &str {
    buffer[..5].copy_from_slice(b"user-");
    let mut rest = context;
    for digit in buffer[5..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    std::str::from_utf8(buffer).expect("ASCII")
}

/// Returns the hash of a context.
pub(crate) fn hash(context: usize) -> ContextHash {
    ContextKey::new(&key(context)).expect("not empty").hash()
}

/// Visits the indices below `count` in an order that no cache can guess.
pub(crate) fn scatter(i: usize, count: usize) -> usize {
    (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) as usize % count
}

/// Fills a store with the first `count` contexts.
pub(crate) fn fill(writer: Arc<dyn StoreWriter>, count: usize) {
    let segments: Vec<String> = (0..20).map(|segment| format!("segment-{segment}.g1")).collect();
    let mut import = Import::new(writer, ImportOptions::default());
    for context in 0..count {
        for nth in 0..1 + context % 3 {
            let segment = &segments[(context * 7 + nth * 11) % segments.len()];
            let entry = if nth == 2 { Entry::Exclude } else { Entry::Include };
            import.add(hash(context), segment, entry).expect("a good segment ref");
        }
    }
    import.finish(&mut |_| {}).expect("the store takes it");
}
