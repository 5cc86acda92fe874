//! A fake upstream in its own process, so that its memory is not counted as the worker's.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use bigseg::testkit::samples::{hash, list, patch};
use bigseg::testkit::{Endpoint, FakeUpstream, UpstreamFault, fake_upstream};
use bigseg::{ContextHash, SegmentRef};

/// The first argument of this program when it is to run the upstream.
pub(crate) const ROLE: &str = "upstream";

/// A running upstream process; dropping it ends the process.
pub(crate) struct UpstreamProcess {
    process: Child,
    pub(crate) url: String,
}

impl UpstreamProcess {
    /// Starts an upstream whose first page has that many operations, in patches of `patch_size`.
    pub(crate) fn start(operations: usize, patch_size: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("the path of this program is known"))
            .args([ROLE, &operations.to_string(), &patch_size.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program can start itself");
        let mut url = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut url).expect("the upstream prints its URL");
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for UpstreamProcess {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the context and the segment of an operation.
pub(crate) fn operation(number: usize, patch_size: usize) -> (ContextHash, SegmentRef) {
    let segment = SegmentRef::new(&format!("segment-{}", number / patch_size % 20), 1);
    (hash(&number.to_string()), segment.expect("a good key"))
}

/// Runs the upstream until the other process ends.
pub(crate) fn serve(operations: usize, patch_size: usize) {
    let fake = FakeUpstream::start();
    let patches = operations.div_ceil(patch_size);
    let mut page = vec![b'['];
    for number in 0..patches {
        let previous = if number == 0 { String::new() } else { number.to_string() };
        let (_, segment) = operation(number * patch_size, patch_size);
        let mut next = patch(segment.as_str(), &previous, &(number + 1).to_string(), list(&[], &[]));
        let members = number * patch_size..operations.min((number + 1) * patch_size);
        next.changes.included.add = members.map(|member| operation(member, patch_size).0).collect();
        let json = fake_upstream::to_json(&[&next]);
        page.extend_from_slice(if number == 0 { b"" } else { b"," });
        page.extend_from_slice(&json[1..json.len() - 1]);
        if number + 1 == patches {
            next.changes = Default::default();
            fake.append(next);
        }
    }
    page.push(b']');
    fake.fault(Endpoint::Page, UpstreamFault::Body(page));
    println!("{}", fake.url());
    // Returns when the other process ends.
    let _ = std::io::stdin().read(&mut [0]);
}
