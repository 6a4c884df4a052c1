//! People in their browsers: the cookie of a session, forms that only our own pages can send, and the pages themselves.
//!
//! Promises: the cookie's secret is in no script's reach and in no database; it is made anew at each sign-in; a session that is not used ends, and so does
//! one that is used for too long. A request of another site never acts in somebody's name: it is told by Fetch Metadata or `Origin` ([`origin`]), and
//! a form besides by a token that only the page had ([`csrf`]). What a page shows is escaped ([`page`]).

pub(crate) mod cookie;
pub(crate) mod csrf;
pub(crate) mod origin;
pub(crate) mod page;
pub(crate) mod session;
mod storage;

pub(crate) use session::BrowserSession;
pub(crate) use storage::forget_expired;
