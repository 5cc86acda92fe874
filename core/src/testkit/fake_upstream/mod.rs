//! A fake upstream for tests: polls and streams (docs/spec.md#upstream-protocol) over real HTTP on
//! a port of 127.0.0.1, with faults on request.

mod server;
mod state;

pub use state::{Endpoint, UpstreamFault, UpstreamRequest, to_json};

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::patch::Patch;
use state::{Shared, State};

/// The timeout of the `wait_for` methods; no passing test reaches it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The fake upstream; dropping it closes all connections.
pub struct FakeUpstream {
    port: u16,
    shared: Arc<Shared>,
}

/// The SDK key that a new fake upstream accepts.
pub const SDK_KEY: &str = "sdk-key-of-the-test";

impl FakeUpstream {
    /// Starts a fake upstream with an empty history.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared::default());
        *shared.state.lock() = State {
            page_size: 100,
            write_size: usize::MAX,
            accepted_key: SDK_KEY.to_owned(),
            ..State::default()
        };
        let serving = shared.clone();
        spawn_thread(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                if shared.state.lock().is_closed {
                    break;
                }
                // An error means that the client closed the connection.
                spawn_thread(move || drop(server::serve(&shared, &connection)));
            }
        });
        Self { port, shared }
    }

    /// Returns the URL of both endpoints.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Appends a patch to the history and sends it on the open streams.
    pub fn publish(&self, patch: Patch) {
        let event = event(&[&patch]);
        self.change(|state| {
            state.history.push(patch);
            state.sent.push(event);
        });
    }

    /// Appends a patch to the history without an event.
    pub fn append(&self, patch: Patch) {
        self.change(|state| state.history.push(patch));
    }

    /// Sends patches as one event on the open streams, without a change of the history.
    pub fn send_event(&self, patches: &[&Patch]) {
        self.send_bytes(&event(patches));
    }

    /// Sends bytes on the open streams.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.change(|state| state.sent.push(bytes.to_vec()));
    }

    /// Sets the number of patches on a page. Default: 100.
    pub fn set_page_size(&self, patches: usize) {
        self.change(|state| state.page_size = patches);
    }

    /// Sets the most bytes of one write to a connection. Default: no limit.
    pub fn set_write_size(&self, bytes: usize) {
        self.change(|state| state.write_size = bytes);
    }

    /// Sets the only SDK key that is accepted from now on; open streams stay open.
    pub fn set_key(&self, key: &str) {
        self.change(|state| state.accepted_key = key.to_owned());
    }

    /// Injects a fault into the next request to that endpoint that has none yet.
    pub fn fault(&self, endpoint: Endpoint, fault: UpstreamFault) {
        self.change(|state| state.faults.push_back((endpoint, fault)));
    }

    /// Closes every open stream.
    pub fn disconnect_streams(&self) {
        self.change(|state| state.disconnects += 1);
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<UpstreamRequest> {
        self.shared.state.lock().requests.clone()
    }

    /// Waits until `condition` holds for the requests so far; panics after a minute.
    #[track_caller]
    pub fn wait_for_requests(&self, condition: impl Fn(&[UpstreamRequest]) -> bool) {
        let mut state = self.shared.state.lock();
        while !condition(&state.requests) {
            let waited = self.shared.changed.wait_for(&mut state, TIMEOUT);
            assert!(!waited.timed_out(), "the requests are {:?}", state.requests);
        }
    }

    /// Waits until that many streams are open; panics after a minute.
    #[track_caller]
    pub fn wait_for_open_streams(&self, streams: usize) {
        let mut state = self.shared.state.lock();
        while state.open_streams != streams {
            let waited = self.shared.changed.wait_for(&mut state, TIMEOUT);
            assert!(!waited.timed_out(), "{} streams are open", state.open_streams);
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.change(|state| state.is_closed = true);
        // Wakes the listener; fails if it has ended.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn event(patches: &[&Patch]) -> Vec<u8> {
    [b"event: patch\ndata: ".as_slice(), &to_json(patches), b"\n\n"].concat()
}

fn spawn_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("the system starts a thread");
}
