//! What every process has one of, across `fork`: a child never finds it locked by a thread that it does not have.
//!
//! Forking a test harness is asking for trouble, so that a fresh process with one more thread does it.

use std::sync::atomic::{AtomicBool, Ordering};

use bigseg::testkit::child::{self, Child, report};
use bigseg::{Membership, SegmentRef};

/// A forked child that hangs is killed by its own alarm after this many seconds.
const TIMEOUT: u32 = 30;
/// Without the gate, about one child in forty hangs here.
const FORKS: usize = 300;

#[test]
fn child_process() {
    child::serve(|role, _| match role {
        "fork beside threads that share memberships" => fork_often(),
        _ => panic!("no role is called {role:?}"),
    });
}

fn share(number: usize) -> Membership {
    let refs = (0..30).map(|each| SegmentRef::new("segment", (number * each % 2_000) as u64).unwrap());
    Membership::new(refs, [])
}

fn fork_often() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let stop = &stop;
            scope.spawn(move || {
                let mut number = thread;
                while !stop.load(Ordering::Relaxed) {
                    drop(share(number));
                    number += 2;
                }
            });
        }
        let ended_badly = (0..FORKS).filter(|number| !forked_child_ends_well(*number)).count();
        stop.store(true, Ordering::Relaxed);
        report(format_args!("{ended_badly} ended badly"));
    });
}

fn forked_child_ends_well(number: usize) -> bool {
    // SAFETY: the child shares a membership and leaves without unwinding.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: it only arms a timer.
            unsafe { libc::alarm(TIMEOUT) };
            let shared = share(number).len();
            // SAFETY: nothing is to be cleaned up; what is there belongs to the parent.
            unsafe { libc::_exit(if shared > 0 { 0 } else { 1 }) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the child is ours and the status is a local.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}

#[test]
fn a_child_never_finds_a_lock_taken() {
    let said = Child::start(module_path!(), "fork beside threads that share memberships", &[]).finish_well();
    assert_eq!(said, ["0 ended badly"]);
}
