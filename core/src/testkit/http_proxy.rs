//! Stands between a client and a server that speak HTTP/1.1, counts what is asked, and answers wrongly where it is told to.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;

use super::http::Message;

/// What becomes of a request.
pub enum Reaction {
    /// It is passed on, and so is the answer.
    Pass,
    /// It is not passed on; this is the answer.
    Answer(Message),
    /// It is passed on, but this is the answer.
    Hide(Message),
    /// It is passed on, and so much of the answer: so many hundredths.
    Truncate(usize),
    /// The connection is cut.
    Disconnect,
    /// It is never answered.
    Stall,
    /// This is passed on in its place, and what is made of the answer.
    Edit(Message, Box<dyn FnOnce(Message) -> Message>),
}

type Policy = dyn Fn(&Message) -> Reaction + Send + Sync;

/// A proxy, or a server, on a port of its own; it ends with the test's process.
pub struct HttpProxy {
    port: u16,
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl HttpProxy {
    /// Starts one in front of a port of this machine.
    pub fn start(target: u16, policy: impl Fn(&Message) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
        let port = listener.local_addr().expect("it has an address").port();
        let (policy, counts): (Arc<Policy>, Arc<Mutex<BTreeMap<String, usize>>>) =
            (Arc::new(policy), Arc::default());
        let seen = counts.clone();
        thread(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (policy, seen) = (policy.clone(), seen.clone());
                // Whichever side closes, or is lost, ends it.
                thread(move || drop(converse(&client, target, &*policy, &seen)));
            }
        });
        Self { port, counts }
    }

    /// Starts a server of its own: nothing is passed on.
    pub fn serve(answer: impl Fn(&Message) -> Message + Send + Sync + 'static) -> Self {
        Self::start(0, move |request| Reaction::Answer(answer(request)))
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns how often each action was asked for, and forgets it.
    pub fn take_counts(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *self.counts.lock())
    }
}

/// Returns the action that a request to an AWS service names; for others, what the first line asks for.
pub fn action(request: &Message) -> &str {
    let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
    target.unwrap_or_else(|| request.first_line.split(' ').nth(1).unwrap_or_default())
}

fn thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("there is a thread for the proxy");
}

fn converse(
    mut client: &TcpStream,
    target: u16,
    policy: &Policy,
    counts: &Mutex<BTreeMap<String, usize>>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut requests = BufReader::new(client.try_clone()?);
    let mut server = None;
    while let Some(request) = Message::read(&mut requests)? {
        *counts.lock().entry(action(&request).to_owned()).or_default() += 1;
        let mut pass = |request: &Message| -> std::io::Result<Message> {
            if server.is_none() {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
                stream.set_nodelay(true)?;
                server = Some((stream.try_clone()?, BufReader::new(stream)));
            }
            let (to, from) = server.as_mut().expect("it was just connected");
            request.write(to)?;
            Message::read(from)?.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
        };
        match policy(&request) {
            Reaction::Pass => pass(&request)?.write(&mut client)?,
            Reaction::Answer(answer) => answer.write(&mut client)?,
            Reaction::Hide(answer) => {
                pass(&request)?;
                answer.write(&mut client)?;
            }
            Reaction::Truncate(hundredths) => {
                let answer = pass(&request)?.to_bytes();
                client.write_all(&answer[..answer.len() * hundredths / 100])?;
                return client.shutdown(std::net::Shutdown::Both);
            }
            Reaction::Disconnect => return client.shutdown(std::net::Shutdown::Both),
            Reaction::Stall => {
                // Until the client gives up, and closes.
                Message::read(&mut requests)?;
                return Ok(());
            }
            Reaction::Edit(instead, edit) => edit(pass(&instead)?).write(&mut client)?,
        }
    }
    Ok(())
}
