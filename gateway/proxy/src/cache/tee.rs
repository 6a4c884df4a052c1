//! A body that is kept while it flows by. Its pieces are shared, not copied, until it is whole; the client gets each as it comes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Frame, SizeHint};

use super::flight::Keeping;
use crate::Body;
use crate::body::BodyError;

pub(super) struct Tee {
    body: Body,
    pieces: Vec<Bytes>,
    size: u64,
    largest: u64,
    keeping: Option<Keeping>,
}

impl Tee {
    pub(super) fn new(body: Body, largest: u64, keeping: Keeping) -> Self {
        let fits = body.size_hint().lower() <= largest;
        let mut tee = Self { body, pieces: Vec::new(), size: 0, largest, keeping: fits.then_some(keeping) };
        tee.end_if_whole();
        tee
    }

    fn end_if_whole(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        let Some(keeping) = self.keeping.take() else { return };
        let pieces = std::mem::take(&mut self.pieces);
        let whole = match <[Bytes; 1]>::try_from(pieces) {
            Ok([one]) => one,
            Err(pieces) => {
                let mut whole = BytesMut::with_capacity(usize::try_from(self.size).unwrap_or(0));
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                whole.freeze()
            }
        };
        keeping.whole(whole);
    }
}

impl hyper::body::Body for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.size += data.len() as u64;
                    if self.size > self.largest {
                        self.keeping = None;
                        self.pieces = Vec::new();
                    } else if self.keeping.is_some() {
                        self.pieces.push(data.clone());
                        self.end_if_whole();
                    }
                } else {
                    // Trailers are not kept, so neither is an answer that has them.
                    self.keeping = None;
                }
            }
            Poll::Ready(Some(Err(_))) => self.keeping = None,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
