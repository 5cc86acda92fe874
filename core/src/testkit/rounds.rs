//! The effort of randomized tests.

/// Returns the number of rounds of a randomized or repeated test: `soak` in a soak run
/// (`BIGSEG_SOAK` is set to anything), else `normal`.
pub fn rounds(normal: usize, soak: usize) -> usize {
    if std::env::var_os("BIGSEG_SOAK").is_some() { soak } else { normal }
}
