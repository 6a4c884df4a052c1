//! How one value is read and written: from a TOML scalar, or from the text of a variable or a flag.
//!
//! An error says what was expected; the place is added by the reader.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::Origins;

/// A value as it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input<'a> {
    /// `true` in the file.
    Bool(bool),
    /// `10` in the file.
    Integer(i64),
    /// `"10s"` in the file.
    Text(&'a str),
    /// The text of an environment variable or a flag, which has no type of its own.
    Word(&'a str),
    /// A table, an array, a float, a date.
    Other(&'static str),
}

impl Input<'_> {
    fn found(&self) -> String {
        match self {
            Self::Bool(value) => format!("found the boolean {value}"),
            Self::Integer(value) => format!("found the integer {value}"),
            Self::Text(text) | Self::Word(text) => format!("found `{text}`"),
            Self::Other(kind) => format!("found a value of the type {kind}"),
        }
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what}, {}", self.found())
    }
}

/// `true` or `false`.
pub(super) fn boolean(input: &Input<'_>) -> Result<bool, String> {
    match input {
        Input::Bool(value) => Ok(*value),
        Input::Word("true") => Ok(true),
        Input::Word("false") => Ok(false),
        _ => Err(input.expected("true or false")),
    }
}

/// Any text but an empty one.
pub(super) fn text(input: &Input<'_>) -> Result<String, String> {
    match input {
        Input::Text(text) | Input::Word(text) if !text.is_empty() => Ok((*text).to_owned()),
        _ => Err(input.expected("a text")),
    }
}

/// Origins of pages, or `*`.
pub(super) fn origins(input: &Input<'_>) -> Result<Origins, String> {
    let written = text(input)?;
    if written.trim() == "*" {
        return Ok(Origins::Any);
    }
    let listed: Vec<String> = written.split(',').map(|origin| origin.trim().to_owned()).collect();
    match listed.iter().find(|origin| !is_origin(origin)) {
        None => Ok(Origins::Listed(listed)),
        Some(origin) => Err(format!(
            "expected origins such as \"https://app.example, http://localhost:5173\" in lower case, without a path, or \"*\", found `{origin}`"
        )),
    }
}

/// Networks, such as `10.0.0.0/8, fd00::/8`; a single address is a network of one.
pub(super) fn networks(input: &Input<'_>) -> Result<Vec<IpNet>, String> {
    let written = text(input)?;
    let network =
        |text: &str| text.parse::<IpNet>().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()));
    written
        .split(',')
        .map(|text| network(text.trim()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("expected networks such as \"10.0.0.0/8, fd00::/8\", found `{written}`"))
}

/// An issuer (RFC 8414, section 2): an origin, and a path without a slash at its end. Plain http is for trying out on one machine.
pub(super) fn issuer(input: &Input<'_>) -> Result<String, String> {
    let written = text(input)?;
    let url = url::Url::parse(&written).ok();
    let fits = url.as_ref().is_some_and(|url| {
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        (url.scheme() == "https" || (url.scheme() == "http" && loopback))
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    match fits && !written.ends_with('/') {
        true => Ok(written),
        false => Err(format!(
            "expected an address such as \"https://id.example\", without a path, and http only on this machine, found `{written}`"
        )),
    }
}

/// As a browser writes it, since it is compared byte by byte: scheme, host, and a port that is not the scheme's own.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':' | b'[' | b']');
    let standard = match scheme {
        "https" => ":443",
        _ => ":80",
    };
    !scheme.is_empty()
        && scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
        && !host.is_empty()
        && host.bytes().all(plain)
        && !host.ends_with(standard)
}

/// One of these words.
pub(super) fn choice<T: Copy>(input: &Input<'_>, choices: &[(&str, T)]) -> Result<T, String> {
    if let Input::Text(text) | Input::Word(text) = input
        && let Some((_, value)) = choices.iter().find(|(name, _)| name == text)
    {
        return Ok(*value);
    }
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    Err(input.expected(&names.join(" or ")))
}

/// An integer within bounds.
pub(super) fn integer(input: &Input<'_>, least: u32, most: u32) -> Result<u32, String> {
    let number = match input {
        Input::Integer(value) => Some(*value),
        Input::Word(word) => word.parse().ok(),
        _ => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| input.expected(&format!("an integer from {least} to {most}")))
}

/// `"unlimited"` or a positive integer.
pub(super) fn rate(input: &Input<'_>) -> Result<Option<u32>, String> {
    if matches!(input, Input::Text("unlimited") | Input::Word("unlimited")) {
        return Ok(None);
    }
    integer(input, 1, u32::MAX)
        .map(Some)
        .map_err(|_| input.expected("a positive number of requests or \"unlimited\""))
}

/// A number of bytes: `65536`, `"64KiB"`, `"1MiB"`.
pub(super) fn bytes(input: &Input<'_>, least: u32, most: u32) -> Result<u32, String> {
    let number = match input {
        Input::Integer(value) => u64::try_from(*value).ok(),
        Input::Text(text) | Input::Word(text) => scaled(text, &BYTE_UNITS),
        _ => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            let range = format!("{} to {}", show_bytes(least), show_bytes(most));
            input.expected(&format!("a size from {range}, such as \"64KiB\" or \"1MiB\""))
        })
}

/// A duration: `"500ms"`, `"10s"`, `"15m"`, `"12h"`, `"30d"`. A bare number would not say its unit.
pub(super) fn duration(input: &Input<'_>, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration = match input {
        Input::Text(text) | Input::Word(text) => parse_duration(text),
        _ => None,
    };
    duration.filter(|duration| (least..=most).contains(duration)).ok_or_else(|| {
        let range = format!("{} to {}", show_duration(least), show_duration(most));
        input.expected(&format!(
            "a duration from {range}, such as \"500ms\", \"10s\", \"15m\", \"12h\" or \"30d\""
        ))
    })
}

/// Reads `10s`; `None` if it is no duration.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    scaled(text, &TIME_UNITS).map(Duration::from_millis)
}

/// Largest first, so that writing picks the largest that fits; the empty unit is for bytes alone.
const BYTE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];
const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |factor: u64| number != 0 && number.is_multiple_of(factor);
    let (unit, factor) =
        units.iter().find(|(_, factor)| fits(*factor)).or(units.last()).copied().unwrap_or(("", 1));
    format!("{}{unit}", number / factor)
}

/// `1MiB`.
pub(super) fn show_bytes(bytes: u32) -> String {
    show(bytes.into(), &BYTE_UNITS)
}

/// `15m`.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &TIME_UNITS)
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_they_are_written() {
        for text in ["500ms", "10s", "15m", "12h", "30d", "0ms"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("90s").map(show_duration).unwrap(), "90s");
        assert_eq!(parse_duration("120s").map(show_duration).unwrap(), "2m");
        for text in ["", "s", "10", "-1s", "1.5s", "10 weeks", "99999999999999999999s", "184467440737095516d"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(show_bytes(bytes(&Input::Word("64KiB"), 1, u32::MAX).unwrap()), "64KiB");
        assert_eq!(bytes(&Input::Integer(65_536), 1, u32::MAX), Ok(65_536));
    }

    #[test]
    fn an_error_says_what_was_expected_and_found() {
        assert_eq!(
            integer(&Input::Text("4"), 1, 64).unwrap_err(),
            "expected an integer from 1 to 64, found `4`"
        );
        assert_eq!(
            integer(&Input::Integer(0), 1, 64).unwrap_err(),
            "expected an integer from 1 to 64, found the integer 0"
        );
        assert_eq!(boolean(&Input::Word("yes")).unwrap_err(), "expected true or false, found `yes`");
        assert!(bytes(&Input::Integer(1), 1024, 1 << 20).unwrap_err().contains("1KiB to 1MiB"));
        assert!(rate(&Input::Integer(0)).is_err(), "a limit of nothing is a mistake, not a wish");
        assert_eq!(rate(&Input::Word("unlimited")), Ok(None));
    }
}
