//! An upstream for the tests of other languages: `fake_upstream SDK_KEY PATCHES`.
//!
//! It accepts that key, has so many patches at first, and prints its URL. Each line of its standard input publishes one more.
//! It ends when its standard input does, so that it cannot outlive the test that started it.

use bigseg::testkit::FakeUpstream;
use bigseg::testkit::samples::step;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sdk_key, patches] = &arguments[..] else { panic!("two arguments are needed: SDK_KEY PATCHES") };
    let mut patches: usize = patches.parse().expect("a number of patches");
    let upstream = FakeUpstream::start();
    upstream.set_key(sdk_key);
    (1..=patches).for_each(|n| upstream.append(step(n)));
    println!("{}", upstream.url());
    for line in std::io::stdin().lines() {
        if line.is_err() {
            return;
        }
        patches += 1;
        upstream.publish(step(patches));
    }
}
