//! Medical cards: who is covered, up to how much, until when, and whether the card can be used. `rules` is the life of a card and what is left of its
//! coverage; what counts against it is decided in [`claims`](crate::claims).

mod handler;
pub(crate) mod rules;
pub(crate) mod storage;
