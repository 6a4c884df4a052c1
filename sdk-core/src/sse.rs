//! Reading `text/event-stream` (HTML Living Standard, section 9.2) from pieces that are cut anywhere, also inside of a character or between CR and LF.

use bytes::{Buf, BytesMut};

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// What it is; empty where the server did not say (which means `message`).
    pub event: String,
    /// What it says; several data lines are joined by line breaks.
    pub data: String,
    /// The last id that the stream gave, to resume after.
    pub id: Option<String>,
    /// How long the server wants a reader to wait before it comes again, in milliseconds, where it said so.
    pub retry: Option<u64>,
}

/// More than `limit` bytes came without an event being complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than {0} bytes")]
pub struct TooLarge(
    /// The limit, in bytes.
    pub usize,
);

/// Turns pieces into events.
///
/// ```
/// let mut parser = waypost::sse::Parser::new(1024);
/// parser.push(b"event: ping\ndata: 1\n\nda");
/// assert_eq!(parser.next().unwrap().unwrap().event, "ping");
/// assert_eq!(parser.next(), Ok(None));
/// ```
#[derive(Debug)]
pub struct Parser {
    buffer: BytesMut,
    limit: usize,
    begun: bool,
    /// The last line ended in CR: a LF that follows belongs to it.
    after_cr: bool,
    id: Option<String>,
    pending: Event,
    has_data: bool,
}

impl Parser {
    /// A parser that refuses an event of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            begun: false,
            after_cr: false,
            id: None,
            pending: Event::default(),
            has_data: false,
        }
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The last id that the stream gave.
    pub fn last_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The next complete event of what was pushed; `None` when more must come first. What a stream's end leaves incomplete is no event.
    ///
    /// # Errors
    /// [`TooLarge`] when an event grows over the limit.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Event>, TooLarge> {
        if !self.begun {
            if self.buffer.len() < 3 && b"\xef\xbb\xbf".starts_with(&self.buffer) {
                return Ok(None);
            }
            if self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.advance(3);
            }
            self.begun = true;
        }
        while let Some(line) = self.line() {
            if let Some(event) = self.take_line(&line) {
                return Ok(Some(event));
            }
            if self.pending.data.len() > self.limit {
                return Err(TooLarge(self.limit));
            }
        }
        if self.buffer.len().saturating_add(self.pending.data.len()) > self.limit {
            Err(TooLarge(self.limit))
        } else {
            Ok(None)
        }
    }

    /// The next complete line, without its end.
    fn line(&mut self) -> Option<String> {
        if self.after_cr && self.buffer.first() == Some(&b'\n') {
            self.buffer.advance(1);
        }
        if !self.buffer.is_empty() {
            self.after_cr = false;
        }
        let end = self.buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let line = String::from_utf8_lossy(&self.buffer.split_to(end)).into_owned();
        self.after_cr = self.buffer.first() == Some(&b'\r');
        self.buffer.advance(1);
        Some(line)
    }

    /// Takes a line in; an empty one completes an event, if there is one.
    fn take_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let mut event = std::mem::take(&mut self.pending);
            if !std::mem::take(&mut self.has_data) {
                return None;
            }
            event.id.clone_from(&self.id);
            return Some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.pending.event),
            "data" => {
                if self.has_data {
                    self.pending.data.push('\n');
                }
                self.has_data = true;
                self.pending.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.pending.retry = value.parse().ok();
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\nevent: paid\rdata: {\"a\":\r\ndata:\"\u{e9}\"}\nid: 7\n\nretry: 10\ndata\n\nevent: none\n\ndata: x\n\ndata: cut";

    fn expected() -> Vec<Event> {
        let id = Some("7".to_owned());
        vec![
            Event { event: "paid".into(), data: "{\"a\":\n\"\u{e9}\"}".into(), id: id.clone(), retry: None },
            Event { id: id.clone(), retry: Some(10), ..Event::default() },
            Event { data: "x".into(), id, ..Event::default() },
        ]
    }

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_cut() {
        for size in 1..STREAM.len() {
            let mut parser = Parser::new(100);
            let mut events = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                parser.push(piece);
                while let Some(event) = parser.next().unwrap() {
                    events.push(event);
                }
            }
            assert_eq!(events, expected(), "cut every {size} bytes");
            assert_eq!(parser.last_id(), Some("7"));
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = Parser::new(10);
        parser.push(b"data: 12345678901234567890");
        assert_eq!(parser.next(), Err(TooLarge(10)));
        let mut parser = Parser::new(10);
        parser.push(b"data: 123456\ndata: 123456\n");
        assert_eq!(parser.next(), Err(TooLarge(10)));
    }
}
