//! The clients, as JavaScript holds them: one that sends, and one that a script answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use waypost::binding::{self, Interceptor, Settings};
use waypost::drive::scripted::{self, Play, VirtualTime};
use waypost::engine::{Arguments, CallOptions, Envelope, Operation};
use waypost::{Error, ErrorKind, Failure, StreamCall};

use crate::calls::{Calls, Stream, failed};
use crate::engine::{Engine, refused};
use crate::questions::{self, Asking, Hooks};
use crate::queue::{Event, Kind, lock};
use crate::store::Store;
use crate::told::details;
use crate::value::{Payload, Value};

/// What the virtual clock's calendar says at first: 2023-11-14T22:13:20Z.
const BEGIN: Duration = Duration::from_secs(1_700_000_000);

/// A client that sends.
#[napi]
pub struct Client {
    calls: Arc<Calls>,
    client: waypost::Client,
    closed: Arc<AtomicBool>,
}

#[napi]
impl Client {
    /// Throws the report of settings that are wrong.
    #[napi(constructor)]
    pub fn new(engine: &Engine, settings: String, hooks: u32) -> Result<Self> {
        let calls = Arc::clone(&engine.calls);
        let client = made(&calls, &settings, hooks, false).map_err(|error| refused(&error))?;
        Ok(Self { calls, client, closed: Arc::default() })
    }

    /// Makes a call; its end is an event of this id.
    #[napi]
    pub fn call(
        &self,
        env: &Env,
        id: u32,
        operation: String,
        parameters: Vec<String>,
        body: Option<Payload>,
        options: Option<String>,
    ) -> Result<()> {
        let prepared = prepare(&operation, &parameters, body, options);
        let (client, open) = (self.client.clone(), self.still_open());
        let here = self.calls.here();
        let placed = here.map(|here| here.placed());
        // Boxed where it is made: it is some kilobytes, and each hand that it goes through would copy them.
        let work = Box::pin(async move {
            let outcome = match (prepared, placed) {
                (Ok((operation, arguments, options)), Some(placed)) => {
                    placed.call(&client, operation, &arguments, &options).await
                }
                (Ok((operation, arguments, options)), None) => {
                    client.call(operation, &arguments, &options).await
                }
                (Err(error), _) => Err(error),
            };
            outcome.map_or_else(|error| failed(id, &open.told(error)), |envelope| answered(id, &envelope))
        });
        match here {
            Some(here) => self.calls.begin_here(env, id, here, work),
            None => self.calls.begin(env, id, work),
        }
    }

    /// As `call`; the answer's body is the number of a stream.
    #[napi]
    pub fn open(
        &self,
        env: &Env,
        id: u32,
        operation: String,
        parameters: Vec<String>,
        body: Option<Payload>,
        options: Option<String>,
    ) -> Result<()> {
        let prepared = prepare(&operation, &parameters, body, options);
        let (client, calls, open) = (self.client.clone(), Arc::clone(&self.calls), self.still_open());
        self.calls.begin(env, id, async move {
            let outcome = match prepared {
                Ok((operation, arguments, options)) => {
                    StreamCall::new(&client, operation, arguments).options(options).await
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(stream) => {
                    let (status, details) = (stream.status(), details(stream.envelope()));
                    opened(id, status, details, calls.keep(Stream::Sent(stream)))
                }
                Err(error) => failed(id, &open.told(error)),
            }
        })
    }

    /// Ends calls under way, refuses later ones, closes the connections.
    #[napi]
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.client.close();
    }

    fn still_open(&self) -> StillOpen {
        StillOpen { before: !self.closed.load(Ordering::Acquire), closed: Arc::clone(&self.closed) }
    }
}

/// Was the client open when a call was made? The runtime's thread may come to the call only after the client has been closed, and that call is cancelled and
/// not, as a later one, a mistake.
struct StillOpen {
    before: bool,
    closed: Arc<AtomicBool>,
}

impl StillOpen {
    fn told(&self, error: Error) -> Error {
        if self.before && error.kind() == ErrorKind::Config && self.closed.load(Ordering::Acquire) {
            return Error::new(ErrorKind::Cancelled, Failure::new("the client was closed during the call"));
        }
        error
    }
}

/// A client that a script answers, on virtual time.
#[napi]
pub struct Scripted {
    calls: Arc<Calls>,
    client: waypost::Client,
    time: Arc<Mutex<Time>>,
}

/// The clock. A call that is being played has it to itself, so what is shown meanwhile stands beside it, and so does what it is to be moved by after.
struct Time {
    clock: VirtualTime,
    shown: Duration,
    ahead: Duration,
}

#[napi]
impl Scripted {
    /// Throws the report of settings that are wrong.
    #[napi(constructor)]
    pub fn new(engine: &Engine, settings: String, hooks: u32) -> Result<Self> {
        let calls = Arc::clone(&engine.calls);
        let client = made(&calls, &settings, hooks, true).map_err(|error| refused(&error))?;
        let time = Time { clock: VirtualTime::new(BEGIN), shown: Duration::ZERO, ahead: Duration::ZERO };
        Ok(Self { calls, client, time: Arc::new(Mutex::new(time)) })
    }

    /// Plays a call; its end is an event of this id. One at a time.
    #[napi]
    #[allow(clippy::too_many_arguments)] // They are a call's, and the border has no objects.
    pub fn play(
        &self,
        env: &Env,
        id: u32,
        operation: String,
        parameters: Vec<String>,
        body: Option<Payload>,
        options: Option<String>,
        streamed: bool,
    ) -> Result<()> {
        let prepared = prepare(&operation, &parameters, body, options);
        let (client, calls, time) = (self.client.clone(), Arc::clone(&self.calls), Arc::clone(&self.time));
        self.calls.begin_blocking(env, id, move || {
            let (operation, arguments, options) = match prepared {
                Ok(prepared) => prepared,
                Err(error) => return failed(id, &error),
            };
            let mut clock = {
                let mut time = lock(&time);
                let ahead = std::mem::take(&mut time.ahead);
                time.clock.advance(ahead);
                time.clock
            };
            let played = scripted::call(
                &client,
                &mut clock,
                operation,
                &arguments,
                &options,
                Play::default(),
                &mut |attempted| {
                    lock(&time).shown = attempted.now.elapsed;
                    questions::script(&calls, &attempted)
                },
            );
            {
                let mut time = lock(&time);
                time.clock = clock;
                time.shown = clock.now().elapsed;
            }
            match (played.outcome, played.stream) {
                (Ok(envelope), stream) if streamed => {
                    let stream = stream.map_or_else(|| Stream::Whole(envelope.bytes()), Stream::Scripted);
                    opened(id, envelope.status, details(&envelope), calls.keep(stream))
                }
                (Ok(envelope), _) => answered(id, &envelope),
                (Err(error), _) => failed(id, &error),
            }
        })
    }

    /// The clock, in milliseconds since the client was made.
    #[napi]
    pub fn now(&self) -> f64 {
        let time = lock(&self.time);
        time.shown.saturating_add(time.ahead).as_secs_f64() * 1000.0
    }

    /// Moves the clock, before the next call.
    #[napi]
    pub fn advance(&self, milliseconds: f64) -> Result<()> {
        let by = Duration::try_from_secs_f64(milliseconds / 1000.0).map_err(|error| {
            refused(&Error::config(format!("the clock cannot be moved by {milliseconds} ms: {error}")))
        })?;
        let mut time = lock(&self.time);
        time.ahead = time.ahead.saturating_add(by);
        Ok(())
    }

    /// Refuses later calls.
    #[napi]
    pub fn close(&self) {
        self.client.close();
    }
}

fn made(
    calls: &Arc<Calls>,
    settings: &str,
    hooks: u32,
    blocking: bool,
) -> std::result::Result<waypost::Client, Error> {
    let hooks = Hooks(hooks);
    let asking =
        || -> Arc<dyn Interceptor> { Arc::new(Asking { calls: Arc::clone(calls), hooks, blocking }) };
    let mut settings = Settings::parse(settings.as_bytes())?;
    if hooks.stored() {
        settings = settings.with_token_store(Arc::new(Store { calls: Arc::clone(calls), blocking }));
    }
    settings.client(hooks.any().then(asking))
}

type Prepared = std::result::Result<(&'static Operation, Arguments, CallOptions), Error>;

/// What does not fit is the call's outcome, like every other failure.
fn prepare(
    operation: &str,
    parameters: &[String],
    body: Option<Payload>,
    options: Option<String>,
) -> Prepared {
    let operation = binding::find(operation)?;
    let pairs = parameters.chunks_exact(2).filter_map(|pair| match pair {
        [name, text] => Some((name.as_str(), text.as_str())),
        _ => None,
    });
    let arguments = binding::arguments(operation, pairs, body.map(|Payload(bytes)| bytes));
    let options = binding::options(options.as_deref().map(str::as_bytes))?;
    Ok((operation, arguments, options))
}

fn answered(id: u32, envelope: &Envelope) -> Event {
    Event {
        kind: Kind::Answer,
        id,
        number: envelope.status.into(),
        body: Value::body(envelope.bytes()),
        text: Value::text(details(envelope)),
    }
}

fn opened(id: u32, status: u16, details: Vec<u8>, stream: u32) -> Event {
    Event {
        kind: Kind::Answer,
        id,
        number: status.into(),
        body: Value::Number(stream),
        text: Value::text(details),
    }
}
