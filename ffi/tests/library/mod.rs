//! Finds, or builds, the shared library under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library, its header and the test programs.
pub(crate) struct Library {
    /// The directory of `libbigseg.so`.
    pub(crate) directory: PathBuf,
    /// The directory of `bigseg.h`.
    pub(crate) include: PathBuf,
    /// The directory of the programs.
    pub(crate) sources: PathBuf,
}

impl Library {
    /// Builds the library with the profile of this test, once.
    pub(crate) fn built() -> &'static Self {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(|| {
            // The whole workspace decides on the features of its dependencies: for this package
            // alone, cargo would compile tokio, hyper and all that depends on them a second time.
            build(&["--workspace".as_ref()]);
            Self::in_directory(profile_directory())
        })
    }

    /// Builds the library without any feature, in a target directory of its own.
    #[allow(dead_code, reason = "benchmarks do not use it")]
    pub(crate) fn reduced() -> Self {
        let profile = profile_directory();
        let target = profile.parent().expect("cargo's directories").join("reduced");
        build(&["--no-default-features".as_ref(), "--target-dir".as_ref(), target.as_os_str()]);
        Self::in_directory(target.join(profile.file_name().expect("a profile")))
    }

    fn in_directory(directory: PathBuf) -> Self {
        assert!(directory.join("libbigseg.so").exists(), "no libbigseg.so in {}", directory.display());
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { directory, include: manifest.join("../include"), sources: manifest.join("tests/c") }
    }
}

/// Returns `TARGET/PROFILE`; this test is `TARGET/PROFILE/deps/NAME`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("this test is a file");
    test.ancestors().nth(2).expect("cargo's directories").to_owned()
}

fn build(arguments: &[&std::ffi::OsStr]) {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--lib", "--manifest-path"]).arg(manifest.join("Cargo.toml"));
    build.args(arguments);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo runs").success(), "the library does not build");
}
