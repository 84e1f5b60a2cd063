//! The socket that requests come through: our own, or one that several processes were handed.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A socket that listens.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    /// Others go on taking its connections when this process stops.
    pub(crate) shared: bool,
}

impl Listening {
    /// The socket that was handed over as standard input, else one of our own at `addr`.
    ///
    /// That is how [supervise](crate::cli) and systemd (`StandardInput=socket`) hand a socket over. Other than with
    /// `LISTEN_FDS`, nobody has to take a bare number's word for being an open file.
    ///
    /// # Errors
    /// When `addr` cannot be listened on.
    pub(crate) async fn open(addr: SocketAddr) -> io::Result<Self> {
        match handed_over()? {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Self { listener: TcpListener::from_std(listener)?, shared: true })
            }
            None => Ok(Self { listener: TcpListener::bind(addr).await?, shared: false }),
        }
    }
}

/// Standard input, where it is a socket that listens.
fn handed_over() -> io::Result<Option<std::net::TcpListener>> {
    let stdin = io::stdin();
    // Anything but a socket answers with an error.
    if !rustix::net::sockopt::socket_acceptconn(stdin.as_fd()).unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(stdin.as_fd().try_clone_to_owned()?.into()))
}

/// Lets connections in until the process is about to stop.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    /// From now on connections are left to the processes that share the socket.
    pub(crate) draining: CancellationToken,
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        tokio::select! {
            biased;
            () = self.draining.cancelled() => std::future::pending().await,
            connection = Listener::accept(&mut self.listener) => connection,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
