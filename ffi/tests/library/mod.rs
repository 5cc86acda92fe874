//! Where the shared library under test is; cargo is asked to build it, which takes no time when it is there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library, its header and the test programs.
pub(crate) struct Library {
    /// Holds `libbigseg.so`.
    pub(crate) directory: PathBuf,
    /// Holds `bigseg.h`.
    pub(crate) include: PathBuf,
    /// Holds the programs.
    pub(crate) sources: PathBuf,
}

impl Library {
    /// Builds the library with the profile of this test, once.
    pub(crate) fn built() -> &'static Self {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(|| {
            let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
            let mut build = Command::new(env!("CARGO"));
            // The whole workspace decides on the features of its dependencies, so that none is compiled twice.
            build.args(["build", "--quiet", "--workspace", "--lib", "--manifest-path"]);
            build.arg(manifest.join("Cargo.toml"));
            if !cfg!(debug_assertions) {
                build.arg("--release");
            }
            assert!(build.status().expect("cargo runs").success(), "the library does not build");
            // This test is TARGET/PROFILE/deps/NAME.
            let test = std::env::current_exe().expect("this test is a file");
            let directory = test.ancestors().nth(2).expect("cargo's directories").to_owned();
            assert!(directory.join("libbigseg.so").exists(), "no libbigseg.so in {}", directory.display());
            Self { directory, include: manifest.join("../include"), sources: manifest.join("tests/c") }
        })
    }
}
