//! A TCP proxy for tests: observes, delays or cuts connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Request,
    /// From the server.
    Reply,
}

/// Called with bytes before they are forwarded; returns how many of them to forward. If fewer than
/// all, the connection is cut.
type Hook = dyn Fn(Direction, &[u8]) -> usize + Send + Sync;

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// It is closed: the client reads what was forwarded, and then the end.
    Close,
    /// It is reset: the client may lose bytes that were forwarded and that it has not read yet.
    Reset,
}

/// A proxy on its own port; it runs until the process ends.
pub struct Proxy {
    port: u16,
}

impl Proxy {
    /// Starts a proxy in front of a local port; it closes what it cuts.
    pub fn start(
        target: u16,
        hook: impl Fn(Direction, &[u8]) -> usize + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::start_with(Disconnect::Close, target, hook)
    }

    /// Starts a proxy in front of a local port that cuts connections in that way.
    pub fn start_with(
        disconnect: Disconnect,
        target: u16,
        hook: impl Fn(Direction, &[u8]) -> usize + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let hook: Arc<Hook> = Arc::new(hook);
        spawn_thread(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { continue };
                let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else {
                    continue;
                };
                let request_hook = hook.clone();
                let reply_hook = hook.clone();
                spawn_thread(move || {
                    forward(Direction::Request, from_client, server, &*request_hook, disconnect);
                });
                spawn_thread(move || {
                    forward(Direction::Reply, from_server, client, &*reply_hook, disconnect);
                });
            }
        });
        Ok(Self { port })
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn spawn_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).expect("the system starts a thread");
}

/// Forwards bytes until either peer closes the connection or the hook cuts it.
fn forward(
    direction: Direction,
    mut from: TcpStream,
    mut to: TcpStream,
    hook: &Hook,
    disconnect: Disconnect,
) {
    let mut bytes = [0; 1 << 14];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let allowed = hook(direction, &bytes[..length]);
        let is_closed = to.write_all(&bytes[..allowed]).is_err();
        if allowed < length && disconnect == Disconnect::Reset {
            reset(if direction == Direction::Reply { &to } else { &from });
        }
        if is_closed || allowed < length {
            break;
        }
    }
    // Fails for a connection that is already closed.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Resets a connection, as a machine does that has rebooted.
fn reset(stream: &TcpStream) {
    let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    // SAFETY: the address is a live sockaddr of that length. Linux resets the connection.
    let failed =
        unsafe { libc::connect(stream.as_raw_fd(), &nowhere, size_of_val(&nowhere) as libc::socklen_t) };
    assert_eq!(failed, 0, "the system resets the connection");
}
