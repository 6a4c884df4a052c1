//! A sign-in from a program on a person's machine (RFC 8252): their browser comes back to an address that only this machine can reach.
//!
//! Promises: one redirect is taken, at one path, on 127.0.0.1 and a port that was free; anything else is answered and ends nothing; it ends in time; afterwards nothing
//! listens.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{Method, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::sign_in::{SignIn, late};
use crate::engine::error::Error;
use crate::engine::oauth::TokenSet;

/// Where the browser comes back to.
const PATH: &str = "/callback";

/// A browser opens a few connections beforehand; more are somebody else's.
const CONNECTIONS: usize = 16;

/// A request's head, in bytes and time.
const LARGEST_HEAD: usize = 16 * 1024;
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long the last page may take to leave.
const FAREWELL: Duration = Duration::from_secs(2);

impl SignIn {
    /// The authorization code grant with PKCE for a program on the person's machine. The client is registered with the redirect address `http://127.0.0.1/callback`: the
    /// port is one that is free (RFC 8252, section 7.3). `open` is given the address to open in the person's browser, or to show.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), waypost::Error> {
    /// use waypost::oauth::SignIn;
    ///
    /// let tokens = SignIn::new("https://api.example", "ocl_1")?.with_browser(|url| println!("Open {url}")).await?;
    /// # let _ = tokens;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::OAuth`] when the person said no or the server refuses, [`Error::Timeout`] when they did not come back in time.
    pub async fn with_browser(&self, open: impl FnOnce(&str) + Send) -> Result<TokenSet, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.and_then(|listener| {
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        });
        let (listener, port) = listener.map_err(|error| {
            Error::config(format!("nothing can listen on 127.0.0.1 for the redirect: {error}"))
        })?;
        let code = self.begin(format!("http://127.0.0.1:{port}{PATH}")).await?;
        let (sender, mut visits) = mpsc::channel(1);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, code.state().into(), sender));
        open(code.url());
        let visit = tokio::time::timeout(self.limit, visits.recv()).await.map_err(|_| late(self.limit))?;
        let visit = visit.ok_or_else(|| Error::config("nothing listens for the redirect any more"))?;
        let outcome = code.finish(visit.url).await;
        let page = match outcome {
            Ok(_) => page(
                StatusCode::OK,
                "You are signed in",
                "You can close this page and go back to the program.",
            ),
            Err(_) => page(
                StatusCode::OK,
                "You are not signed in",
                "The program says why. You can close this page.",
            ),
        };
        // Whether the browser still wants it is not what the sign-in hangs on.
        if visit.page.send(page).is_ok() {
            let _gone = tokio::time::timeout(FAREWELL, visit.over).await;
        }
        outcome
    }
}

type Page = http::Response<Full<Bytes>>;

/// The browser is back, and waits for what to show.
struct Visit {
    url: String,
    page: oneshot::Sender<Page>,
    /// Resolves when the page has left.
    over: oneshot::Receiver<()>,
}

async fn accept(listener: TcpListener, state: Arc<str>, visits: mpsc::Sender<Visit>) {
    let mut connections = JoinSet::new();
    loop {
        // One that could not be accepted is gone; the next may come.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() < CONNECTIONS {
            connections.spawn(serve(stream, Arc::clone(&state), visits.clone()));
        }
    }
}

/// One connection, which is never more than one request.
async fn serve(stream: TcpStream, state: Arc<str>, visits: mpsc::Sender<Visit>) {
    let (done, over) = oneshot::channel();
    let over = Mutex::new(Some(over));
    let service = service_fn(|request: http::Request<Incoming>| {
        let over = over.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (state, visits) = (&state, &visits);
        async move { Ok::<_, Infallible>(answer(&request, state, visits, over).await) }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false);
    // A browser that goes away is its own affair.
    let _ended = server.serve_connection(TokioIo::new(stream), service).await;
    let _nobody_waits = done.send(());
}

async fn answer(
    request: &http::Request<Incoming>,
    state: &str,
    visits: &mpsc::Sender<Visit>,
    over: Option<oneshot::Receiver<()>>,
) -> Page {
    let uri = request.uri();
    if request.method() != Method::GET || uri.path() != PATH {
        return page(StatusCode::NOT_FOUND, "Nothing is here", "Go back to the program.");
    }
    // A redirect with another state is a stranger's, and does not end the sign-in. The state needs no decoding.
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let ours = pairs.any(|pair| pair.strip_prefix("state=") == Some(state));
    let (sender, shown) = oneshot::channel();
    let taken = over.filter(|_| ours).and_then(|over| {
        let visit = Visit { url: uri.to_string(), page: sender, over };
        visits.try_send(visit).ok()
    });
    let stranger = || {
        let title = "This is not the sign-in that the program waits for";
        page(StatusCode::BAD_REQUEST, title, "Go back to the program and begin again.")
    };
    match taken {
        Some(()) => shown.await.unwrap_or_else(|_| stranger()),
        None => stranger(),
    }
}

/// A page without scripts, which nobody keeps or frames, and whose address goes nowhere.
fn page(status: StatusCode, title: &str, text: &str) -> Page {
    let html =
        format!("<!doctype html><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{text}</p>");
    let mut page = http::Response::new(Full::from(html));
    *page.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONNECTION, "close"),
    ] {
        page.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    page
}
