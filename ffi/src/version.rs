//! Version
//!
//! The library has a release version and an ABI version. A program works with every release of the
//! same ABI version.

use crate::text::bigseg_str;

/// The ABI version of this header: the number in the name of the shared library, `libbigseg.so.0`.
pub const BIGSEG_ABI_VERSION: u32 = 0;

/// Returns the release version of the loaded library, such as "0.1.0". The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_version() -> bigseg_str {
    bigseg_str::of(env!("CARGO_PKG_VERSION"))
}

/// Returns the ABI version of the loaded library. It must equal `BIGSEG_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_abi_version() -> u32 {
    BIGSEG_ABI_VERSION
}
