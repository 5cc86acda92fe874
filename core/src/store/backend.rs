//! One form of store strings; `config.rs` lists those of every backend.

/// A kind of store, as a store string names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// What stands before the first colon.
    pub scheme: &'static str,
    /// What a store string of this kind looks like.
    pub form: &'static str,
    /// The options that may follow a `?`, in lists that backends share.
    pub option_lists: &'static [&'static [&'static str]],
    /// The options that have another place in the store string, and may be given by name.
    pub named_options: &'static [&'static str],
}

impl Backend {
    /// Returns the options that may follow a `?`.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        self.option_lists.iter().copied().flatten().copied()
    }
}
