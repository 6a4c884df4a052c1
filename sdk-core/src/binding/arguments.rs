//! From pairs of wire name and text to the engine's arguments. Where a parameter goes is the operation's knowledge, not the facade's.

use bytes::Bytes;
use serde_json::Value;

use crate::engine::arguments::Arguments;
use crate::engine::operation::{Body, Operation};

/// The arguments of a call: each pair goes where the operation has a parameter of its name; a name that comes twice is an array. The body is sent as it
/// is, but for a form's, which comes as a JSON object. What does not fit is told when the call is made, all of it together.
pub fn arguments<'a>(
    operation: &Operation,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: Option<Bytes>,
) -> Arguments {
    let mut arguments = Arguments::of_pairs(operation, pairs.into_iter());
    match (body, operation.body) {
        (None, _) => arguments,
        (Some(body), Body::Form) => match serde_json::from_slice::<Value>(&body) {
            Ok(members) => arguments.form(&members),
            Err(error) => {
                arguments.mistakes.push(format!("the body of a form must come as JSON: {error}"));
                arguments
            }
        },
        (Some(body), Body::Bytes(_)) => arguments.bytes(body),
        (Some(body), Body::Json | Body::None) => arguments.json_bytes(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::build::build;

    #[test]
    fn pairs_go_where_the_operation_has_them() {
        let operation = crate::operations::find("wallets_transactions").unwrap();
        let pairs = [("wallet_id", "wal/1"), ("limit", "2"), ("cursor", "a b")];
        let request = build(operation, &arguments(operation, pairs, None), "http://a").unwrap();
        assert_eq!(request.url, "http://a/v1/wallets/wal%2F1/transactions?limit=2&cursor=a%20b");
    }

    #[test]
    fn what_does_not_fit_is_told_together() {
        let operation = crate::operations::find("wallets_get").unwrap();
        let arguments = arguments(operation, [("wallet", "1")], Some(Bytes::from_static(b"{}")));
        let told = build(operation, &arguments, "http://a").unwrap_err().to_string();
        for part in ["no parameter `wallet`", "`wallet_id` is missing", "it takes none"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
