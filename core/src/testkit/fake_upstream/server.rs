//! Answers one request of a test: with what the history says, and with the fault that was ordered.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Endpoint, Shared, State, UpstreamFault, UpstreamRequest, to_json};

const GZIP: &str = "Content-Encoding: gzip\r\n";

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

/// Answers the request of one connection.
pub(super) fn serve(shared: &Shared, connection: &TcpStream) -> std::io::Result<()> {
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
