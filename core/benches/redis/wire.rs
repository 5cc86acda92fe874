//! A bare blocking connection: the cost of a round trip alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// A connection that sends encoded commands and counts replies.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    /// Connects over TCP, as engines do.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server is running");
        stream.set_nodelay(true).expect("a TCP option");
        Self(BufReader::new(stream))
    }

    /// Sends encoded commands and reads the replies. Returns how many members these contain.
    pub(crate) fn exchange(&mut self, commands: &[u8], replies: usize) -> usize {
        self.0.get_mut().write_all(commands).expect("the server reads");
        (0..replies).map(|_| self.reply()).sum()
    }

    fn reply(&mut self) -> usize {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        let number = || line[1..].trim_end().parse::<usize>().expect("a number");
        match &line[..1] {
            "*" => (0..number()).map(|_| self.reply()).sum(),
            "$" => {
                let mut bytes = [0; 256];
                self.0.read_exact(&mut bytes[..number() + 2]).expect("the rest");
                1
            }
            "-" => panic!("unexpected reply: {line}"),
            _ => 0,
        }
    }
}

/// Encodes commands in the Redis protocol.
pub(crate) fn encode(commands: &[&[&str]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for arguments in commands {
        write!(bytes, "*{}\r\n", arguments.len()).expect("memory");
        for argument in *arguments {
            write!(bytes, "${}\r\n{argument}\r\n", argument.len()).expect("memory");
        }
    }
    bytes
}

/// Encodes the two commands of a lookup.
pub(crate) fn lookup(hash: bigseg::ContextHash) -> Vec<u8> {
    let [include, exclude] =
        ["include", "exclude"].map(|list| format!("launchdarkly:big_segment_{list}:{hash}"));
    encode(&[&["SMEMBERS", &include], &["SMEMBERS", &exclude]])
}
