//! The async driver: a call is awaited on the caller's tokio runtime. Closing the client ends it.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::{Failed, Outcome, run};
use crate::client::Client;
use crate::engine::Plan;
use crate::engine::arguments::Arguments;
use crate::engine::error::{Error, Failure};
use crate::engine::operation::Operation;
use crate::engine::options::CallOptions;
use crate::transport::Transport;

/// Calls an operation.
pub(crate) async fn call(
    client: &Client,
    operation: &'static Operation,
    arguments: &Arguments,
    options: &CallOptions,
) -> Result<Outcome, Failed> {
    let plan = Plan::new(operation, arguments, client.options(), options, super::seed()?)?;
    execute(client, plan).await
}

/// Makes a planned call.
pub(crate) async fn execute(client: &Client, plan: Plan) -> Result<Outcome, Failed> {
    // Made first: a client that is closed between the two is seen by one of them.
    let closed = client.closed();
    let transport = client.transport()?;
    over(client, &*transport, plan, closed).await
}

/// Makes a planned call on a transport of the client.
pub(super) async fn over(
    client: &Client,
    transport: &dyn Transport,
    plan: Plan,
    closed: impl Future<Output = ()>,
) -> Result<Outcome, Failed> {
    // Pinned where they are made: a call's state is some kilobytes, and handing it on would copy them.
    let work = pin!(run(client.line(), transport, plan, Some(client)));
    match select(work, pin!(closed)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => {
            Err(Error::Cancelled(Box::new(Failure::new("the client was closed during the call"))).into())
        }
    }
}
