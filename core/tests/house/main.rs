//! The rules of the tree itself: layers, import circles, names, documents and words; and fuzzed
//! input for the parsers.
//!
//! Each rule is a function from texts to complaints, so that it is also tested on a made-up
//! violation.

mod banned_words;
mod documents;
mod import_circles;
mod layers;
mod parsers;
mod tree;
