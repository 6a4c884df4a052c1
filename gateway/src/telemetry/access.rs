//! The access log: one event for each request that has ended, whoever answered it, a service or the gateway itself. It is off with the filter
//! `info,waypost_gateway::access=warn`.

use waypost_proxy::observe::Finished;

/// What the events are filtered by.
const TARGET: &str = "waypost_gateway::access";

/// Logs a request.
pub(crate) fn request(ended: &Finished<'_>) {
    if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    let trace_id = ended.trace.map(|trace| format!("{:032x}", trace.trace_id));
    let micros = u64::try_from(ended.took.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(
        target: TARGET,
        request_id = ended.request_id,
        trace_id,
        client = %ended.client,
        method = ended.method.as_str(),
        host = ended.host,
        path = ended.path,
        route = ended.handles.route(),
        operation = ended.endpoint.map(AsRef::as_ref),
        target = ended.target.map(AsRef::as_ref),
        status = ended.status.as_u16(),
        code = ended.code,
        caller = ended.caller.map(|caller| caller.name.as_str()),
        cache = ended.cache,
        micros,
        "request"
    );
}
