//! Sessions: where a user is signed in, and how to end one. Starting and refreshing one is `auth`.

mod handler;
mod storage;
