//! Takes an event stream apart (server-sent events, as the WHATWG describes them): piece by piece, in time
//! proportional to its length, without ever holding a line or an event in memory.
//!
//! Only `data` matters to us. Names, ids, retry times and comments are passed over, but as bytes that came they
//! are a sign of life.

/// A part of the stream that means something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// More of the present event's data.
    Data(&'a [u8]),
    /// The present event is complete.
    End,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const FIELD: &[u8] = b"data";

/// Where in a line the stream has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the very beginning, after that many bytes of a byte order mark.
    Mark(usize),
    LineStart,
    /// In a field's name, of which that many bytes agree with `data`; `None` = it is another one.
    Name(Option<usize>),
    /// After the colon, where one space is no part of the value.
    Space,
    /// In the value of `data`, at its beginning or beyond.
    Data(Part),
    /// In what does not matter, up to the end of the line.
    Ignored,
}

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Beginning,
    Rest,
}

/// The state between two pieces of input.
#[derive(Debug)]
pub(super) struct EventParser {
    place: Place,
    /// The present event has data.
    has_data: bool,
    /// The last byte was a carriage return; a line feed after it ends the same line.
    after_return: bool,
}

impl EventParser {
    pub(super) fn new() -> Self {
        Self { place: Place::Mark(0), has_data: false, after_return: false }
    }

    /// Takes from the front of `input` up to the next piece; `None` = it is used up.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        while let Some((&byte, rest)) = input.split_first() {
            if std::mem::take(&mut self.after_return) && byte == b'\n' {
                *input = rest;
                continue;
            }
            let ends_line = matches!(byte, b'\r' | b'\n');
            match self.place {
                Place::Mark(at) => {
                    self.place = Place::LineStart;
                    if BYTE_ORDER_MARK.get(at) == Some(&byte) {
                        self.place = Place::Mark(at + 1);
                        *input = rest;
                    }
                }
                Place::LineStart if ends_line => {
                    self.end_line(byte);
                    *input = rest;
                    if std::mem::take(&mut self.has_data) {
                        return Some(Piece::End);
                    }
                }
                Place::LineStart => self.place = Place::Name(Some(0)),
                Place::Name(_) | Place::Space if ends_line => {
                    self.end_line(byte);
                    *input = rest;
                }
                Place::Name(matched) => {
                    *input = rest;
                    self.place = match (byte, matched) {
                        (b':', Some(length)) if length == FIELD.len() => Place::Space,
                        (b':', _) => Place::Ignored,
                        (_, Some(length)) if FIELD.get(length) == Some(&byte) => {
                            Place::Name(Some(length + 1))
                        }
                        _ => Place::Name(None),
                    };
                }
                Place::Space => {
                    if byte == b' ' {
                        *input = rest;
                    }
                    self.place = Place::Data(Part::Beginning);
                }
                Place::Data(Part::Beginning) if self.has_data && !ends_line => {
                    self.place = Place::Data(Part::Rest);
                    // Lines of data are joined by line feeds.
                    return Some(Piece::Data(b"\n"));
                }
                Place::Data(_) | Place::Ignored => {
                    let length = input.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    let (value, rest) = input.split_at(length.unwrap_or(input.len()));
                    *input = rest;
                    let matters = matches!(self.place, Place::Data(_)) && !value.is_empty();
                    self.place = match self.place {
                        Place::Data(_) => Place::Data(Part::Rest),
                        place => place,
                    };
                    if let Some((&byte, rest)) = rest.split_first() {
                        self.end_line(byte);
                        *input = rest;
                    }
                    if matters {
                        self.has_data = true;
                        return Some(Piece::Data(value));
                    }
                }
            }
        }
        None
    }

    fn end_line(&mut self, byte: u8) {
        self.after_return = byte == b'\r';
        self.place = Place::LineStart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses pieces of that length, and returns the data of each event that was completed.
    fn events(stream: &[u8], length: usize) -> Vec<Vec<u8>> {
        let (mut parser, mut events, mut data) = (EventParser::new(), Vec::new(), Vec::new());
        for mut input in stream.chunks(length) {
            while let Some(piece) = parser.next(&mut input) {
                match piece {
                    Piece::Data(bytes) => data.extend_from_slice(bytes),
                    Piece::End => events.push(std::mem::take(&mut data)),
                }
            }
        }
        events
    }

    /// Parses the slow and obvious way: whole lines, whole events.
    fn model(stream: &[u8]) -> Vec<Vec<u8>> {
        let text = String::from_utf8_lossy(stream.strip_prefix(BYTE_ORDER_MARK).unwrap_or(stream));
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut events, mut lines) = (Vec::new(), Vec::new());
        let mut whole: Vec<&str> = text.split('\n').collect();
        whole.pop();
        for line in whole {
            if line.is_empty() {
                if !lines.is_empty() {
                    events.push(lines.join("\n").into_bytes());
                }
                lines.clear();
            } else if let Some(value) = line.strip_prefix("data:") {
                // White space between the parts of a JSON text; we do without empty lines.
                lines
                    .extend(Some(value.strip_prefix(' ').unwrap_or(value)).filter(|value| !value.is_empty()));
            }
        }
        events
    }

    #[test]
    fn what_is_no_data_is_passed_over() {
        let stream = b"\xef\xbb\xbf: hello\r\n\r\nevent: patch\r\nid: 7\nretry: 10\rdata:[1\r\ndata:  ,2]\r\n\r\ndata: cut";
        for length in 1..stream.len() {
            assert_eq!(events(stream, length), [b"[1\n ,2]".to_vec()], "in pieces of {length}");
        }
        assert!(events(b"dat: 1\n\ndataa: 1\n\ndata\n\ndata:\n\n:data: 1\n\n data: 1\n\n", 3).is_empty());
    }

    proptest! {
        #[test]
        fn any_stream_in_any_pieces_is_what_the_model_says(
            parts in prop::collection::vec(prop::sample::select(vec![
                "data: ", "data:", "data", "d", "x", " ", ":", "[]", "\n", "\r", "\r\n", "\n\n", ": keep\n", "event: e\n",
            ]), 0..60),
            length in 1usize..9,
        ) {
            let stream = parts.concat();
            prop_assert_eq!(events(stream.as_bytes(), length), model(stream.as_bytes()), "{:?}", stream);
        }
    }
}
