//! Fills the demo's store.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bigseg_core::import::{Import, ImportOptions};
use bigseg_core::{Clock, StoreConfig};

use crate::demo_data::DemoData;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::store;

/// The demo's own store.
const OWN: &str = "target/demo/population.bigseg";

/// What was loaded, and how long it took.
pub(super) struct Loaded {
    pub(super) contexts: u64,
    pub(super) memberships: u64,
    took: Duration,
}

impl Loaded {
    /// Says how fast it was.
    pub(super) fn rate(&self) -> String {
        let seconds = self.took.as_secs_f64();
        format!("{} contexts/s ({seconds:.2} s)", output::count((self.contexts as f64 / seconds) as u64))
    }
}

/// Finds a place where there is no store yet.
pub(super) fn place(wanted: Option<&str>) -> Result<(StoreConfig, PathBuf), Failure> {
    let config = store::lasting(wanted.unwrap_or(&format!("local:{OWN}")))?;
    let StoreConfig::Local(local) = &config else {
        return Err(Failure::usage(
            "the demo fills an embedded store; name one, such as local:./demo.bigseg",
        ));
    };
    let path = local.path.clone();
    if wanted.is_none() {
        remove_own().map_err(|e| Failure::io(format_args!("making room for {OWN}"), &e))?;
    } else if path.exists() {
        let path = path.display();
        return Err(Failure::usage(format!(
            "there is a file at {path} already; name one that is not there yet"
        )));
    }
    Ok((config, path))
}

/// Removes what an earlier demo left.
fn remove_own() -> io::Result<()> {
    for file in [OWN.to_owned(), format!("{OWN}-lock")] {
        match fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::create_dir_all(PathBuf::from(OWN).parent().expect("it lies in a directory"))
}

/// Makes up the population and imports it.
pub(super) fn load(demo_data: DemoData, store: &StoreConfig, quiet: bool) -> Result<Loaded, Failure> {
    let clock = Clock::System;
    let began = clock.now();
    let mut import = Import::new(store.writer()?, ImportOptions::default());
    let progress = Progress::of_things("making up contexts", Some(demo_data.contexts), quiet);
    demo_data.collect(&mut import, |contexts| progress.set(contexts))?;
    drop(progress);
    let progress = Progress::of_things("writing memberships", Some(import.len()), quiet);
    let report = import.finish(&mut |done| progress.set(done.memberships))?;
    drop(progress);
    let took = clock.now().since(began);
    Ok(Loaded { contexts: report.contexts, memberships: report.memberships, took })
}
