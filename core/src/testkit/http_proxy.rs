//! An HTTP/1.1 proxy for tests: counts requests, and replaces, truncates or withholds responses as
//! a policy says.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;

use super::http::Message;

/// How the proxy reacts to a request.
pub enum Reaction {
    /// Forwards the request and the response.
    Pass,
    /// Responds without forwarding the request.
    Respond(Message),
    /// Forwards the request and replaces the response.
    Replace(Message),
    /// Forwards the request and that percentage of the response, then closes the connection.
    Truncate(usize),
    /// Closes the connection.
    Disconnect,
    /// Never responds.
    Stall,
    /// Forwards another request, and the response as the function changes it.
    Edit(Message, Box<dyn FnOnce(Message) -> Message>),
}

type Policy = dyn Fn(&Message) -> Reaction + Send + Sync;

/// A proxy or a server on its own port; it runs until the process ends.
pub struct HttpProxy {
    port: u16,
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl HttpProxy {
    /// Starts a proxy in front of a local port.
    pub fn start(target: u16, policy: impl Fn(&Message) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
        let port = listener.local_addr().expect("it has an address").port();
        let policy: Arc<Policy> = Arc::new(policy);
        let counts: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let shared_counts = counts.clone();
        spawn_thread(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let policy = policy.clone();
                let counts = shared_counts.clone();
                // An error means that one of the peers closed the connection.
                spawn_thread(move || drop(serve(&client, target, &*policy, &counts)));
            }
        });
        Self { port, counts }
    }

    /// Starts a server that forwards nothing.
    pub fn serve(respond: impl Fn(&Message) -> Message + Send + Sync + 'static) -> Self {
        Self::start(0, move |request| Reaction::Respond(respond(request)))
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the number of requests of each action, and resets it.
    pub fn take_counts(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *self.counts.lock())
    }
}

/// Returns the action of a request to an AWS service, or the path of any other request.
pub fn action(request: &Message) -> &str {
    let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
    target.unwrap_or_else(|| request.first_line.split(' ').nth(1).unwrap_or_default())
}

fn spawn_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("the system starts a thread");
}

fn serve(
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
        let mut forward = |request: &Message| -> std::io::Result<Message> {
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
            Reaction::Pass => forward(&request)?.write(&mut client)?,
            Reaction::Respond(response) => response.write(&mut client)?,
            Reaction::Replace(response) => {
                forward(&request)?;
                response.write(&mut client)?;
            }
            Reaction::Truncate(percent) => {
                let response = forward(&request)?.to_bytes();
                client.write_all(&response[..response.len() * percent / 100])?;
                return client.shutdown(std::net::Shutdown::Both);
            }
            Reaction::Disconnect => return client.shutdown(std::net::Shutdown::Both),
            Reaction::Stall => {
                // Returns when the client closes the connection.
                Message::read(&mut requests)?;
                return Ok(());
            }
            Reaction::Edit(other, edit) => edit(forward(&other)?).write(&mut client)?,
        }
    }
    Ok(())
}
