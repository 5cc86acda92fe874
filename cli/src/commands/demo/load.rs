//! Fills the store of `bigseg demo`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bigseg::import::{Import, ImportOptions};
use bigseg::{Clock, StoreConfig};

use crate::demo_data::DemoData;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::store;

/// The store used unless the user names one.
const DEFAULT_PATH: &str = "target/demo/population.bigseg";

/// The size of the import and the time it took.
pub(super) struct LoadResult {
    pub(super) contexts: u64,
    pub(super) memberships: u64,
    elapsed: Duration,
}

impl LoadResult {
    /// Describes the speed of the import.
    pub(super) fn rate(&self) -> String {
        let seconds = self.elapsed.as_secs_f64();
        format!("{} contexts/s ({seconds:.2} s)", output::count((self.contexts as f64 / seconds) as u64))
    }
}

/// Returns the store to fill, which does not exist yet, and its path.
pub(super) fn resolve_store(requested: Option<&str>) -> Result<(StoreConfig, PathBuf), Failure> {
    let config = store::parse_persistent(requested.unwrap_or(&format!("local:{DEFAULT_PATH}")))?;
    let StoreConfig::Local(local) = &config else {
        return Err(Failure::usage(
            "the demo fills an embedded store; name one, such as local:./demo.bigseg",
        ));
    };
    let path = local.path.clone();
    if requested.is_none() {
        remove_default_store().map_err(|e| Failure::io(format_args!("replacing {DEFAULT_PATH}"), &e))?;
    } else if path.exists() {
        let path = path.display();
        return Err(Failure::usage(format!("{path} exists already; name a new file")));
    }
    Ok((config, path))
}

/// Removes the store of an earlier demo.
fn remove_default_store() -> io::Result<()> {
    for file in [DEFAULT_PATH.to_owned(), format!("{DEFAULT_PATH}-lock")] {
        match fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::create_dir_all(PathBuf::from(DEFAULT_PATH).parent().expect("the path has a parent directory"))
}

/// Generates the data and imports them.
pub(super) fn load(demo_data: DemoData, store: &StoreConfig, quiet: bool) -> Result<LoadResult, Failure> {
    let clock = Clock::System;
    let started = clock.now();
    let mut import = Import::new(store.writer()?, ImportOptions::default());
    let progress = Progress::of_items("generating contexts", Some(demo_data.contexts), quiet);
    demo_data.add_to(&mut import, |contexts| progress.set_position(contexts))?;
    drop(progress);
    let progress = Progress::of_items("writing memberships", Some(import.len()), quiet);
    let report = import.finish(&mut |done| progress.set_position(done.memberships))?;
    drop(progress);
    let elapsed = clock.now().since(started);
    Ok(LoadResult { contexts: report.contexts, memberships: report.memberships, elapsed })
}
