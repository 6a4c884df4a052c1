//! Small operations on text, written for size: the standard library's searchers, joiners and formatters are faster on long texts, and each of them is
//! larger than a policy. A browser downloads what is used here; our texts are short.

/// The text before the first `mark`, which is ASCII, and the text after it.
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == mark)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// The pieces of a text between marks. A text without a mark is one piece.
pub(crate) fn pieces(text: &str, mark: u8) -> Pieces<'_> {
    Pieces { rest: Some(text), mark }
}

/// See [`pieces`].
#[derive(Debug, Clone)]
pub(crate) struct Pieces<'a> {
    rest: Option<&'a str>,
    mark: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let (piece, rest) = match cut(text, self.mark) {
            Some((piece, rest)) => (piece, Some(rest)),
            None => (text, None),
        };
        self.rest = rest;
        Some(piece)
    }
}

/// One text of several.
pub(crate) fn concat(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| text.push_str(part));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_those_of_the_standard_library() {
        for text in ["", "a", "-", "a-b", "-a--é-"] {
            assert!(pieces(text, b'-').eq(text.split('-')), "{text}");
            assert_eq!(cut(text, b'-'), text.split_once('-'));
        }
        assert_eq!(concat(&["a", "", "é"]), "aé");
    }
}
