//! How often the callers of each tier may call, and what they used of it.

mod handler;
