//! Which step of getting a token comes next, in numbers alone, for all calls of one client. Token sets, requests and errors stay with who drives it: the
//! native keeper, JavaScript in a browser.
//!
//! ```text
//! need -> Use | Wait | Load -> Refresh -> Client -> Save -> Use
//!                        \-> a newer set: Use  \-> SignIn
//! ```
//!
//! Promises: one errand at a time; a token that was refused is never answered with Use; an errand that its caller dropped is another's to begin again.

use std::time::Duration;

/// A token that ends sooner is got anew: it has to last for the way, and the two clocks may differ.
const LEEWAY: u64 = 30;

/// What is known of a token set without its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// When its access token ends, in seconds since 1970.
    pub expires_at: Option<u64>,
    /// It has a refresh token.
    pub refreshable: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send the token that is held.
    Use,
    /// Another call is at it: ask again when it is done.
    Wait,
    /// Ask the store, then [`Tokens::loaded`].
    Load,
    /// Ask for tokens with the refresh token that is held, then [`Tokens::granted`], [`Tokens::rejected`] or [`Tokens::failed`].
    Refresh,
    /// Ask for tokens with the client's secret, then [`Tokens::granted`] or [`Tokens::failed`].
    Client,
    /// Have the store keep what is held, then [`Tokens::saved`].
    Save,
    /// Have the store keep nothing, then [`Tokens::cleared`].
    Clear,
    /// There is no token and no way to one: somebody has to sign in.
    SignIn,
}

/// The tokens of one client.
#[derive(Debug)]
pub struct Tokens {
    /// The client has a secret to show.
    secret: bool,
    /// There is a store.
    stored: bool,
    held: Option<Facts>,
    /// The access token that is held was refused.
    dead: bool,
    /// The store does not have what is held.
    unsaved: bool,
    errand: Option<Errand>,
}

/// What is under way. `again`: the store was asked a second time, since the server did not know a refresh token.
#[derive(Debug, Clone, Copy)]
enum Errand {
    Loading { again: bool },
    Refreshing { again: bool },
    Other,
}

impl Tokens {
    /// The tokens of a client that begins with these.
    pub const fn new(secret: bool, stored: bool, held: Option<Facts>) -> Self {
        Self { secret, stored, held, dead: false, unsaved: false, errand: None }
    }

    /// A call needs a token.
    pub fn need(&mut self, unix: Duration) -> Next {
        let usable = self.usable(unix);
        if usable && !self.unsaved {
            return Next::Use;
        }
        if self.errand.is_some() {
            return Next::Wait;
        }
        if usable {
            self.errand = Some(Errand::Other);
            return Next::Save;
        }
        self.unsaved = false;
        if self.stored { self.load(false) } else { self.ask(false) }
    }

    /// Is there a token to send, without a further step?
    pub fn ready(&self, unix: Duration) -> bool {
        self.usable(unix) && !self.unsaved
    }

    /// The server refused the access token that is held. One that is not held any more is told of to nobody.
    pub const fn refused(&mut self) {
        self.dead = true;
    }

    /// What the store keeps, and whether that is the very set that is held. Tells also whether it takes its place.
    pub fn loaded(&mut self, found: Option<Facts>, same: bool, unix: Duration) -> (bool, Next) {
        let again = matches!(self.errand, Some(Errand::Loading { again: true }));
        let taken = match (found, self.held) {
            (None, _) => None,
            (found, None) => found,
            (Some(found), Some(held)) => {
                let later = match (found.expires_at, held.expires_at) {
                    (Some(found), Some(held)) => found >= held,
                    _ => true,
                };
                (!same && (again || later)).then_some(found)
            }
        };
        if let Some(facts) = taken {
            self.hold(facts);
            if self.usable(unix) {
                self.errand = None;
                return (true, Next::Use);
            }
        } else if again {
            return (false, self.forget());
        }
        (taken.is_some(), self.ask(again))
    }

    /// The server granted this.
    pub fn granted(&mut self, facts: Facts) -> Next {
        self.hold(facts);
        self.unsaved = self.stored;
        self.errand = self.stored.then_some(Errand::Other);
        if self.stored { Next::Save } else { Next::Use }
    }

    /// The server does not take the refresh token (`invalid_grant`). Another process may have used it up, so the store is asked once more.
    pub fn rejected(&mut self) -> Next {
        if self.stored && matches!(self.errand, Some(Errand::Refreshing { again: false })) {
            return self.load(true);
        }
        self.forget()
    }

    /// The store keeps nothing any more.
    pub fn cleared(&mut self) -> Next {
        self.ask(true)
    }

    /// The store has what is held, or has said that it cannot.
    pub fn saved(&mut self) -> Next {
        self.unsaved = false;
        self.errand = None;
        Next::Use
    }

    /// The errand failed, or whoever was on it dropped it.
    pub const fn failed(&mut self) {
        self.errand = None;
    }

    fn usable(&self, unix: Duration) -> bool {
        let ends = |held: Facts| held.expires_at.is_none_or(|at| at > unix.as_secs().saturating_add(LEEWAY));
        !self.dead && self.held.is_some_and(ends)
    }

    const fn hold(&mut self, facts: Facts) {
        self.held = Some(facts);
        self.dead = false;
        self.unsaved = false;
    }

    const fn load(&mut self, again: bool) -> Next {
        self.errand = Some(Errand::Loading { again });
        Next::Load
    }

    fn ask(&mut self, again: bool) -> Next {
        if self.held.is_some_and(|held| held.refreshable) {
            self.errand = Some(Errand::Refreshing { again });
            return Next::Refresh;
        }
        self.errand = self.secret.then_some(Errand::Other);
        if self.secret { Next::Client } else { Next::SignIn }
    }

    fn forget(&mut self) -> Next {
        self.held = None;
        if self.stored {
            self.errand = Some(Errand::Other);
            return Next::Clear;
        }
        self.ask(true)
    }
}
