//! The time limit for a request's head. hyper takes a new timer for each head and drops it when the head is there; here all of a connection's are the same one
//! [`Alarm`], lent, so that a request neither enters the runtime's list of timers nor leaves it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::forward::Alarm;

/// A connection's timers; one of them is waited for at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Lent(Arc<Mutex<Alarm>>);

/// One of them.
#[derive(Debug)]
struct Until {
    alarm: Arc<Mutex<Alarm>>,
    deadline: Instant,
}

impl Timer for Lent {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { alarm: Arc::clone(&self.0), deadline })
    }
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner).poll(self.deadline, context)
    }
}
