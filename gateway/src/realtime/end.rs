//! Why a socket ends, as a close code (RFC 6455, section 7.4) and a sentence.

use tokio_tungstenite::tungstenite::Error as WireError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Why the gateway ends a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The gateway stops.
    GoingAway,
    /// The frames are not those of RFC 6455.
    Protocol,
    /// A binary message.
    Unsupported,
    /// A text that is not UTF-8.
    NotUtf8,
    /// More than a message may have.
    TooBig,
    /// Something failed on our side.
    Internal,
    /// No valid credentials, or not any more.
    Unauthenticated,
    /// The permission is not there, or not any more.
    Forbidden,
    /// Nobody said who they are in time.
    NeverAuthenticated,
    /// The reader does not take what comes.
    Slow,
    /// Nothing was heard for two heartbeats.
    Silent,
    /// Too many messages.
    TooManyMessages,
    /// Too many sockets.
    TooManySockets,
    /// The other side is gone, or has said goodbye.
    Gone,
}

impl End {
    /// The frame that says so; none where nobody listens.
    pub(super) fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "the gateway stops; come again with your cursor"),
            Self::Protocol => (1002, "the frames are not those of RFC 6455"),
            Self::Unsupported => (1003, "messages are text"),
            Self::NotUtf8 => (1007, "the text is not UTF-8"),
            Self::TooBig => (1009, "the message is too big"),
            Self::Internal => (1011, "something failed; come again with your cursor"),
            Self::Unauthenticated => (4401, "the credentials are not valid, or not any more"),
            Self::Forbidden => (4403, "the caller lacks the permission events:read"),
            Self::NeverAuthenticated => (4408, "no authenticate message in time"),
            Self::Slow => (4409, "the reader is too slow; come again with your cursor"),
            Self::Silent => (4410, "nothing was heard for two heartbeats"),
            Self::TooManyMessages => (4429, "too many messages"),
            Self::TooManySockets => (4430, "too many sockets"),
            Self::Gone => return None,
        };
        Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() })
    }
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Capacity(_) => Self::TooBig,
            WireError::Utf8(_) => Self::NotUtf8,
            WireError::Protocol(error) => match error {
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake => {
                    Self::Gone
                }
                _ => Self::Protocol,
            },
            _ => Self::Gone,
        }
    }
}
