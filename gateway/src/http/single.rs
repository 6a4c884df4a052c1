//! Headers that stand once: two of them could be read differently by us and by whatever stands before us.

use http::HeaderMap;

use super::Error;

/// The one value of a header that must not be repeated.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Error> {
    let mut values = headers.get_all(name).iter();
    let (value, more) = (values.next(), values.next());
    match (value.map(|value| value.to_str()), more) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        (Some(Ok(_)), Some(_)) => Err(Error::bad_request(
            "malformed_request",
            format!("The header {name} is given more than once."),
        )),
        (Some(Err(_)), _) => {
            Err(Error::bad_request("malformed_request", format!("The header {name} is not plain ASCII.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(single(&headers, "accept").unwrap(), None);
        headers.append("accept", HeaderValue::from_static("a"));
        assert_eq!(single(&headers, "accept").unwrap(), Some("a"));
        headers.append("accept", HeaderValue::from_static("a"));
        assert_eq!(single(&headers, "accept").unwrap_err().code, "malformed_request");
    }
}
