//! Where connections live. Ordinarily that is the caller's tokio runtime: it watches their sockets and runs a task for each. A binding whose calls belong to
//! somebody else's event loop can have them there instead, so that no answer has to wake two threads.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// Watches sockets and runs tasks, in place of tokio. Connecting and timers stay tokio's: whoever polls the futures has entered a runtime.
pub trait Place: fmt::Debug + Send + Sync + 'static {
    /// Takes a socket that is connected and does not block.
    ///
    /// # Errors
    /// When it cannot be watched.
    fn adopt(&self, socket: TcpStream) -> io::Result<Box<dyn Adopted>>;

    /// Runs a task until it ends.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

/// A socket that is watched.
pub trait Adopted: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Adopted for T {}
