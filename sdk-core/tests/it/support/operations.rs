//! A small table of operations, one for each way that a call can be retried and answered.

use waypost::engine::operation::{Body, Location, Operation, Paginate, Parameter, ResultKind, Retry, Scheme};

const fn operation(id: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation {
        id,
        method,
        path,
        parameters: &[],
        body: Body::None,
        idempotency_key: false,
        retry: Retry::Safe,
        security: &[&[Scheme::Header("X-API-Key")]],
        paginate: None,
        result: ResultKind::Json,
        status: 200,
    }
}

/// May always be sent again.
pub(crate) static READ: Operation = operation("things_get", "GET", "/things");

/// May be sent again with its key.
pub(crate) static CREATE: Operation = Operation {
    body: Body::Json,
    idempotency_key: true,
    retry: Retry::Idempotent,
    status: 201,
    ..operation("things_create", "POST", "/things")
};

/// May not be sent again once a byte was sent.
pub(crate) static ONCE: Operation =
    Operation { body: Body::Json, retry: Retry::Never, ..operation("things_once", "POST", "/once") };

/// Answers with nothing.
pub(crate) static DELETE: Operation = Operation {
    result: ResultKind::None,
    status: 204,
    retry: Retry::Idempotent,
    ..operation("things_delete", "DELETE", "/things")
};

/// Answers with text.
pub(crate) static TEXT: Operation =
    Operation { result: ResultKind::Text("text/plain"), ..operation("things_text", "GET", "/text") };

/// Answers with a stream.
pub(crate) static EXPORT: Operation = Operation {
    result: ResultKind::Bytes(&["application/x-ndjson", "text/csv"]),
    ..operation("things_export", "GET", "/export")
};

/// Answers with events.
pub(crate) static EVENTS: Operation =
    Operation { result: ResultKind::EventStream, ..operation("things_events", "GET", "/events") };

/// Lists.
pub(crate) static LIST: Operation = Operation {
    parameters: &[
        Parameter { name: "limit", location: Location::Query, required: false },
        Parameter { name: "cursor", location: Location::Query, required: false },
    ],
    paginate: Some(Paginate {
        items: "data",
        cursor: "cursor",
        next_cursor: "next_cursor",
        has_more: "has_more",
    }),
    ..operation("things_list", "GET", "/things")
};
