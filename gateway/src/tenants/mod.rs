//! Tenants: the caller's, and those that it made. What is in a tenant belongs to it alone; whoever made it sees that it is there.

mod handler;
mod storage;
