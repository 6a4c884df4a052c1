//! What the tests of this crate share: servers that do as they are told, and clients on each transport.

pub(crate) mod client;
pub(crate) mod operations;
pub(crate) mod secure;
pub(crate) mod server;

/// Instantiates each test function for both transports.
macro_rules! on_each_transport {
    ($($name:ident),* $(,)?) => {
        mod on_reqwest {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::client::Kind::Reqwest).await;
            })*
        }
        mod on_hyper {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::client::Kind::Hyper).await;
            })*
        }
    };
}
pub(crate) use on_each_transport;
