//! A bounded pipe from the network to the thread that parses: a slow store slows the download down
//! instead of filling the memory.

use std::io::{Error, ErrorKind, Read, Result};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Capacity in chunks; the HTTP client delivers chunks of 8 to 400 KiB.
const CAPACITY: usize = 4;

enum Message {
    Data(Bytes),
    End,
}

/// The async end. Dropping it without [`ByteSender::finish`] fails the reader.
pub(super) struct ByteSender(Sender<Message>);

/// The blocking end.
pub(super) struct ByteReader {
    messages: Receiver<Message>,
    chunk: Bytes,
    is_finished: bool,
}

/// Creates a pipe.
pub(super) fn byte_pipe() -> (ByteSender, ByteReader) {
    let (sender, messages) = channel(CAPACITY);
    (ByteSender(sender), ByteReader { messages, chunk: Bytes::new(), is_finished: false })
}

impl ByteSender {
    /// Waits for room and sends a chunk; returns whether the reader still exists.
    pub(super) async fn send(&self, chunk: Bytes) -> bool {
        self.0.send(Message::Data(chunk)).await.is_ok()
    }

    /// Marks the end of the data.
    pub(super) async fn finish(self) {
        // Fails when the reader is gone, which needs no end.
        let _ = self.0.send(Message::End).await;
    }
}

impl Read for ByteReader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.chunk.is_empty() && !self.is_finished {
            match self.messages.blocking_recv() {
                Some(Message::Data(chunk)) => self.chunk = chunk,
                Some(Message::End) => self.is_finished = true,
                None => return Err(Error::new(ErrorKind::ConnectionAborted, "the connection broke")),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
