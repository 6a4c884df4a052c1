//! The API versions that the data plane knows.

mod handler;
