//! Lists: one page, every page, or every item of every page.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use super::call::{Prepared, call_options, decode};
use super::{Client, RawResponse};
use crate::engine::arguments::Arguments;
use crate::engine::error::Error;
use crate::engine::operation::Operation;
use crate::engine::paging::Pager;

/// A page of a list.
pub trait Paged {
    /// What the list is of.
    type Item;

    /// The items of this page.
    fn items(&self) -> &[Self::Item];

    /// The items of this page, taken out of it.
    fn into_items(self) -> Vec<Self::Item>;

    /// Where the next page begins.
    fn next_cursor(&self) -> Option<&str>;

    /// Is there a next page?
    fn has_more(&self) -> bool;
}

/// A call that lists. Awaited, it answers with one page; [`Self::items`] and [`Self::pages`] go through all of them, asking for each when it is wanted.
///
/// ```no_run
/// # #[cfg(feature = "client")]
/// # async fn example(client: waypost::Client) -> Result<(), waypost::Error> {
/// let mut wallets = client.wallets().list(&Default::default()).items();
/// while let Some(wallet) = wallets.next().await {
///     println!("{}", wallet?.id);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is sent when it is awaited"]
pub struct ListCall<P, I> {
    prepared: Prepared,
    page: PhantomData<fn() -> (P, I)>,
}

impl<P, I> ListCall<P, I> {
    /// A call of `operation`, which must be a list.
    pub fn new(client: &Client, operation: &'static Operation, arguments: Arguments) -> Self {
        Self { prepared: Prepared::new(client, operation, arguments), page: PhantomData }
    }

    call_options!();
}

impl<P, I> ListCall<P, I>
where
    P: Paged<Item = I> + DeserializeOwned + Send + 'static,
    I: Send + 'static,
{
    /// Sends the call and answers with one page and everything around it.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn raw(self) -> Result<RawResponse<P>, Error> {
        let envelope = self.prepared.send().await?.envelope;
        let parsed = decode(&envelope)?;
        Ok(RawResponse::new(envelope, parsed))
    }

    /// Every page, from this one on. A page that fails ends the stream.
    pub fn pages(self) -> Pages<P> {
        let Some(paginate) = self.prepared.operation.paginate else {
            let error = Error::config(format!("{} is not a list", self.prepared.operation.id));
            return Pages { stream: stream::iter([Err(error)]).boxed() };
        };
        let given = self.prepared.arguments.query.iter().find(|(name, _)| *name == paginate.cursor);
        let first = given.map(|(_, cursor)| cursor.clone());
        let state = (self.prepared, Pager::new(first));
        let pages = stream::try_unfold(state, move |(mut prepared, mut pager)| async move {
            let Some(cursor) = pager.next() else { return Ok(None) };
            if let Some(cursor) = cursor {
                let query = &mut prepared.arguments.query;
                query.retain(|(name, _)| *name != paginate.cursor);
                query.push((paginate.cursor, cursor.to_owned()));
            }
            let page: P = decode(&prepared.send().await?.envelope)?;
            pager.advance(page.next_cursor(), page.has_more())?;
            // A key belongs to one request; a listing has many.
            prepared.options.idempotency_key = None;
            Ok(Some((page, (prepared, pager))))
        });
        Pages { stream: pages.boxed() }
    }

    /// Every item, from the first of this page on.
    pub fn items(self) -> Items<I> {
        let items =
            self.pages().map_ok(|page| stream::iter(page.into_items().into_iter().map(Ok))).try_flatten();
        Items { stream: items.boxed() }
    }
}

impl<P, I> IntoFuture for ListCall<P, I>
where
    P: Paged<Item = I> + DeserializeOwned + 'static,
    I: 'static,
{
    type Output = Result<P, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { decode(&self.prepared.send().await?.envelope) })
    }
}

impl<P, I> Clone for ListCall<P, I> {
    fn clone(&self) -> Self {
        Self { prepared: self.prepared.clone(), page: PhantomData }
    }
}

impl<P, I> fmt::Debug for ListCall<P, I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ListCall")
            .field("operation", &self.prepared.operation.id)
            .finish_non_exhaustive()
    }
}

macro_rules! sequence {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[must_use = "a stream asks for something when it is polled"]
        pub struct $name<T> {
            stream: Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>,
        }

        impl<T> $name<T> {
            /// The next one; `None` at the end.
            pub async fn next(&mut self) -> Option<Result<T, Error>> {
                self.stream.next().await
            }

            /// All of them, in memory.
            ///
            /// # Errors
            /// The first that comes.
            pub async fn collect(self) -> Result<Vec<T>, Error> {
                self.stream.try_collect().await
            }
        }

        impl<T> Stream for $name<T> {
            type Item = Result<T, Error>;

            fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.stream.as_mut().poll_next(context)
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(stringify!($name))
            }
        }
    };
}

sequence! {
    /// The items of a list, page after page. It is a `futures::Stream` as well.
    Items
}

sequence! {
    /// The pages of a list. It is a `futures::Stream` as well.
    Pages
}
