//! How the story looks: a heading a chapter, a line a call. The lines show what a program can know about a call after it was made: its
//! status, and every attempt with its cause and the wait before it.

use std::fmt::{self, Display};
use std::time::Duration;

use waypost::engine::Cause;
use waypost::{Attempt, Error, RawResponse};

/// What makes the story break off.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A call that should have succeeded.
    Call(Error),
    /// Something of this machine, such as a port.
    Machine(std::io::Error),
    /// A call that went well, and did not do what it should have done.
    Untrue(String),
}

impl Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Nothing was called: the environment is not what the client needs.
            Self::Call(error @ Error::Config(_)) => write!(formatter, "Before the first call: {error}"),
            Self::Call(error) => write!(formatter, "A call failed: {error}"),
            Self::Machine(error) => write!(formatter, "The relay could not listen: {error}"),
            Self::Untrue(what) => write!(formatter, "This should have been so and is not: {what}"),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error)
    }
}

/// Fails with `claim` if it does not hold.
pub(crate) fn check(holds: bool, claim: impl Into<String>) -> Result<(), Trouble> {
    if holds { Ok(()) } else { Err(Trouble::Untrue(claim.into())) }
}

/// The story so far.
pub(crate) struct Telling {
    chapters: u32,
    calls: u32,
    attempts: usize,
}

impl Telling {
    /// Prints the title.
    pub(crate) fn begin(base_url: &str) -> Self {
        println!(
            "One story, told with the Rust SDK {} on the gateway at {base_url}",
            env!("CARGO_PKG_VERSION")
        );
        Self { chapters: 0, calls: 0, attempts: 0 }
    }

    /// Starts a chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapters += 1;
        println!("\n{}. {title}\n", self.chapters);
        println!("   {:<24} {:<6}  {:<26} what came of it", "call", "status", "attempts");
    }

    /// A call that succeeded.
    pub(crate) fn call<T>(&mut self, name: &str, answer: &RawResponse<T>, result: impl Display) {
        self.line(name, Some(answer.status), &answer.attempts, result);
    }

    /// A call that was refused, as it should be.
    pub(crate) fn refused(&mut self, name: &str, error: &Error) {
        let code = error.code().unwrap_or("no code");
        let detail = error.problem().and_then(|problem| problem.detail.as_deref()).unwrap_or("no detail");
        self.line(
            name,
            error.status(),
            error.attempts(),
            format_args!("{} `{code}`: {detail}", error.kind()),
        );
    }

    /// A line about a call, whatever it was.
    pub(crate) fn line(
        &mut self,
        name: &str,
        status: Option<u16>,
        attempts: &[Attempt],
        result: impl Display,
    ) {
        self.calls += 1;
        self.attempts += attempts.len();
        let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        println!("   {name:<24} {status:<6}  {:<26} {result}", how(attempts));
    }

    /// Counts calls that get no line of their own.
    pub(crate) fn count<'a>(&mut self, calls: impl Iterator<Item = &'a [Attempt]>) {
        for attempts in calls {
            self.calls += 1;
            self.attempts += attempts.len();
        }
    }

    /// What the calls above mean.
    pub(crate) fn note(&self, text: impl Display) {
        println!("   > {text}");
    }

    /// Prints the end.
    pub(crate) fn end(&self) {
        println!("\nEverything went as told: {} calls in {} attempts.", self.calls, self.attempts);
    }
}

/// The attempts of a call in a few words: `1`, or `3 (429, reset; waited 1.3 s)`.
fn how(attempts: &[Attempt]) -> String {
    let waited: Duration = attempts.iter().map(|attempt| attempt.delay).sum();
    let causes = match attempts.split_last() {
        Some((_, before)) => before.iter().map(cause).collect::<Vec<_>>().join(", "),
        None => String::new(),
    };
    let waited =
        if waited.is_zero() { String::new() } else { format!("waited {:.1} s", waited.as_secs_f64()) };
    let told = [causes, waited].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    if told.is_empty() { attempts.len().to_string() } else { format!("{} ({told})", attempts.len()) }
}

/// Why an attempt was not the last one: the status of its answer, or what happened to the connection.
fn cause(attempt: &Attempt) -> String {
    match (attempt.cause, attempt.status) {
        (Some(Cause::Status) | None, Some(status)) => status.to_string(),
        (Some(cause), _) => cause.as_str().to_owned(),
        (None, None) => "unknown".to_owned(),
    }
}

/// `1234` minor units of `EUR` as `12.34 EUR`. Right for currencies of two decimals, such as the story's.
pub(crate) fn money(amount: i64, currency: &str) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let minor = amount.unsigned_abs();
    format!("{sign}{}.{:02} {currency}", minor / 100, minor % 100)
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn money_is_written_with_two_decimals_and_one_sign() {
        assert_eq!(money(123_456, "EUR"), "1234.56 EUR");
        assert_eq!(money(-5, "EUR"), "-0.05 EUR");
        assert_eq!(money(i64::MIN, "EUR"), "-92233720368547758.08 EUR");
    }
}
