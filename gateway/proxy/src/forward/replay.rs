//! A request's body that can be sent once more. It streams as it comes, so that nobody waits for the whole of it; what was sent is kept beside, as long as it is
//! small. A second reader begins with that and goes on where the first one stopped, who gets nothing more.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Frame, SizeHint};

use crate::Body;
use crate::body::BodyError;

/// A body, and what of it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Kept(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    body: Body,
    sent: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    ended: bool,
    /// Bytes that may still be kept; none once more was sent than may be.
    room: Option<usize>,
    /// The number of the reader that gets what comes.
    reader: u32,
}

/// One reading of a body, from its beginning.
#[derive(Debug)]
struct Reader {
    kept: Kept,
    number: u32,
    /// Parts of what was sent that this reader has given.
    given: usize,
    trailers_given: bool,
}

impl Kept {
    /// Of a body; at most `most` bytes are kept.
    pub(crate) fn new(body: Body, most: usize) -> Self {
        let (sent, trailers) = (VecDeque::new(), None);
        Self(Arc::new(Mutex::new(State { body, sent, trailers, ended: false, room: Some(most), reader: 0 })))
    }

    /// The body from its beginning, if that is still there. Readers from before get no more.
    pub(crate) fn read(&self) -> Option<Body> {
        let mut state = self.lock();
        state.room?;
        state.reader += 1;
        let number = state.reader;
        drop(state);
        Some(Body::new(Reader { kept: self.clone(), number, given: 0, trailers_given: false }))
    }

    /// Whether [`Kept::read`] gives one.
    pub(crate) fn is_whole(&self) -> bool {
        self.lock().room.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, data: &Bytes) {
        self.room = self.room.and_then(|room| room.checked_sub(data.len()));
        if self.room.is_some() {
            self.sent.push_back(data.clone());
        } else {
            self.sent = VecDeque::new();
        }
    }

    /// What a reader still has to give of what was sent.
    fn rest(&self, given: usize) -> impl Iterator<Item = &Bytes> {
        self.sent.iter().skip(given)
    }
}

impl hyper::body::Body for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut state = this.kept.lock();
        let state = &mut *state;
        if state.reader != this.number {
            return Poll::Ready(Some(Err("the request is tried again elsewhere".into())));
        }
        if let Some(data) = state.sent.get(this.given) {
            this.given += 1;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        if !state.ended {
            match ready!(Pin::new(&mut state.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        state.keep(&data);
                        this.given = state.sent.len();
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    Err(frame) => {
                        state.trailers = frame.into_trailers().ok();
                        state.ended = true;
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => state.ended = true,
            }
        }
        let trailers = state.trailers.clone().filter(|_| !this.trailers_given);
        this.trailers_given = true;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        let state = self.kept.lock();
        state.rest(self.given).next().is_none()
            && (state.body.is_end_stream() || state.ended)
            && (state.trailers.is_none() || self.trailers_given)
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.kept.lock();
        let rest: u64 = state.rest(self.given).map(|data| data.len() as u64).sum();
        let of_body = if state.ended { SizeHint::with_exact(0) } else { state.body.size_hint() };
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use hyper::body::Body as _;

    use super::*;

    fn body(parts: &'static [&'static str]) -> Body {
        let frames =
            parts.iter().map(|part| Ok::<_, BodyError>(Frame::data(Bytes::from_static(part.as_bytes()))));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", http::HeaderValue::from_static("1"));
        let last = std::iter::once(Ok(Frame::trailers(trailers)));
        Body::new(StreamBody::new(stream::iter(frames.chain(last))))
    }

    #[tokio::test]
    async fn a_second_reader_gets_all_and_the_first_nothing_more() {
        let kept = Kept::new(body(&["a", "bc", "def"]), 6);
        let mut first = kept.read().unwrap();
        for expected in ["a", "bc"] {
            let frame = first.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
        let second = kept.read().unwrap();
        assert!(first.frame().await.unwrap().is_err());
        let all = second.collect().await.unwrap();
        assert_eq!(all.trailers().unwrap()["x-sum"], "1");
        assert_eq!(all.to_bytes(), "abcdef");
        // All of it was sent, and yet there is a third.
        let third = kept.read().unwrap();
        assert_eq!(third.size_hint().exact(), Some(6));
        let all = third.collect().await.unwrap();
        assert_eq!(all.trailers().unwrap()["x-sum"], "1");
        assert_eq!(all.to_bytes(), "abcdef");
    }

    #[tokio::test]
    async fn what_is_larger_than_may_be_kept_is_read_once() {
        let kept = Kept::new(body(&["a", "bc", "def"]), 5);
        assert!(kept.is_whole());
        let all = kept.read().unwrap().collect().await.unwrap();
        assert_eq!(all.to_bytes(), "abcdef");
        assert!(!kept.is_whole() && kept.read().is_none());
        assert!(kept.lock().sent.is_empty());
    }
}
