//! A minimal Redis client that shares no code with the store under test: raw commands and replies.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Never reached by a test that passes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A reply, as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// The nil reply.
    Nil,
    /// An integer.
    Number(i64),
    /// A string, or a status such as `OK`. Bytes that are not UTF-8 are replaced.
    Text(String),
    /// An error: its code and message.
    Error(String),
    /// An array.
    List(Vec<Reply>),
}

/// A connection to the Unix socket of a server.
pub struct RedisClient(BufReader<UnixStream>);

impl RedisClient {
    /// Connects to the socket.
    pub fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Runs a command, whose arguments may be any bytes. Panics if the connection fails.
    pub fn run<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Reply {
        self.try_run(args).expect("the server replies")
    }

    /// Runs a command.
    pub fn try_run<A: AsRef<[u8]>>(&mut self, args: &[A]) -> std::io::Result<Reply> {
        let mut message = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            let arg = arg.as_ref();
            message.extend(format!("${}\r\n", arg.len()).bytes());
            message.extend(arg);
            message.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&message)?;
        self.reply()
    }

    /// Runs a command that returns an array of strings, and sorts them.
    pub fn sorted(&mut self, args: &[&str]) -> Vec<String> {
        let Reply::List(list) = self.run(args) else { panic!("{args:?}: the reply is not an array") };
        let mut texts: Vec<String> = list
            .into_iter()
            .map(|reply| match reply {
                Reply::Text(text) => text,
                other => panic!("{args:?}: unexpected {other:?}"),
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
        let number = || rest.parse::<i64>().expect("an integer");
        Ok(match mark {
            "+" => Reply::Text(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(number()),
            "$" | "*" if number() < 0 => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; number() as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            "*" => Reply::List((0..number()).map(|_| self.reply()).collect::<Result<_, _>>()?),
            _ => panic!("unexpected reply: {line:?}"),
        })
    }
}
