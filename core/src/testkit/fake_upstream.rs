//! An upstream of a test's own: the polls and streams of SPEC §6 over real HTTP on a port of 127.0.0.1, with faults to order.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use parking_lot::{Condvar, Mutex};
use serde_json::json;

use crate::patch::{ListChanges, Patch};

/// How long a `wait_for` waits before it calls the test hung; never reached by a test that passes.
const PATIENCE: Duration = Duration::from_secs(60);

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

const GZIP: &str = "Content-Encoding: gzip\r\n";

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
                thread(move || drop(serve(&shared, &connection)));
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
            let waited = self.shared.changed.wait_for(&mut state, PATIENCE);
            assert!(!waited.timed_out(), "the requests are {:?}", state.requests);
        }
    }

    /// Waits until that many streams are open; panics after a minute.
    #[track_caller]
    pub fn wait_for_open_streams(&self, streams: usize) {
        let mut state = self.shared.state.lock();
        while state.open_streams != streams {
            let waited = self.shared.changed.wait_for(&mut state, PATIENCE);
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

/// A connection on which an answer is written, with the faults that concern bytes.
struct Wire<'a> {
    connection: &'a TcpStream,
    piece: usize,
    left: usize,
    stalls: bool,
}

impl Wire<'_> {
    /// Writes; fails when the connection is to be cut or the client is gone.
    fn write(&mut self, shared: &Shared, bytes: &[u8]) -> std::io::Result<()> {
        let passing = &bytes[..bytes.len().min(self.left)];
        for piece in passing.chunks(self.piece) {
            self.connection.write_all(piece)?;
        }
        self.left -= passing.len();
        if passing.len() < bytes.len() {
            let mut state = shared.state.lock();
            while self.stalls && !state.closed {
                shared.changed.wait(&mut state);
            }
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

fn serve(shared: &Shared, connection: &TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let outcome = read_request(connection).and_then(|request| answer(shared, connection, request));
    // Fails when it is closed already.
    let _ = connection.shutdown(Shutdown::Both);
    outcome
}

fn read_request(connection: &TcpStream) -> std::io::Result<UpstreamRequest> {
    let mut lines = BufReader::new(connection).lines();
    let mut next = || lines.next().unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()));
    let target = next()?.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = String::new();
    loop {
        let line = next()?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = value.to_owned();
            }
            Some(_) => {}
            None => break,
        }
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let after = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after");
    let endpoint =
        if target.contains("/sdk/big-segments/revisions") { Endpoint::Page } else { Endpoint::Stream };
    let after = after.map(|(_, value)| value.into_owned());
    Ok(UpstreamRequest { endpoint, after, target, authorization })
}

fn answer(shared: &Shared, connection: &TcpStream, request: UpstreamRequest) -> std::io::Result<()> {
    let mut state = shared.state.lock();
    let place = state.faults.iter().position(|(endpoint, _)| *endpoint == request.endpoint);
    let fault = place.and_then(|place| state.faults.remove(place)).map(|(_, fault)| fault);
    let accepted = request.authorization == state.key;
    if let Some(UpstreamFault::Overtaken(patch)) = &fault {
        state.history.push((**patch).clone());
    }
    let page = page(&state, request.after.as_deref());
    let (piece, begin, cuts) = (state.piece, state.sent.len(), state.cuts);
    let endpoint = request.endpoint;
    state.requests.push(request);
    shared.changed.notify_all();
    drop(state);

    let (left, stalls) = match fault {
        Some(UpstreamFault::CutAfter(bytes)) => (bytes, false),
        Some(UpstreamFault::StallAfter(bytes)) => (bytes, true),
        _ => (usize::MAX, false),
    };
    let mut wire = Wire { connection, piece, left, stalls };
    if let (Some(UpstreamFault::Status(status, header)), _) = (&fault, accepted) {
        return wire.write(shared, head(*status, "text/plain", header).as_bytes());
    }
    if !accepted {
        return wire.write(shared, head(401, "text/plain", "").as_bytes());
    }
    let media = match (&fault, endpoint) {
        (Some(UpstreamFault::ContentType(media)), _) => media,
        (_, Endpoint::Page) => "application/json",
        (_, Endpoint::Stream) => "text/event-stream; charset=utf-8",
    };
    let mut body = match endpoint {
        Endpoint::Page => page,
        Endpoint::Stream => b": welcome\n\n".to_vec(),
    };
    let mut header = "";
    let mut is_stream = endpoint == Endpoint::Stream;
    match fault {
        Some(UpstreamFault::Trickle) => {
            is_stream = true;
            body.clear();
        }
        Some(UpstreamFault::Body(bytes)) => body = bytes,
        Some(UpstreamFault::CorruptGzip) => header = GZIP,
        Some(UpstreamFault::Gzip) => {
            header = GZIP;
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(&body)?;
            body = packed.finish()?;
        }
        _ => {}
    }
    let length = format!("Content-Length: {}\r\n{header}", body.len());
    let header = if is_stream { header } else { &length };
    wire.write(shared, head(200, media, header).as_bytes())?;
    wire.write(shared, &body)?;
    if is_stream {
        shared.state.lock().open_streams += 1;
        shared.changed.notify_all();
        let outcome = stream(shared, &mut wire, begin, cuts);
        shared.state.lock().open_streams -= 1;
        shared.changed.notify_all();
        return outcome;
    }
    Ok(())
}

/// Sends what is sent on streams, until they are cut.
fn stream(shared: &Shared, wire: &mut Wire, mut next: usize, cuts: u64) -> std::io::Result<()> {
    loop {
        let mut state = shared.state.lock();
        while state.sent.len() == next && state.cuts == cuts && !state.closed {
            shared.changed.wait(&mut state);
        }
        if state.cuts != cuts || state.closed {
            return Ok(());
        }
        let bytes = state.sent[next].clone();
        next += 1;
        drop(state);
        wire.write(shared, &bytes)?;
    }
}

/// Spells the page that follows a cursor; one that is not in the history gets the beginning.
fn page(state: &State, after: Option<&str>) -> Vec<u8> {
    let known = after.and_then(|after| state.history.iter().rposition(|patch| patch.version == after));
    let begin = known.map_or(0, |position| position + 1);
    to_json(&state.history[begin..].iter().take(state.page_size).collect::<Vec<_>>())
}

fn head(status: u16, media: &str, header: &str) -> String {
    format!("HTTP/1.1 {status} Words\r\nContent-Type: {media}\r\nConnection: close\r\n{header}\r\n")
}
