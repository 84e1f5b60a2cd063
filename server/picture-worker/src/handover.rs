//! How an opened original and the request reach a child that has started already: as one message through the
//! socket that is its standard input.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::cmsg_space;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Longest request. One is a few hundred bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// The parent's end and the child's. What is sent stays one message; a lost end is noticed at the other.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Hands over. Never waits: the socket holds more than one request.
pub(crate) fn send(to: impl AsFd, request: &[u8], original: impl AsFd) -> io::Result<()> {
    let original = [original.as_fd()];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    beside.push(SendAncillaryMessage::ScmRights(&original));
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let sent = sendmsg(to, &[IoSlice::new(request)], &mut beside, flags)?;
    if sent == request.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Waits for the request and the original. `None` when the parent has gone, or sent something else.
pub(crate) fn receive(from: impl AsFd) -> io::Result<Option<(Vec<u8>, OwnedFd)>> {
    let mut request = vec![0; MAX_REQUEST_BYTES];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut request)];
        match recvmsg(&from, &mut parts, &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            received => break received?,
        }
    };
    let original = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let whole = received.bytes > 0 && !received.flags.contains(ReturnFlags::TRUNC);
    request.truncate(received.bytes);
    Ok(original.filter(|_| whole).map(|original| (request, original)))
}
