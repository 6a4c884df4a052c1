//! A time limit that is set often and hardly ever reached. The timer behind it is only moved when it goes off too early, so that a limit that every request
//! sets anew costs a comparison.

use std::future::Future as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::task::coop::unconstrained;
use tokio::time::Sleep;

/// One timer for limits that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once `deadline` is past; until then the task is woken at that time or earlier.
    pub(crate) fn poll(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let limit = tokio::time::Instant::from_std(deadline);
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(limit)));
        if limit < sleep.deadline() {
            sleep.as_mut().reset(limit);
        }
        loop {
            // Outside of tokio's budget: a side that always has something to read would use it up each time, and no limit would ever be reached.
            ready!(pin!(unconstrained(sleep.as_mut())).poll(context));
            if sleep.deadline() >= limit {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(limit);
        }
    }
}
