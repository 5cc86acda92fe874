//! A pipe from what arrives on the network to what a thread parses: bounded, so that a fast upstream waits for a slow
//! store and not the memory for both.

use std::io::{Error, ErrorKind, Read, Result};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many pieces lie in the pipe; the HTTP client hands them over in 8 to 400 KiB.
const PIECES: usize = 4;

enum Portion {
    Piece(Bytes),
    End,
}

/// The end that is filled. Dropped without [`Feed::finish`], it leaves a broken pipe.
pub(super) struct Feed(Sender<Portion>);

/// The end that is read, on a thread that may block.
pub(super) struct FeedReader {
    pieces: Receiver<Portion>,
    piece: Bytes,
    ended: bool,
}

/// Makes a pipe.
pub(super) fn feed() -> (Feed, FeedReader) {
    let (sender, pieces) = channel(PIECES);
    (Feed(sender), FeedReader { pieces, piece: Bytes::new(), ended: false })
}

impl Feed {
    /// Waits until there is room; returns whether anybody still reads.
    pub(super) async fn send(&self, piece: Bytes) -> bool {
        self.0.send(Portion::Piece(piece)).await.is_ok()
    }

    /// Says that this was all.
    pub(super) async fn finish(self) {
        // Fails when nobody reads any more.
        let _ = self.0.send(Portion::End).await;
    }
}

impl Read for FeedReader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Portion::Piece(piece)) => self.piece = piece,
                Some(Portion::End) => self.ended = true,
                None => return Err(Error::new(ErrorKind::ConnectionAborted, "the connection broke")),
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
