//! A plain client for Redis that shares no code with the store under test: commands and replies as they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A reply, as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// There is nothing.
    Nil,
    /// A number.
    Number(i64),
    /// Text, or a status such as `OK`. Bytes that are not UTF-8 are replaced.
    Text(String),
    /// An error, with its code.
    Refusal(String),
    /// Several replies.
    List(Vec<Reply>),
}

/// A connection to a server's socket.
pub struct RedisClient(BufReader<UnixStream>);

impl RedisClient {
    /// Connects, if the server is there.
    pub fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Runs a command; its words may be any bytes. Panics when the connection fails.
    pub fn run<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Reply {
        self.try_run(words).expect("the server answers the test's own client")
    }

    /// Runs a command.
    pub fn try_run<W: AsRef<[u8]>>(&mut self, words: &[W]) -> std::io::Result<Reply> {
        let mut message = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            message.extend(format!("${}\r\n", word.len()).bytes());
            message.extend(word);
            message.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&message)?;
        self.reply()
    }

    /// Runs a command that answers with a list of texts, and sorts them.
    pub fn sorted(&mut self, words: &[&str]) -> Vec<String> {
        let Reply::List(list) = self.run(words) else { panic!("{words:?} was not answered with a list") };
        let mut texts: Vec<String> = list
            .into_iter()
            .map(|reply| match reply {
                Reply::Text(text) => text,
                other => panic!("{words:?} was answered with {other:?}"),
            })
            .collect();
        texts.sort();
        texts
    }

    fn reply(&mut self) -> std::io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let (mark, rest) = line.trim_end().split_at(1);
        let number = || rest.parse::<i64>().expect("a number of the protocol");
        Ok(match mark {
            "+" => Reply::Text(rest.to_owned()),
            "-" => Reply::Refusal(rest.to_owned()),
            ":" => Reply::Number(number()),
            "$" | "*" if number() < 0 => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; number() as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            "*" => Reply::List((0..number()).map(|_| self.reply()).collect::<Result<_, _>>()?),
            _ => panic!("the server says {line:?}"),
        })
    }
}
