//! The state of the fake upstream, the requests that it records, and the faults that it injects.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};
use serde_json::json;

use crate::patch::{ListChanges, Patch};

/// The endpoint of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// A page of patches.
    Page,
    /// The event stream.
    Stream,
}

/// A fault in the response to one request.
#[derive(Debug, Clone)]
pub enum UpstreamFault {
    /// The response has that status and that header line, which may be empty.
    Status(u16, &'static str),
    /// The connection is closed after that many bytes of the response, head included.
    CutAfter(usize),
    /// The response stalls after that many bytes, head included; the connection stays open.
    StallAfter(usize),
    /// The response has that body. A stream stays open after it.
    Body(Vec<u8>),
    /// The body is compressed. Only for pages.
    Gzip,
    /// The body claims to be compressed, and is not. Only for pages.
    CorruptGzip,
    /// The response has that content type.
    ContentType(&'static str),
    /// The body of a page consists of what
    /// [`FakeUpstream::send_bytes`](super::FakeUpstream::send_bytes) sends.
    Trickle,
    /// A patch is appended to the history just before the response, without an event.
    ChangeDuringConnect(Box<Patch>),
}

/// A request, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The request target: path and query, or a whole URL in a request to a proxy.
    pub target: String,
    /// The cursor after which patches are requested.
    pub after: Option<String>,
    /// The header `Authorization`.
    pub authorization: String,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) history: Vec<Patch>,
    /// Everything that was sent on streams. A stream begins with what is sent after it was opened.
    pub(super) sent: Vec<Vec<u8>>,
    pub(super) page_size: usize,
    pub(super) write_size: usize,
    pub(super) accepted_key: String,
    pub(super) faults: VecDeque<(Endpoint, UpstreamFault)>,
    pub(super) requests: Vec<UpstreamRequest>,
    pub(super) open_streams: usize,
    /// Counts the calls of
    /// [`FakeUpstream::disconnect_streams`](super::FakeUpstream::disconnect_streams).
    pub(super) disconnects: u64,
    pub(super) is_closed: bool,
}

/// Formats patches as the protocol does.
pub fn to_json(patches: &[&Patch]) -> Vec<u8> {
    let list = |changes: &ListChanges| json!({"add": changes.add, "remove": changes.remove});
    let object = |patch: &&Patch| {
        json!({
            "environmentId": patch.environment_id,
            "segmentId": patch.segment_id,
            "version": patch.version,
            "previousVersion": patch.previous_version,
            "changes": {"included": list(&patch.changes.included), "excluded": list(&patch.changes.excluded)},
        })
    };
    serde_json::to_vec(&patches.iter().map(object).collect::<Vec<_>>()).expect("patches are JSON")
}
