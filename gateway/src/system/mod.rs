//! What the gateway says about itself: health, metrics, the contract and its reference.

mod handler;
mod probes;

pub(crate) use probes::Probes;
