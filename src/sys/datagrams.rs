//! A datagram socket that a unit's processes write to (sd_notify(3)), with the kernel's word on who wrote.
//!
//! Descriptors that come along are never taken: the control buffer has room for the sender's credentials alone,
//! which come first, so that the kernel lets go of descriptors as the message is received; any that comes through
//! all the same is closed.
//!
//! Unsafe: recvmsg(2) by libc, since in rustix's credentials a sender from outside of the pid namespace, whose number
//! is 0, can't be.
#![allow(unsafe_code)]

use super::last_errno;
use rustix::fs::{Gid, Mode, Uid, chmod, chown};
use rustix::io::{Errno, Result};
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};
use rustix::rand::{GetRandomFlags, getrandom};
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, symlink_metadata};
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::ptr;

/// Credentials, and nothing else.
// SAFETY: computes a size.
const ROOM: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as u32) } as usize;

/// Aligned as control messages are.
#[repr(C, align(8))]
struct Control([u8; ROOM]);

/// A socket that is bound. Its path goes with it.
#[derive(Debug)]
pub struct Datagrams {
    socket: OwnedFd,
    /// As `NOTIFY_SOCKET` has it: a path, or an abstract name behind `@`.
    name: OsString,
    path: Option<PathBuf>,
}

/// One datagram.
#[derive(Debug, PartialEq, Eq)]
pub struct Datagram<'b> {
    pub bytes: &'b [u8],
    /// It was longer than the buffer.
    pub cut: bool,
    pub sender: Option<Sender>,
}

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub user: u32,
    /// 0: a process outside of our pid namespace.
    pub pid: i32,
}

impl Datagrams {
    /// Binds a socket in this directory, which is made if it isn't there. It must be ours alone to write to; if the
    /// socket is for another user, everybody must be able to pass it and those above it.
    pub fn within(directory: &Path, other: bool) -> Result<Datagrams> {
        let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        match DirBuilder::new().mode(0o711).create(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(errno(error)),
            Ok(()) | Err(_) => {}
        }
        let facts = symlink_metadata(directory).map_err(errno)?;
        let ours = facts.is_dir() && facts.uid() == rustix::process::geteuid().as_raw() && facts.mode() & 0o022 == 0;
        let open = |path: &Path| path.metadata().is_ok_and(|facts| facts.mode() & 0o001 != 0);
        if !ours || other && !directory.ancestors().all(open) {
            return Err(Errno::ACCESS);
        }
        let path = directory.join(format!("notify-{}", random()?));
        let socket = bound(&SocketAddrUnix::new(&path)?)?;
        let made = Datagrams { socket, name: path.clone().into(), path: Some(path.clone()) };
        chmod(&path, Mode::RUSR | Mode::WUSR)?;
        Ok(made)
    }

    /// Binds a socket to an abstract name that nobody can guess.
    pub fn hidden() -> Result<Datagrams> {
        let name = format!("wingmate-notify-{}", random()?);
        let socket = bound(&SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        Ok(Datagrams { socket, name: format!("@{name}").into(), path: None })
    }

    /// As `NOTIFY_SOCKET` has it.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Whether it can still be reached: nobody has removed its path.
    pub fn is_there(&self) -> bool {
        self.path.as_ref().is_none_or(|path| symlink_metadata(path).is_ok())
    }

    /// Gives it to this user and group. Without the right to, it is opened for everybody: whose messages count is
    /// told by their senders' credentials.
    pub fn give(&self, user: u32, group: u32) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        match chown(path, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))) {
            Err(Errno::PERM) => chmod(path, Mode::RUSR | Mode::WUSR | Mode::WGRP | Mode::WOTH),
            given => given,
        }
    }

    /// Takes one datagram; `AGAIN` if there is none.
    pub fn next<'b>(&self, buffer: &'b mut [u8]) -> Result<Datagram<'b>> {
        let mut control = Control([0; ROOM]);
        let mut into = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: all zero is a valid value of it.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_iov = &raw mut into;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = ROOM as _;
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the header names two buffers of ours with their true sizes.
        let count = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut header, flags) };
        let count = usize::try_from(count).map_err(|_| last_errno())?;
        let cut = header.msg_flags & libc::MSG_TRUNC != 0;
        Ok(Datagram { sender: sender(&header), bytes: buffer.get(..count).unwrap_or_default(), cut })
    }
}

impl AsFd for Datagrams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Reads the control messages that recvmsg has left.
fn sender(header: &libc::msghdr) -> Option<Sender> {
    let mut sender = None;
    // SAFETY: the header and its control buffer are as recvmsg filled them; the macros stay inside of it, each
    // message's data is as long as it says, and received descriptors are nobody's but ours.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            #[allow(clippy::unnecessary_cast)] // musl has another type for it
            let length = (found.cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if length >= size_of::<libc::ucred>() => {
                    let said = ptr::read_unaligned(data.cast::<libc::ucred>());
                    sender = Some(Sender { user: said.uid, pid: said.pid });
                }
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..length / size_of::<RawFd>() {
                        drop(OwnedFd::from_raw_fd(ptr::read_unaligned(data.cast::<RawFd>().add(index))));
                    }
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    sender
}

fn bound(address: &SocketAddrUnix) -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    // Before anybody can send: each message has its sender's credentials.
    set_socket_passcred(&socket, true)?;
    bind(&socket, address)?;
    Ok(socket)
}

/// 128 random bits in hexadecimal.
fn random() -> Result<String> {
    let mut bytes = [MaybeUninit::<u8>::uninit(); 16];
    // Never waited for: that early in a machine's life there are no services.
    let (bytes, _) = getrandom(&mut bytes, GetRandomFlags::NONBLOCK)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrAny, sendmsg_addr, sendto};
    use std::io::IoSlice;
    use std::os::unix::fs::PermissionsExt;

    fn directory(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("wingmate-datagrams-{}-{name}", std::process::id()))
    }

    fn client() -> OwnedFd {
        socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).unwrap()
    }

    #[test]
    fn a_path_is_private_and_goes_with_the_socket() {
        let place = directory("path");
        let socket = Datagrams::within(&place, true).unwrap();
        let path = PathBuf::from(socket.name());
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&place).unwrap().mode() & 0o777, 0o711);
        assert!(socket.is_there());
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o700)).unwrap();
        assert_eq!(Datagrams::within(&place, true).err(), Some(Errno::ACCESS), "others can't pass it");
        assert!(Datagrams::within(&place, false).is_ok());
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o777)).unwrap();
        assert_eq!(Datagrams::within(&place, false).err(), Some(Errno::ACCESS), "others can write to it");
        drop(socket);
        assert!(!path.exists());
        std::fs::remove_dir(&place).unwrap();
        assert_eq!(Datagrams::within(Path::new("/no/such"), false).err(), Some(Errno::NOENT));
    }

    #[test]
    fn messages_come_with_their_senders() {
        let socket = Datagrams::hidden().unwrap();
        let mut buffer = [0; 8];
        assert_eq!(socket.next(&mut buffer), Err(Errno::AGAIN));
        let name = socket.name().to_str().unwrap().strip_prefix('@').unwrap();
        let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
        for text in ["READY=1", "", "too long a text"] {
            sendto(client(), text.as_bytes(), SendFlags::empty(), &address).unwrap();
            let got = socket.next(&mut buffer).unwrap();
            let sender = Sender { user: rustix::process::geteuid().as_raw(), pid: std::process::id() as i32 };
            assert_eq!(got.sender, Some(sender));
            assert_eq!((got.bytes, got.cut), (&text.as_bytes()[..text.len().min(8)], text.len() > 8));
        }
    }

    #[test]
    fn descriptors_are_closed_at_once() {
        let socket = Datagrams::hidden().unwrap();
        let name = socket.name().to_str().unwrap().strip_prefix('@').unwrap();
        let address = SocketAddrAny::from(SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap());
        let (read, write) = super::super::pipes::one_way().unwrap();
        for count in [1, 3, 200] {
            let sent = vec![write.as_fd(); count];
            let mut space = vec![MaybeUninit::uninit(); 4096];
            let mut control = SendAncillaryBuffer::new(&mut space);
            assert!(control.push(SendAncillaryMessage::ScmRights(&sent)));
            let text = [IoSlice::new(b"BARRIER=1")];
            sendmsg_addr(client(), &address, &text, &mut control, SendFlags::empty()).unwrap();
        }
        drop(write);
        let mut buffer = [0; 64];
        let closed = || super::super::pipes::read_into(&read, &mut [0]);
        for _ in 0..3 {
            assert_eq!(closed(), Err(Errno::AGAIN));
            assert_eq!(socket.next(&mut buffer).unwrap().bytes, b"BARRIER=1");
        }
        assert_eq!(closed(), Ok(0), "nobody has it any more");
    }
}
