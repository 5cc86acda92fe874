//! For the other crates and the tests of this repository. Not part of the API: it changes without
//! notice.

pub mod backoff {
    //! See the module of this name.
    pub use crate::backoff::*;
}

pub mod breaker {
    //! See the module of this name.
    pub use crate::breaker::*;
}

pub mod cache {
    //! See the module of this name.
    pub use crate::cache::*;
}

pub mod coalesce {
    //! See the module of this name.
    pub use crate::coalesce::*;
}

pub mod runtime {
    //! See the module of this name.
    pub use crate::runtime::*;
}

pub mod shared_attempt {
    //! See the module of this name.
    pub use crate::shared_attempt::*;
}

pub mod tasks {
    //! See the module of this name.
    pub use crate::tasks::*;
}
