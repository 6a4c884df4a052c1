//! What the module remembers: clients, calls that are under way, operations that were described. JavaScript names each by a number.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use waypost::engine::{
    Arguments, AttemptLoop, Event, FailureKind, Headers, Now, Operation, Plan, ResponseHead, Seed, Shared,
    Step, TransportFailure,
};
use waypost::{ClientOptions, Error, operations};

use crate::answer;
use crate::operation;
use crate::settings::{self, milliseconds_of};
use crate::value::{Value, Writer};

/// Everything that lives longer than one message.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    clients: Slab<Client>,
    calls: Slab<AttemptLoop>,
    defined: Vec<&'static Operation>,
}

#[derive(Debug)]
struct Client {
    options: ClientOptions,
    shared: Arc<Shared>,
}

impl Engine {
    /// Makes a client of its settings; `[null, its number]` or `[report]`.
    pub(crate) fn client(&mut self, settings: &Value<'_>, writer: &mut Writer) {
        match settings::client(settings) {
            Ok(options) => {
                let shared = Arc::new(Shared::new(&options));
                let number = self.clients.insert(Client { options, shared });
                writer.list(2);
                writer.null();
                writer.number(f64::from(number));
            }
            Err(error) => {
                writer.list(1);
                answer::report(&error, writer);
            }
        }
    }

    /// Begins a call: `[client, operation, pairs, body kind, options, seed, elapsed ms, unix ms]`. `[its number, step]`; a call that is refused has no
    /// number.
    pub(crate) fn start(&mut self, message: &Value<'_>, writer: &mut Writer) {
        writer.list(2);
        let now = now(message, 6);
        match self.plan(message) {
            Ok((plan, shared)) => {
                let idle = plan.timeout;
                let mut call = AttemptLoop::new(plan, shared, now);
                let step = call.next(Event::Start, now);
                match &step {
                    Step::Done(_) => writer.null(),
                    _ => writer.number(f64::from(self.calls.insert(call))),
                }
                answer::step(&step, idle, writer);
            }
            Err(error) => {
                writer.null();
                answer::step(&Step::Done(Box::new(Err(error))), Duration::ZERO, writer);
            }
        }
    }

    fn plan(&self, message: &Value<'_>) -> Result<(Plan, Arc<Shared>), Error> {
        let client = self.clients.get(message.at(0)).ok_or_else(|| Error::config("the client is closed"))?;
        let id = message.at(1).text().unwrap_or_default();
        let operation = operations::find(id)
            .or_else(|| self.defined.iter().copied().find(|operation| operation.id == id))
            .ok_or_else(|| {
                Error::config(format!(
                    "there is no operation `{id}` in version {} of the engine; install `waypost` and `@waypost/wasm` of one version",
                    env!("CARGO_PKG_VERSION")
                ))
            })?;
        let arguments = Arguments::of_pairs(operation, message.at(2).pairs());
        // The body itself stays with JavaScript: nothing here reads it, so nothing is copied.
        let arguments = match message.at(3).text() {
            Some("json") => arguments.json_bytes(Bytes::new()),
            Some("bytes") => arguments.bytes(Bytes::new()),
            _ => arguments,
        };
        let options = settings::call(message.at(4))?;
        let mut seed = [0; 32];
        for (place, byte) in seed.iter_mut().zip(message.at(5).bytes().unwrap_or_default()) {
            *place = *byte;
        }
        let plan = Plan::new(operation, &arguments, &client.options, &options, Seed(seed))?;
        Ok((plan, Arc::clone(&client.shared)))
    }

    /// Tells a call what happened: `[call, event, elapsed ms, unix ms, …]`. The next step.
    pub(crate) fn next(&mut self, message: &Value<'_>, writer: &mut Writer) {
        let Some(call) = self.calls.get_mut(message.at(0)) else {
            let over = Error::config("the call is over");
            return answer::step(&Step::Done(Box::new(Err(over))), Duration::ZERO, writer);
        };
        let idle = call.plan().timeout;
        let step = call.next(event(message), now(message, 2));
        if matches!(step, Step::Done(_)) {
            self.calls.remove(message.at(0));
        }
        answer::step(&step, idle, writer);
    }

    /// Forgets a client. Its calls go on.
    pub(crate) fn close(&mut self, client: &Value<'_>, writer: &mut Writer) {
        self.clients.remove(client);
        writer.null();
    }

    /// Describes an operation. One of the same name that was described before is forgotten.
    pub(crate) fn define(&mut self, map: &Value<'_>, writer: &mut Writer) {
        let defined = operation::define(map);
        self.defined.retain(|operation| operation.id != defined.id);
        self.defined.push(defined);
        writer.text(defined.id);
    }
}

fn event(message: &Value<'_>) -> Event {
    match message.at(1).text() {
        Some("slept") => Event::Slept,
        Some("head") => Event::Head(ResponseHead {
            status: message.at(4).number().unwrap_or_default() as u16,
            headers: message.at(5).pairs().map(|(name, value)| (name.to_owned(), value)).collect::<Headers>(),
        }),
        Some("body") => Event::Body {
            bytes: Bytes::copy_from_slice(message.at(4).bytes().unwrap_or_default()),
            cut: message.at(5).flag().unwrap_or_default(),
        },
        Some("failure") => Event::Failure(TransportFailure::new(
            message.at(4).text().and_then(FailureKind::parse).unwrap_or(FailureKind::Request),
            message.at(5).flag().unwrap_or(true),
            message.at(6).text().unwrap_or_default(),
        )),
        Some("cancelled") => Event::Cancelled,
        _ => Event::Start,
    }
}

/// The moment that a message was sent at, on both clocks.
fn now(message: &Value<'_>, place: usize) -> Now {
    let clock = |place| milliseconds_of(message.at(place).number().unwrap_or_default());
    Now::new(clock(place), clock(place + 1))
}

/// Things with numbers. A number is used again once its thing is gone.
#[derive(Debug)]
struct Slab<T> {
    places: Vec<Option<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new() }
    }
}

impl<T> Slab<T> {
    fn insert(&mut self, thing: T) -> u32 {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or(self.places.len());
        match self.places.get_mut(place) {
            Some(free) => *free = Some(thing),
            None => self.places.push(Some(thing)),
        }
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn get(&self, number: &Value<'_>) -> Option<&T> {
        self.places.get(place(number)?)?.as_ref()
    }

    fn get_mut(&mut self, number: &Value<'_>) -> Option<&mut T> {
        self.places.get_mut(place(number)?)?.as_mut()
    }

    fn remove(&mut self, number: &Value<'_>) {
        if let Some(place) = place(number).and_then(|place| self.places.get_mut(place)) {
            *place = None;
        }
    }
}

fn place(number: &Value<'_>) -> Option<usize> {
    number.number().map(|number| number as usize)
}
