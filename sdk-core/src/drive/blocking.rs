//! The in-place driver, for callers without a runtime: the bindings' synchronous clients. The call runs on the calling thread, on a runtime of that
//! thread's own, so there is no hand-over between threads to pay for.
//!
//! Two traps are handled here. Nobody watches an idle connection between two calls, so after a pause the runtime is let run first and sees what the
//! server closed in the meantime. And a forked child must not touch its parent's runtime or sockets: the process id is compared, and the child leaves
//! them alone and begins anew.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::time::Sleep;

use super::{Outcome, run};
use crate::client::{Client, Identity, Open};
use crate::engine::Plan;
use crate::engine::arguments::Arguments;
use crate::engine::envelope::Envelope;
use crate::engine::error::{Error, Failure};
use crate::engine::operation::Operation;
use crate::engine::options::CallOptions;
use crate::transport::{Body, Transport};

/// How long a call runs at the most before it asks whether it is to end, and how often it asks after that.
const TICK: Duration = Duration::from_millis(50);

/// After an idle time of this length a connection may have been closed unseen.
const STALE: Duration = Duration::from_millis(20);

/// Asked now and then during a call: `true` ends it (a signal came, say).
pub type Interrupted<'a> = &'a mut dyn FnMut() -> bool;

/// Calls an operation and waits for its answer on this thread.
///
/// # Errors
/// As the async client's; [`Error::Cancelled`] when `interrupted` said so or another thread closed the client, [`Error::Config`] inside of an async runtime, or for a transport that cannot
/// be used in place.
///
/// ```no_run
/// # #[cfg(feature = "reqwest")]
/// # fn example(operation: &'static waypost::engine::Operation) -> Result<(), waypost::Error> {
/// use waypost::engine::Arguments;
/// let client = waypost::Client::from_env()?;
/// let answer = waypost::drive::blocking::call(&client, operation, &Arguments::new(), &Default::default(), &mut || false)?;
/// println!("{:?}", answer.bytes());
/// # Ok(())
/// # }
/// ```
pub fn call(
    client: &Client,
    operation: &'static Operation,
    arguments: &Arguments,
    options: &CallOptions,
    interrupted: Interrupted<'_>,
) -> Result<Envelope, Error> {
    let plan = Plan::new(operation, arguments, client.options(), options, super::seed()?)?;
    client.transport()?;
    outside_of_a_runtime()?;
    HERE.with(|here| {
        let mut here =
            here.try_borrow_mut().map_err(|_| Error::config("a call cannot be made from within a call"))?;
        let here = here.here()?;
        let transport = here.transport(client)?;
        let idle = here.used.elapsed() > STALE;
        let Here { runtime, tick, .. } = &mut *here;
        let outcome = runtime.block_on(async {
            if idle {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            let mut ended = || interrupted() || client.transport().is_err();
            interruptible(run(client.line(), &*transport, plan, None), &mut ended, tick.as_mut()).await
        });
        here.used = Instant::now();
        Ok(outcome?.envelope)
    })
}

/// Calls an operation that answers with a stream. It gets a runtime and a connection of its own, so that it may be read from any thread.
///
/// # Errors
/// As [`call`].
pub fn open(
    client: &Client,
    operation: &'static Operation,
    arguments: &Arguments,
    options: &CallOptions,
    interrupted: Interrupted<'_>,
) -> Result<BlockingStream, Error> {
    let plan = Plan::new(operation, arguments, client.options(), options, super::seed()?)?;
    let idle = plan.timeout;
    let transport = client.transport()?.in_place()?;
    outside_of_a_runtime()?;
    let runtime = runtime()?;
    let Outcome { envelope, stream } = runtime.block_on(async {
        let mut ended = || interrupted() || client.transport().is_err();
        interruptible(run(client.line(), &*transport, plan, None), &mut ended, pin!(tokio::time::sleep(TICK)))
            .await
    })?;
    let open = Open::new(envelope, stream.unwrap_or_else(|| Body::full(Bytes::new())), idle);
    Ok(BlockingStream { open, runtime, _transport: transport })
}

/// An answer that is read piece by piece.
#[derive(Debug)]
pub struct BlockingStream {
    open: Open,
    runtime: Runtime,
    _transport: Arc<dyn Transport>,
}

impl BlockingStream {
    /// Status, headers and attempts.
    pub const fn envelope(&self) -> &Envelope {
        self.open.envelope()
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Connection`] when the stream broke, [`Error::Timeout`] when it stood still, [`Error::Cancelled`] when `interrupted` said so.
    pub fn chunk(&mut self, interrupted: Interrupted<'_>) -> Result<Option<Bytes>, Error> {
        outside_of_a_runtime()?;
        let Self { open, runtime, .. } = self;
        runtime.block_on(async {
            interruptible(open.chunk(), interrupted, pin!(tokio::time::sleep(TICK))).await
        })
    }
}

thread_local! {
    static HERE: RefCell<Slot> = const { RefCell::new(Slot(None)) };
}

/// Holds what the thread keeps, and in a forked child lets it be: dropping the parent's runtime would take its sockets out of the epoll set that both
/// processes share.
struct Slot(Option<Here>);

impl Slot {
    fn here(&mut self) -> Result<&mut Here, Error> {
        self.leave_the_parents();
        match &mut self.0 {
            Some(present) => Ok(present),
            empty => Ok(empty.insert(Here::new()?)),
        }
    }

    fn leave_the_parents(&mut self) {
        if self.0.as_ref().is_some_and(|here| here.process != std::process::id()) {
            std::mem::forget(self.0.take());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.leave_the_parents();
    }
}

/// What a thread keeps between calls.
struct Here {
    process: u32,
    /// One timer for all calls, instead of one that is set and taken away for each. It goes before the runtime that it belongs to.
    tick: Pin<Box<Sleep>>,
    runtime: Runtime,
    used: Instant,
    /// Of each client that is still there: connections belong to the runtime that opened them.
    transports: Vec<(Arc<Identity>, Arc<dyn Transport>)>,
}

impl Here {
    fn new() -> Result<Self, Error> {
        let runtime = runtime()?;
        let tick = {
            let _entered = runtime.enter();
            Box::pin(tokio::time::sleep(TICK))
        };
        Ok(Self { process: std::process::id(), tick, runtime, used: Instant::now(), transports: Vec::new() })
    }

    fn transport(&mut self, client: &Client) -> Result<Arc<dyn Transport>, Error> {
        let identity = client.identity();
        let known = self.transports.iter().find(|(owner, _)| Arc::ptr_eq(owner, identity));
        if let Some((_, transport)) = known {
            return Ok(Arc::clone(transport));
        }
        // Closing connections may need the runtime that they live on.
        let _entered = self.runtime.enter();
        self.transports.retain(|(owner, _)| !owner.is_over());
        let transport = client.transport()?.in_place()?;
        self.transports.push((Arc::clone(identity), Arc::clone(&transport)));
        Ok(transport)
    }
}

fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::config(format!("no runtime can be started on this thread: {error}")))
}

fn outside_of_a_runtime() -> Result<(), Error> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Ok(());
    }
    Err(Error::config("a blocking call inside of an async runtime would stop it; use the async client there"))
}

/// `work`, unless `interrupted` says that it is to end.
async fn interruptible<T, E: From<Error>>(
    work: impl Future<Output = Result<T, E>>,
    interrupted: Interrupted<'_>,
    mut tick: Pin<&mut Sleep>,
) -> Result<T, E> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            return Poll::Ready(outcome);
        }
        while tick.as_mut().poll(context).is_ready() {
            if interrupted() {
                let failure = Failure::new("the call was interrupted");
                return Poll::Ready(Err(Error::Cancelled(Box::new(failure)).into()));
            }
            tick.as_mut().reset(tokio::time::Instant::now() + TICK);
        }
        Poll::Pending
    })
    .await
}
