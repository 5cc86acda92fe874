//! Version
//!
//! Two versions: the release, and the ABI. A program may run with any release of the same ABI.

use crate::text::bigseg_str;

/// The ABI this header describes: the number in the name of the shared library, `libbigseg.so.0`.
pub const BIGSEG_ABI_VERSION: u32 = 0;

/// Returns the release of the loaded library, such as "0.1.0". The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_version() -> bigseg_str {
    bigseg_str::of(env!("CARGO_PKG_VERSION"))
}

/// Returns the ABI version of the loaded library; it must equal `BIGSEG_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_abi_version() -> u32 {
    BIGSEG_ABI_VERSION
}
