//! A bare blocking connection: what a round trip costs with nothing around it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// A connection that sends prepared bytes and counts replies.
pub(crate) struct Wire(BufReader<TcpStream>);

impl Wire {
    /// Connects over TCP, as engines do.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server is there");
        stream.set_nodelay(true).expect("a TCP option");
        Self(BufReader::new(stream))
    }

    /// Sends commands in one piece and reads that many replies; returns how many members they held.
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
            "-" => panic!("the server says {line}"),
            _ => 0,
        }
    }
}

/// Spells commands as the protocol does.
pub(crate) fn spell(commands: &[&[&str]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for words in commands {
        write!(bytes, "*{}\r\n", words.len()).expect("memory");
        for word in *words {
            write!(bytes, "${}\r\n{word}\r\n", word.len()).expect("memory");
        }
    }
    bytes
}

/// Spells the two questions that make a lookup.
pub(crate) fn lookup(hash: bigseg_core::ContextHash) -> Vec<u8> {
    let [include, exclude] =
        ["include", "exclude"].map(|list| format!("launchdarkly:big_segment_{list}:{hash}"));
    spell(&[&["SMEMBERS", &include], &["SMEMBERS", &exclude]])
}
