//! Texts from JavaScript, one after the other.
//!
//! Promises: what is no UTF-8 is an empty text, never a guess; a text that is not there is told from an empty one.

/// Ends a text; no UTF-8 holds it.
const END: u8 = 0xff;
/// Stands for a text that is not there.
const ABSENT: u8 = 0xfe;

/// The texts of a message that are left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    rest: &'a [u8],
}

impl<'a> Texts<'a> {
    pub(crate) const fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Bytes of a length that both sides know.
    pub(crate) fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        taken
    }

    /// The next text, if it is there.
    pub(crate) fn maybe(&mut self) -> Option<&'a str> {
        let length = self.rest.iter().position(|byte| *byte == END)?;
        let text = self.bytes(length);
        self.bytes(1);
        if text.first() == Some(&ABSENT) { None } else { Some(str::from_utf8(text).unwrap_or_default()) }
    }

    /// The next text.
    pub(crate) fn text(&mut self) -> &'a str {
        self.maybe().unwrap_or_default()
    }

    /// A name and a value, as long as there are some.
    pub(crate) fn pair(&mut self) -> Option<(&'a str, &'a str)> {
        if self.rest.is_empty() { None } else { Some((self.text(), self.text())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_order_and_one_that_is_absent_is_not_empty() {
        let mut texts = Texts::of(b"\xff\x00a\xff\xff\xfe\xff\xc3\xa9\xffb\xff");
        assert_eq!(texts.bytes(2), b"\xff\0");
        assert_eq!(texts.maybe(), Some("a"));
        assert_eq!(texts.maybe(), Some(""));
        assert_eq!(texts.maybe(), None);
        assert_eq!(texts.pair(), Some(("é", "b")));
        assert_eq!(texts.pair(), None);
    }

    #[test]
    fn what_is_cut_short_or_no_utf8_is_an_empty_text() {
        assert_eq!(Texts::of(b"abc").text(), "");
        assert_eq!(Texts::of(b"\xc3\xff").text(), "");
        assert_eq!(Texts::of(b"a").bytes(2), b"");
    }
}
