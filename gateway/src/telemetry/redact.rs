//! Takes credentials out of text. The types that hold secrets do not print them in the first place; this is the second line,
//! for what comes in from outside and is quoted in an error.

use std::borrow::Cow;

/// What begins a credential, and how long the word that follows must be to be one.
const CREDENTIALS: [(&str, usize); 4] = [
    // An API key: `wp_<id>_<secret>`.
    ("wp_", 40),
    // A refresh token: `wpr_<secret>`.
    ("wpr_", 40),
    // A JWT: base64url of `{"`.
    ("eyJ", 20),
    // A password hash.
    ("$argon2", 20),
];

/// The text with each credential replaced by its beginning and `[redacted]`.
///
/// ```
/// let line = waypost_gateway::telemetry::redact("token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJl refused");
/// assert_eq!(line, "token eyJ[redacted] refused");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    if !CREDENTIALS.iter().any(|(prefix, _)| text.contains(prefix)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let starts_word = !clean.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        let word = rest.find(|letter| !in_word(letter)).unwrap_or(rest.len());
        let found = CREDENTIALS
            .iter()
            .find(|(prefix, length)| starts_word && word >= *length && rest.starts_with(prefix))
            .and_then(|(prefix, _)| rest.get(word..).map(|after| (*prefix, after)));
        match found {
            Some((prefix, after)) => {
                clean.push_str(prefix);
                clean.push_str("[redacted]");
                rest = after;
            }
            None => {
                clean.push(letter);
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
    }
    Cow::Owned(clean)
}

fn in_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '$' | '=' | ',' | '+' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_and_the_rest_stays() {
        let key = format!("wp_{}_{}", "0".repeat(32), "x".repeat(43));
        assert_eq!(redact(&format!("key \"{key}\" refused")), "key \"wp_[redacted]\" refused");
        assert_eq!(
            redact(&format!("path=/v1/{key} token={key}")),
            "path=/v1/wp_[redacted] token=wp_[redacted]"
        );
        assert_eq!(redact("usr_1 did wp_short and eyJ"), "usr_1 did wp_short and eyJ");
        assert_eq!(redact(&format!("ä {key} ö {key}")), "ä wp_[redacted] ö wp_[redacted]");
        assert!(matches!(redact("nothing secret"), Cow::Borrowed(_)));
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
        assert_eq!(redact(hash), "$argon2[redacted]");
    }
}
