//! Stands between a client and a server, and sees, delays or cuts what they say.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The client.
    Request,
    /// The server.
    Reply,
}

/// Sees a piece before it is passed on, and returns how many bytes of it pass; if fewer than all, the connection is cut.
type Hook = dyn Fn(Direction, &[u8]) -> usize + Send + Sync;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// The client reads what has passed, and then that it was all.
    Close,
    /// The client is told that there is no such connection; it may lose what has passed and was not read yet.
    Reset,
}

/// A proxy on a port of its own; it ends with the test's process.
pub struct Proxy {
    port: u16,
}

impl Proxy {
    /// Starts one in front of a port of this machine. What it cuts, it closes.
    pub fn start(
        target: u16,
        hook: impl Fn(Direction, &[u8]) -> usize + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::start_with(Disconnect::Close, target, hook)
    }

    /// Starts one that cuts in that way.
    pub fn start_with(
        disconnect: Disconnect,
        target: u16,
        hook: impl Fn(Direction, &[u8]) -> usize + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let hook: Arc<Hook> = Arc::new(hook);
        thread(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { continue };
                let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else {
                    continue;
                };
                let (to_see, to_see_too) = (hook.clone(), hook.clone());
                thread(move || pass(Direction::Request, from_client, server, &*to_see, disconnect));
                thread(move || pass(Direction::Reply, from_server, client, &*to_see_too, disconnect));
            }
        });
        Ok(Self { port })
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("there is a thread for the proxy");
}

/// Passes on what comes until either side closes or the hook cuts.
fn pass(direction: Direction, mut from: TcpStream, mut to: TcpStream, hook: &Hook, disconnect: Disconnect) {
    let mut bytes = [0; 1 << 14];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let passing = hook(direction, &bytes[..length]);
        let is_closed = to.write_all(&bytes[..passing]).is_err();
        if passing < length && disconnect == Disconnect::Reset {
            reset(if direction == Direction::Reply { &to } else { &from });
        }
        if is_closed || passing < length {
            break;
        }
    }
    // Either may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Ends a connection as a machine does that has forgotten it.
fn reset(stream: &TcpStream) {
    let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    // SAFETY: the address is a live sockaddr of that length. Linux takes a connection to nowhere for a reset.
    let failed =
        unsafe { libc::connect(stream.as_raw_fd(), &nowhere, size_of_val(&nowhere) as libc::socklen_t) };
    assert_eq!(failed, 0, "the system resets the connection");
}
