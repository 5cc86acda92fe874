//! Answers one request: with a part of the history or a stream, and with the fault that is due.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::state::{Endpoint, Shared, State, UpstreamFault, UpstreamRequest, to_json};

const GZIP: &str = "Content-Encoding: gzip\r\n";

/// Reads the request of a connection, answers it, and closes the connection.
pub(super) fn serve(shared: &Shared, connection: &TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let result = read_request(connection).and_then(|request| respond(shared, connection, request));
    // Fails if it is already closed.
    let _ = connection.shutdown(Shutdown::Both);
    result
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
    let after = after.map(|(_, value)| value.into_owned());
    let is_page = target.contains("/sdk/big-segments/revisions");
    let endpoint = if is_page { Endpoint::Page } else { Endpoint::Stream };
    Ok(UpstreamRequest { endpoint, after, target, authorization })
}

/// What the state says about a response, at the time of the request.
struct ResponsePlan {
    fault: Option<UpstreamFault>,
    is_authorized: bool,
    page: Vec<u8>,
    /// Index into [`State::sent`] where a stream begins.
    stream_start: usize,
    /// [`State::disconnects`] at the time of the request.
    disconnects: u64,
    write_size: usize,
}

impl ResponsePlan {
    fn take(state: &mut State, request: &UpstreamRequest) -> Self {
        let position = state.faults.iter().position(|(endpoint, _)| *endpoint == request.endpoint);
        let fault = position.and_then(|position| state.faults.remove(position)).map(|(_, fault)| fault);
        if let Some(UpstreamFault::ChangeDuringConnect(patch)) = &fault {
            state.history.push((**patch).clone());
        }
        Self {
            fault,
            is_authorized: request.authorization == state.accepted_key,
            page: page(state, request.after.as_deref()),
            stream_start: state.sent.len(),
            disconnects: state.disconnects,
            write_size: state.write_size,
        }
    }
}

fn respond(shared: &Shared, connection: &TcpStream, request: UpstreamRequest) -> std::io::Result<()> {
    let endpoint = request.endpoint;
    let plan = {
        let mut state = shared.state.lock();
        let plan = ResponsePlan::take(&mut state, &request);
        state.requests.push(request);
        plan
    };
    shared.changed.notify_all();

    let mut wire = Wire::new(connection, &plan);
    if let Some(UpstreamFault::Status(status, header)) = &plan.fault {
        return wire.write(shared, head(*status, "text/plain", header).as_bytes());
    }
    if !plan.is_authorized {
        return wire.write(shared, head(401, "text/plain", "").as_bytes());
    }
    let content_type = match (&plan.fault, endpoint) {
        (Some(UpstreamFault::ContentType(content_type)), _) => content_type,
        (_, Endpoint::Page) => "application/json",
        (_, Endpoint::Stream) => "text/event-stream; charset=utf-8",
    };
    let mut body = match endpoint {
        Endpoint::Page => plan.page,
        Endpoint::Stream => b": welcome\n\n".to_vec(),
    };
    let mut encoding = "";
    let mut is_stream = endpoint == Endpoint::Stream;
    match plan.fault {
        Some(UpstreamFault::Trickle) => {
            is_stream = true;
            body.clear();
        }
        Some(UpstreamFault::Body(bytes)) => body = bytes,
        Some(UpstreamFault::CorruptGzip) => encoding = GZIP,
        Some(UpstreamFault::Gzip) => {
            encoding = GZIP;
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&body)?;
            body = encoder.finish()?;
        }
        _ => {}
    }
    let headers =
        if is_stream { encoding.to_owned() } else { format!("Content-Length: {}\r\n{encoding}", body.len()) };
    wire.write(shared, head(200, content_type, &headers).as_bytes())?;
    wire.write(shared, &body)?;
    if is_stream { stream(shared, &mut wire, plan.stream_start, plan.disconnects) } else { Ok(()) }
}

/// A connection to write a response to, with the faults that count bytes.
struct Wire<'a> {
    connection: &'a TcpStream,
    write_size: usize,
    /// The bytes that are sent before the connection is cut or stalls.
    remaining: usize,
    stalls: bool,
}

impl<'a> Wire<'a> {
    fn new(connection: &'a TcpStream, plan: &ResponsePlan) -> Self {
        let (remaining, stalls) = match plan.fault {
            Some(UpstreamFault::CutAfter(bytes)) => (bytes, false),
            Some(UpstreamFault::StallAfter(bytes)) => (bytes, true),
            _ => (usize::MAX, false),
        };
        Self { connection, write_size: plan.write_size, remaining, stalls }
    }

    /// Writes bytes; fails when the connection is to be cut or the client closed it.
    fn write(&mut self, shared: &Shared, bytes: &[u8]) -> std::io::Result<()> {
        let sent = &bytes[..bytes.len().min(self.remaining)];
        for piece in sent.chunks(self.write_size) {
            self.connection.write_all(piece)?;
        }
        self.remaining -= sent.len();
        if sent.len() == bytes.len() {
            return Ok(());
        }
        let mut state = shared.state.lock();
        while self.stalls && !state.is_closed {
            shared.changed.wait(&mut state);
        }
        Err(std::io::ErrorKind::ConnectionAborted.into())
    }
}

/// Writes everything that is sent on streams, until they are disconnected.
fn stream(shared: &Shared, wire: &mut Wire, start: usize, disconnects: u64) -> std::io::Result<()> {
    shared.state.lock().open_streams += 1;
    shared.changed.notify_all();
    let result = follow_sent(shared, wire, start, disconnects);
    shared.state.lock().open_streams -= 1;
    shared.changed.notify_all();
    result
}

fn follow_sent(shared: &Shared, wire: &mut Wire, mut next: usize, disconnects: u64) -> std::io::Result<()> {
    loop {
        let mut state = shared.state.lock();
        while state.sent.len() == next && state.disconnects == disconnects && !state.is_closed {
            shared.changed.wait(&mut state);
        }
        if state.disconnects != disconnects || state.is_closed {
            return Ok(());
        }
        let bytes = state.sent[next].clone();
        next += 1;
        drop(state);
        wire.write(shared, &bytes)?;
    }
}

/// Returns the page after a cursor; an unknown cursor gets the first page.
fn page(state: &State, after: Option<&str>) -> Vec<u8> {
    let known = after.and_then(|after| state.history.iter().rposition(|patch| patch.version == after));
    let start = known.map_or(0, |position| position + 1);
    to_json(&state.history[start..].iter().take(state.page_size).collect::<Vec<_>>())
}

fn head(status: u16, content_type: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status} Reason\r\nContent-Type: {content_type}\r\nConnection: close\r\n{headers}\r\n")
}
