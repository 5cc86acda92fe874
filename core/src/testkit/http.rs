//! A minimal HTTP/1.1 codec, to observe, forge and corrupt messages between local clients and
//! servers.

use std::io::{BufRead, Result, Write};

/// A request or a response.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The request line or the status line.
    pub first_line: String,
    /// The names, in lower case, and values of the headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// Creates a response.
    pub fn response(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let first_line = format!("HTTP/1.1 {status} Reason");
        Self { first_line, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    /// Reads a whole message; `None` = the peer closed the connection.
    pub fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let first_line = line(from)?;
        if first_line.is_empty() {
            return Ok(None);
        }
        let mut message = Self { first_line, ..Self::default() };
        loop {
            let line = line(from)?;
            let Some((name, value)) = line.split_once(':') else { break };
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if message.header("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
            loop {
                let length = usize::from_str_radix(&line(from)?, 16).unwrap_or_default();
                let mut chunk = vec![0; length];
                from.read_exact(&mut chunk)?;
                message.body.extend(chunk);
                line(from)?;
                if length == 0 {
                    break;
                }
            }
        } else {
            let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            message.body.resize(length, 0);
            from.read_exact(&mut message.body)?;
        }
        Ok(Some(message))
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the status of a response.
    pub fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// Encodes the message, with the length of its body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.first_line).into_bytes();
        let framing = ["content-length", "transfer-encoding"];
        for (name, value) in self.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str())) {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(format!("content-length: {}\r\n\r\n", self.body.len()).into_bytes());
        bytes.extend(&self.body);
        bytes
    }

    /// Writes the message.
    pub fn write(&self, to: &mut impl Write) -> Result<()> {
        to.write_all(&self.to_bytes())
    }
}

fn line(from: &mut impl BufRead) -> Result<String> {
    let mut bytes = Vec::new();
    from.read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
