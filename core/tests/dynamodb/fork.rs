//! The DynamoDB store across `fork`: in the child it fails and never hangs, and the child can open it again.
//!
//! Forking a test harness is asking for trouble, so that a fresh process with one thread does it.

use bigseg::patch::PatchOutcome;
use bigseg::store::{Cursor, StoreReader, StoreWriter};
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::child::{self, Child, report};
use bigseg::testkit::samples::{hash, list, patch};
use bigseg::{ErrorKind, Result, StoreConfig};

/// A forked child that hangs is killed by its own alarm after this many seconds.
const TIMEOUT: u32 = 30;

#[test]
fn child_process() {
    child::serve(|_, arguments| {
        let config = StoreConfig::parse(arguments[0]).unwrap();
        let (reader, writer) = (config.reader().unwrap(), config.writer().unwrap());
        assert!(is_member(&*reader).unwrap());
        writer.set_synchronized_on(1).unwrap();
        // SAFETY: the child leaves without unwinding into the harness.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: it only arms a timer.
                unsafe { libc::alarm(TIMEOUT) };
                let refused = |outcome: Result<()>| outcome.is_err_and(|e| e.kind() == ErrorKind::Forked);
                let has_failed =
                    refused(is_member(&*reader).map(drop)) && refused(writer.set_synchronized_on(2));
                drop((reader, writer));
                let is_reopened = config.reader().is_ok_and(|reader| is_member(&*reader).is_ok_and(|is| is));
                report(format_args!("failed: {has_failed}, reopened: {is_reopened}"));
                // SAFETY: nothing is to be cleaned up; the harness's state belongs to the parent.
                unsafe { libc::_exit(0) }
            }
            child => {
                let mut status = 0;
                // SAFETY: the child is ours and the status is a local.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                report(format_args!("parent: {}", is_member(&*reader).unwrap()));
            }
        }
    });
}

fn is_member(reader: &dyn StoreReader) -> Result<bool> {
    let found = pollster::block_on(reader.memberships(&[hash("a")]))?.into_vec().remove(0)?;
    Ok(found.check("s.g1") == Some(true))
}

#[test]
fn a_child_gets_an_error_and_can_reopen_the_store() {
    let server = DynamoDbServer::start();
    let store = server.store("response_timeout=20s");
    let writer: std::sync::Arc<dyn StoreWriter> = StoreConfig::parse(&store).unwrap().writer().unwrap();
    assert_eq!(
        writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).unwrap(),
        PatchOutcome::Applied
    );
    let mut child = Child::start(module_path!(), "forking", &[&store]);
    child.expect("failed: true, reopened: true");
    child.expect("parent: true");
    child.finish_well();
}
