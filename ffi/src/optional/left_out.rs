//! The error of calls that a build leaves out; a file of its own, so that the modules that use it do not import their
//! parent.

use bigseg::{Error, ErrorKind};

/// Returns the error of a call into the part with that feature.
pub(super) fn left_out(feature: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this library was built without the feature `{feature}`"))
}
