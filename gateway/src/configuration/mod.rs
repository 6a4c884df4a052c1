//! The data plane's configuration as a whole: shown, checked, and the part of it replaced that was made through the API. What holds and why is `control`'s matter.

mod handler;
pub(crate) mod rules;
