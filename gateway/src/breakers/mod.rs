//! Breakers of the data plane, to be seen, opened and closed.

mod handler;
