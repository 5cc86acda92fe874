//! Applies patches to a store: `apply_patches STORE SYNCHRONIZED_ON < PATCHES`.
//!
//! Patches come one a line, as JSON (docs/spec.md#patch), and what became of each goes out. In the end the store is marked as up to date
//! as of `SYNCHRONIZED_ON`, in Unix milliseconds.

use bigseg::patch::Patch;
use bigseg::store::Cursor;
use bigseg::{Error, ErrorKind, Result, StoreConfig};

fn main() -> Result<()> {
    let [store, synchronized_on] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err(usage("two arguments are needed: STORE SYNCHRONIZED_ON"));
    };
    let synchronized_on =
        synchronized_on.parse().map_err(|_| usage("SYNCHRONIZED_ON is not a number of milliseconds"))?;
    let writer = StoreConfig::parse(store)?.writer()?;
    for line in std::io::stdin().lines() {
        let line = line.map_err(|e| usage(&format!("cannot read the patches: {e}")))?;
        let outcome = writer.apply(&Patch::from_json(line.as_bytes())?, Cursor::Advance)?;
        println!("{outcome:?}");
    }
    writer.set_synchronized_on(synchronized_on)
}

fn usage(message: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
