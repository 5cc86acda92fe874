//! An upstream of a test's own: the polls and streams of docs/spec.md#upstream-protocol over real HTTP on a port of 127.0.0.1, with faults to order.

mod server;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde_json::json;

use crate::patch::{ListChanges, Patch};

/// How long a `wait_for` waits before it calls the test hung; never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which of the two was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A page of patches.
    Page,
    /// The stream.
    Stream,
}

/// What befalls one request.
#[derive(Debug, Clone)]
pub enum UpstreamFault {
    /// It is answered with that status, and perhaps a header line of that text.
    Status(u16, &'static str),
    /// The connection is cut after that many bytes of the answer, head included.
    CutAfter(usize),
    /// Nothing more comes after that many bytes of the answer, and the connection stays.
    StallAfter(usize),
    /// It is answered with those bytes for a body, whatever was asked; a stream then stays open.
    Body(Vec<u8>),
    /// The body is compressed. Pages only.
    Gzip,
    /// The body is said to be compressed, and is not. Pages only.
    CorruptGzip,
    /// It is answered with that content type.
    ContentType(&'static str),
    /// The page comes byte by byte, as [`FakeUpstream::send_bytes`] sends them.
    Trickle,
    /// A patch joins the history just before the answer, and no stream is told.
    Overtaken(Box<Patch>),
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// What was asked for.
    pub endpoint: Endpoint,
    /// The request's target: path and query, or a whole URL when asked as a proxy.
    pub target: String,
    /// The cursor after which patches are wanted.
    pub after: Option<String>,
    /// The header `Authorization`.
    pub authorization: String,
}

/// The upstream; gone, with all its connections, when dropped.
pub struct FakeUpstream {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    history: Vec<Patch>,
    /// What was sent on streams so far, as bytes; a stream begins at what is sent after it was opened.
    sent: Vec<Vec<u8>>,
    page_size: usize,
    piece: usize,
    key: String,
    faults: VecDeque<(Endpoint, UpstreamFault)>,
    requests: Vec<UpstreamRequest>,
    open_streams: usize,
    /// Counts up when all streams are cut.
    cuts: u64,
    closed: bool,
}

/// The SDK key that a new upstream accepts.
pub const SDK_KEY: &str = "sdk-key-of-the-test";

impl FakeUpstream {
    /// Starts one without any patches.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared::default());
        let state = State { page_size: 100, piece: usize::MAX, key: SDK_KEY.to_owned(), ..State::default() };
        *shared.state.lock() = state;
        let serving = shared.clone();
        thread(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                if shared.state.lock().closed {
                    break;
                }
                // An error is a client that went away.
                thread(move || drop(server::serve(&shared, &connection)));
            }
        });
        Self { port, shared }
    }

    /// Returns its URL, for both endpoints.
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

    /// Appends a patch to the history, of which streams are not told.
    pub fn append(&self, patch: Patch) {
        self.change(|state| state.history.push(patch));
    }

    /// Sends patches as one event on the open streams, whether or not they are in the history.
    pub fn send(&self, patches: &[&Patch]) {
        self.send_bytes(&event(patches));
    }

    /// Sends bytes on the open streams.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.change(|state| state.sent.push(bytes.to_vec()));
    }

    /// Sets how many patches a page holds. At first: 100.
    pub fn set_page_size(&self, patches: usize) {
        self.change(|state| state.page_size = patches);
    }

    /// Sets in pieces of how many bytes everything is sent.
    pub fn set_piece(&self, bytes: usize) {
        self.change(|state| state.piece = bytes);
    }

    /// Sets the only SDK key that is accepted from now on; open streams stay.
    pub fn set_key(&self, key: &str) {
        self.change(|state| state.key = key.to_owned());
    }

    /// Has a fault befall the next request of that kind for which none is waiting already.
    pub fn fault(&self, endpoint: Endpoint, fault: UpstreamFault) {
        self.change(|state| state.faults.push_back((endpoint, fault)));
    }

    /// Cuts every open stream.
    pub fn cut_streams(&self) {
        self.change(|state| state.cuts += 1);
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<UpstreamRequest> {
        self.shared.state.lock().requests.clone()
    }

    /// Waits until the requests so far are as wanted; panics after a minute.
    #[track_caller]
    pub fn wait_for_requests(&self, wanted: impl Fn(&[UpstreamRequest]) -> bool) {
        let mut state = self.shared.state.lock();
        while !wanted(&state.requests) {
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
        self.change(|state| state.closed = true);
        // Wakes the listener; fails when it has ended.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// Spells patches as the protocol does.
pub fn to_json(patches: &[&Patch]) -> Vec<u8> {
    let list = |changes: &ListChanges| json!({"add": changes.add, "remove": changes.remove});
    let spell = |patch: &&Patch| {
        json!({
            "environmentId": patch.environment_id,
            "segmentId": patch.segment_id,
            "version": patch.version,
            "previousVersion": patch.previous_version,
            "changes": {"included": list(&patch.changes.included), "excluded": list(&patch.changes.excluded)},
        })
    };
    serde_json::to_vec(&patches.iter().map(spell).collect::<Vec<_>>()).expect("patches are JSON")
}

fn event(patches: &[&Patch]) -> Vec<u8> {
    [b"event: patch\ndata: ".as_slice(), &to_json(patches), b"\n\n"].concat()
}

fn thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("there is a thread for the upstream");
}
