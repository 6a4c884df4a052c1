//! What an e-mail address and a password must be. Pure.

use crate::http::FieldError;

/// Shortest and longest password, in characters; the contract has the same figures.
const PASSWORD: std::ops::RangeInclusive<usize> = 12..=128;

/// The form under which an address is stored and found: without surrounding space, in lower case.
///
/// By RFC 5321 the part before the `@` may tell capitals apart; no provider does, and users do not remember what they typed.
pub(crate) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether the address could be one. Only sending to it would prove more.
pub(crate) fn check_email(pointer: &str, email: &str) -> Result<(), FieldError> {
    let plausible = email.len() <= 254
        && !email.chars().any(|letter| letter.is_whitespace() || letter.is_control())
        && email.rsplit_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len())
                && domain
                    .split('.')
                    .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
                && !local.contains('@')
        });
    if plausible {
        return Ok(());
    }
    Err(FieldError {
        pointer: pointer.to_owned(),
        code: "format".into(),
        detail: "not an e-mail address; expected the form `name@example.com`.".to_owned(),
    })
}

/// Whether the password may be used: long enough, and not the address that everybody can guess.
///
/// There are no rules about kinds of characters; NIST SP 800-63B advises against them.
pub(crate) fn check_password(pointer: &str, password: &str, email: &str) -> Result<(), FieldError> {
    let refused = |code: &'static str, detail: String| {
        Err(FieldError { pointer: pointer.to_owned(), code: code.into(), detail })
    };
    let length = password.chars().count();
    if length < *PASSWORD.start() {
        return refused("min_length", format!("expected at least {} characters.", PASSWORD.start()));
    }
    if length > *PASSWORD.end() {
        return refused("max_length", format!("expected at most {} characters.", PASSWORD.end()));
    }
    let guess = password.trim().to_lowercase();
    let email = normal_email(email);
    if guess == email || email.split_once('@').is_some_and(|(local, _)| guess == local) {
        return refused(
            "guessable",
            "the e-mail address is not a password; choose something else.".to_owned(),
        );
    }
    if password.chars().next().is_some_and(|first| password.chars().all(|letter| letter == first)) {
        return refused(
            "guessable",
            "one character repeated is not a password; choose something else.".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_differ_in_capitals_are_one() {
        assert_eq!(normal_email(" Ada@Example.COM "), "ada@example.com");
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for good in ["a@b", "ada@example.com", "ada+tag@sub.example.com", "ädä@exämple.com"] {
            assert!(check_email("/email", good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in
            ["", "ada", "@", "ada@", "@example.com", "a b@c", "a@b@c", "a@b..c", "a@-b.c", "a\n@b.c", &long]
        {
            assert!(check_email("/email", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_address() {
        let check = |password: &str| check_password("/password", password, "ada.marlowe@example.com");
        assert!(check("correct horse battery").is_ok());
        assert!(check("密码密码密码密码密码密码").is_ok(), "characters are counted, not bytes");
        assert_eq!(check("short").unwrap_err().code, "min_length");
        assert_eq!(check(&"ab".repeat(65)).unwrap_err().code, "max_length");
        assert_eq!(check("Ada.Marlowe@Example.com").unwrap_err().code, "guessable");
        assert_eq!(check("aaaaaaaaaaaaaa").unwrap_err().code, "guessable");
    }
}
