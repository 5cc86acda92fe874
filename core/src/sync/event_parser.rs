//! Incremental parser of server-sent events (WHATWG HTML, "Server-sent events"). Its time is
//! proportional to the input, and it never holds a line or an event in memory.
//!
//! Only the field `data` is used. Names, ids, retry times and comments are skipped; the bytes that
//! they take still count as activity of the stream.

/// A relevant part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// More data of the current event.
    Data(&'a [u8]),
    /// The current event is complete.
    End,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const DATA_FIELD: &[u8] = b"data";

/// The position within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// At the beginning of the stream, after that many bytes of a byte order mark.
    ByteOrderMark(usize),
    LineStart,
    /// In a field's name, of which that many bytes match `data`; `None` = it is another name.
    FieldName(Option<usize>),
    /// After the colon, where one space is not part of the value.
    AfterColon,
    /// At the first byte of a value of `data`.
    ValueStart,
    /// Further on in a value of `data`.
    Value,
    /// In another field or a comment, up to the end of the line.
    Skipped,
}

/// The state between two pieces of input.
#[derive(Debug)]
pub(super) struct EventParser {
    position: Position,
    /// Whether the current event has data.
    has_data: bool,
    /// Whether the last byte was a carriage return; a line feed after it ends the same line.
    is_after_return: bool,
}

impl EventParser {
    pub(super) fn new() -> Self {
        Self { position: Position::ByteOrderMark(0), has_data: false, is_after_return: false }
    }

    /// Consumes `input` up to the next piece; returns `None` when all of it is consumed.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        while let Some((&byte, rest)) = input.split_first() {
            if std::mem::take(&mut self.is_after_return) && byte == b'\n' {
                *input = rest;
                continue;
            }
            let is_line_end = matches!(byte, b'\r' | b'\n');
            match self.position {
                Position::ByteOrderMark(matched) => {
                    self.position = Position::LineStart;
                    if BYTE_ORDER_MARK.get(matched) == Some(&byte) {
                        self.position = Position::ByteOrderMark(matched + 1);
                        *input = rest;
                    }
                }
                Position::LineStart if is_line_end => {
                    self.end_line(byte);
                    *input = rest;
                    if std::mem::take(&mut self.has_data) {
                        return Some(Piece::End);
                    }
                }
                Position::LineStart => self.position = Position::FieldName(Some(0)),
                Position::FieldName(_) | Position::AfterColon if is_line_end => {
                    self.end_line(byte);
                    *input = rest;
                }
                Position::FieldName(matched) => {
                    *input = rest;
                    self.position = match (byte, matched) {
                        (b':', Some(length)) if length == DATA_FIELD.len() => Position::AfterColon,
                        (b':', _) => Position::Skipped,
                        (_, Some(length)) if DATA_FIELD.get(length) == Some(&byte) => {
                            Position::FieldName(Some(length + 1))
                        }
                        _ => Position::FieldName(None),
                    };
                }
                Position::AfterColon => {
                    if byte == b' ' {
                        *input = rest;
                    }
                    self.position = Position::ValueStart;
                }
                Position::ValueStart if self.has_data && !is_line_end => {
                    self.position = Position::Value;
                    // The values of several `data` lines are joined by line feeds.
                    return Some(Piece::Data(b"\n"));
                }
                Position::ValueStart | Position::Value => {
                    self.position = Position::Value;
                    let value = self.take_line(input);
                    if !value.is_empty() {
                        self.has_data = true;
                        return Some(Piece::Data(value));
                    }
                }
                Position::Skipped => {
                    self.take_line(input);
                }
            }
        }
        None
    }

    /// Consumes the input up to the end of the line, which it includes, and returns what precedes
    /// it.
    fn take_line<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let length = input.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (line, rest) = input.split_at(length.unwrap_or(input.len()));
        *input = rest;
        if let Some((&byte, rest)) = rest.split_first() {
            self.end_line(byte);
            *input = rest;
        }
        line
    }

    fn end_line(&mut self, byte: u8) {
        self.is_after_return = byte == b'\r';
        self.position = Position::LineStart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses the stream in pieces of `length` bytes; returns the data of each complete event.
    fn events(stream: &[u8], length: usize) -> Vec<Vec<u8>> {
        let mut parser = EventParser::new();
        let mut events = Vec::new();
        let mut data = Vec::new();
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

    /// A slow and obvious parser: whole lines, whole events.
    fn model(stream: &[u8]) -> Vec<Vec<u8>> {
        let text = String::from_utf8_lossy(stream.strip_prefix(BYTE_ORDER_MARK).unwrap_or(stream));
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut events = Vec::new();
        let mut values = Vec::new();
        let mut lines: Vec<&str> = text.split('\n').collect();
        // What follows the last line end is not a complete line.
        lines.pop();
        for line in lines {
            if line.is_empty() {
                if !values.is_empty() {
                    events.push(values.join("\n").into_bytes());
                }
                values.clear();
            } else if let Some(value) = line.strip_prefix("data:") {
                // An empty value would add only white space to JSON, so the parser leaves it out.
                let value = value.strip_prefix(' ').unwrap_or(value);
                values.extend(Some(value).filter(|value| !value.is_empty()));
            }
        }
        events
    }

    #[test]
    fn other_fields_and_comments_are_skipped() {
        let stream = b"\xef\xbb\xbf: hello\r\n\r\nevent: patch\r\nid: 7\nretry: 10\rdata:[1\r\ndata:  ,2]\r\n\r\ndata: cut";
        for length in 1..stream.len() {
            assert_eq!(events(stream, length), [b"[1\n ,2]".to_vec()], "in pieces of {length}");
        }
        assert!(events(b"dat: 1\n\ndataa: 1\n\ndata\n\ndata:\n\n:data: 1\n\n data: 1\n\n", 3).is_empty());
    }

    proptest! {
        #[test]
        fn any_stream_in_any_pieces_parses_as_in_the_model(
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
