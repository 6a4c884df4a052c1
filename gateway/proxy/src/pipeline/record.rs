//! What is told of a request once it has ended: when its answer's last byte is handed over, or when nobody wants it any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use hyper::body::{Frame, SizeHint};

use crate::body::BodyError;
use crate::config::AccessLog;
use crate::limit::Decision;
use crate::observe::{Finished, Trace};
use crate::proxy::Shared;
use crate::snapshot::Snapshot;
use crate::visit::Told;
use crate::{Body, Caller, Exchange};

/// What stages leave behind for the end.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// How the caller stands with its limits.
    pub(crate) limited: Option<Decision>,
    /// The code of a refusal of ours.
    pub(crate) code: Option<&'static str>,
    /// The target that was asked last.
    pub(crate) target: Option<Arc<str>>,
    /// From asking it to its answer's head, or to why there is none; and when that was.
    pub(crate) upstream: Option<Duration>,
    pub(crate) heard: Option<Instant>,
    /// What the cache had.
    pub(crate) cache: Option<&'static str>,
    /// The request's place in a trace.
    pub(crate) trace: Option<Trace>,
    /// The size of the request's body, where its head says it.
    pub(crate) bytes_in: u64,
    /// The endpoint of the program around the proxy, and who called it.
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) caller: Option<Arc<Caller>>,
}

impl Notes {
    /// What the program around the proxy found out.
    pub(crate) fn told(&mut self, told: Told) {
        let Told { endpoint, caller, code, limited } = told;
        (self.endpoint, self.caller, self.code, self.limited) = (endpoint, caller, code, limited);
    }
}

/// A body that tells when it has ended.
#[derive(Debug)]
struct Recorded {
    body: Body,
    record: Record,
}

#[derive(Debug)]
struct Record {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    /// None took it.
    route: Option<usize>,
    exchange: Exchange,
    method: Method,
    status: StatusCode,
    bytes_out: u64,
    notes: Notes,
}

/// Has an answer recorded when it ends.
pub(crate) fn record(
    answer: Response<Body>,
    shared: &Arc<Shared>,
    snapshot: Arc<Snapshot>,
    route: Option<usize>,
    (exchange, method, notes): (Exchange, Method, Notes),
) -> Response<Body> {
    let (head, body) = answer.into_parts();
    let shared = Arc::clone(shared);
    let mut record =
        Record { shared, snapshot, route, exchange, method, status: head.status, bytes_out: 0, notes };
    if let Some(bytes) = body.at_hand() {
        // It is handed over in one piece, if it is at all.
        record.bytes_out = if record.method == Method::HEAD { 0 } else { bytes };
        drop(record);
        return Response::from_parts(head, body);
    }
    Response::from_parts(head, Body::new(Recorded { body, record }))
}

impl Drop for Record {
    fn drop(&mut self) {
        let ended = Finished {
            handles: self.snapshot.handles(self.route),
            endpoint: self.notes.endpoint.as_ref(),
            request_id: &self.exchange.request_id,
            method: &self.method,
            host: &self.exchange.host,
            path: &self.exchange.path,
            client: self.exchange.client,
            caller: self.notes.caller.as_ref().or(self.exchange.caller.as_ref()),
            status: self.status,
            code: self.notes.code,
            target: self.notes.target.as_ref(),
            bytes_in: self.notes.bytes_in,
            bytes_out: self.bytes_out,
            took: Instant::now().saturating_duration_since(self.exchange.at),
            upstream: self.notes.upstream,
            cache: self.notes.cache,
            trace: self.notes.trace.as_ref(),
        };
        self.shared.lasting.recorder.record(&ended);
        if let Some(host) = &self.shared.host
            && self.snapshot.config.observe.access_log == AccessLog::Off
        {
            host.ended(&ended);
        }
    }
}

impl hyper::body::Body for Recorded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            this.record.bytes_out += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
