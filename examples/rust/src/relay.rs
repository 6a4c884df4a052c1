//! A network that fails at the worst moment: a TCP relay in front of the gateway that lets a request through, waits until the gateway
//! has answered, and cuts the connection instead of passing the answer on. The work is done, and the caller cannot know.
//!
//! It cuts as many answers as it was told to and is a plain relay from then on. It ends when it is dropped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The relay.
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    to_cut: AtomicU32,
    cut: AtomicU32,
}

impl State {
    /// Whether the answer that is there now is to be cut; counts it if so.
    fn cut_this_one(&self) -> bool {
        let armed =
            self.to_cut.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if armed {
            self.cut.fetch_add(1, Ordering::SeqCst);
        }
        armed
    }
}

impl Relay {
    /// Listens on a free port of this machine and passes everything on to `gateway`, but the first `answers_to_cut` answers.
    pub(crate) async fn start(gateway: String, answers_to_cut: u32) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { to_cut: AtomicU32::new(answers_to_cut), cut: AtomicU32::new(0) });
        let task = tokio::spawn(accept(listener, gateway, Arc::clone(&state)));
        Ok(Self { address, state, task })
    }

    /// Where to send requests that shall pass through it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many answers were cut so far.
    pub(crate) fn answers_cut(&self) -> u32 {
        self.state.cut.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, gateway: String, state: Arc<State>) {
    // A connection's own failure is what its caller sees; the relay goes on.
    while let Ok((caller, _)) = listener.accept().await {
        let (gateway, state) = (gateway.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let _ = relay(caller, &gateway, &state).await;
        });
    }
}

/// One connection, until either side closes it or an answer is cut.
async fn relay(caller: TcpStream, gateway: &str, state: &State) -> io::Result<()> {
    let (mut from_gateway, mut to_gateway) = TcpStream::connect(gateway).await?.into_split();
    let (mut from_caller, mut to_caller) = caller.into_split();
    let requests = async { tokio::io::copy(&mut from_caller, &mut to_gateway).await.map(|_| ()) };
    let answers = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from_gateway.read(&mut buffer).await?;
            let answer = buffer.get(..read).unwrap_or_default();
            // A refusal moved no money: it passes, and the answer after it is cut.
            if read == 0 || (!answer.starts_with(b"HTTP/1.1 4") && state.cut_this_one()) {
                return Ok(());
            }
            to_caller.write_all(answer).await?;
        }
    };
    tokio::select! {
        done = requests => done,
        done = answers => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each request of four bytes with four of its own, and counts them.
    async fn server() -> (String, Arc<AtomicU32>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&served);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let mut request = [0; 4];
                    while connection.read_exact(&mut request).await.is_ok() {
                        count.fetch_add(1, Ordering::SeqCst);
                        connection.write_all(b"pong").await.unwrap();
                    }
                });
            }
        });
        (address, served)
    }

    async fn ask(relay: &Relay) -> Vec<u8> {
        let mut connection = TcpStream::connect(relay.address).await.unwrap();
        connection.write_all(b"ping").await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4];
        if connection.read_exact(&mut buffer).await.is_ok() {
            answer.extend_from_slice(&buffer);
        }
        answer
    }

    #[tokio::test]
    async fn the_first_answer_is_cut_after_the_server_did_the_work_and_the_next_one_arrives() {
        let (address, served) = server().await;
        let relay = Relay::start(address, 1).await.unwrap();
        assert_eq!(ask(&relay).await, b"");
        assert_eq!((served.load(Ordering::SeqCst), relay.answers_cut()), (1, 1));
        assert_eq!(ask(&relay).await, b"pong");
        assert_eq!((served.load(Ordering::SeqCst), relay.answers_cut()), (2, 1));
    }
}
