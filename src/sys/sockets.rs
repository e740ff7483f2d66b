//! Sockets that connect and talk without waiting: what probes use, and one message to wingmate's own manager.

use rustix::io::{Errno, Result};
use rustix::net::sockopt::socket_error;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect as connect_to, getpeername,
    getsockname, recv as receive, send as send_some, sendto, socket_with,
};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Where somebody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Begins to connect; [`is_connected`] tells how far it is, and the socket is writable when that changes.
pub fn connect(to: &Endpoint) -> Result<OwnedFd> {
    let open = |family| socket_with(family, SocketType::STREAM, FLAGS, None);
    let (socket, begun) = match to {
        Endpoint::Tcp(address @ SocketAddr::V4(_)) => {
            let socket = open(AddressFamily::INET)?;
            let begun = connect_to(&socket, address);
            (socket, begun)
        }
        Endpoint::Tcp(address @ SocketAddr::V6(_)) => {
            let socket = open(AddressFamily::INET6)?;
            let begun = connect_to(&socket, address);
            (socket, begun)
        }
        Endpoint::Unix(path) => {
            let address = SocketAddrUnix::new(path)?;
            let socket = open(AddressFamily::UNIX)?;
            let begun = connect_to(&socket, &address);
            (socket, begun)
        }
    };
    match begun {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(errno) => Err(errno),
    }
}

/// Whether the connection is there by now; an error if it won't come.
pub fn is_connected(socket: impl AsFd) -> Result<bool> {
    socket_error(&socket)??;
    let peer = match getpeername(&socket) {
        Ok(peer) => peer,
        Err(Errno::NOTCONN) => return Ok(false),
        Err(errno) => return Err(errno),
    };
    // Nobody listens, but the port happened to be given to this very socket, which then reached itself (RFC 9293's
    // simultaneous open).
    let itself = peer.is_some() && peer == getsockname(&socket).ok();
    if itself { Err(Errno::CONNREFUSED) } else { Ok(true) }
}

/// Sends as much as there is room for.
pub fn send(socket: impl AsFd, bytes: &[u8]) -> Result<usize> {
    send_some(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
}

/// Takes what is there into `buffer`; 0 at the end.
pub fn recv(socket: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    receive(socket, buffer, RecvFlags::DONTWAIT).map(|(count, _)| count)
}

/// A Unix socket's address as `NOTIFY_SOCKET` has it: a path, or an abstract name behind `@`.
pub fn named(name: &OsStr) -> Result<SocketAddrUnix> {
    match name.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddrUnix::new_abstract_name(name),
        Some((b'/', _)) => SocketAddrUnix::new(Path::new(name)),
        Some(_) | None => Err(Errno::AFNOSUPPORT),
    }
}

/// Sends one datagram, or doesn't.
pub fn tell(to: &SocketAddrUnix, text: &str) -> Result<()> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, FLAGS, None)?;
    sendto(socket, text.as_bytes(), SendFlags::NOSIGNAL | SendFlags::DONTWAIT, to).map(drop)
}
