//! Changes to JSON bodies: a route's own, and those that make one version of an API of another.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request, response};
use hyper::body::Body as _;
use serde_json::{Map, Value};

use super::whole::{Lost, gather};
use crate::config::{self, Fault};
use crate::{Body, Refusal};

/// The largest body that is changed, where the configuration does not say it.
pub(super) const MAX_BODY: u64 = 1 << 20;

/// Changes, compiled.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    changes: Vec<Change>,
    limit: u64,
}

#[derive(Debug, Clone)]
enum Change {
    Rename(Place, String),
    Move(Place, Place),
    Default(Place, Value),
    Set(Place, Value),
    Drop(Place),
}

/// A JSON pointer (RFC 6901) in which `*` stands for every item of an array.
#[derive(Debug, Clone)]
struct Place {
    /// All but the last.
    way: Vec<Token>,
    last: Token,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Each,
}

impl Changes {
    /// For a list of changes, in this order, to bodies of at most so many bytes.
    ///
    /// # Errors
    /// A place that is none; a move whose ends have not as many `*`. At the change's index.
    pub fn new(changes: &[config::Change], max_body: Option<config::Size>) -> Result<Self, Fault> {
        let read = changes
            .iter()
            .enumerate()
            .map(|(index, change)| Change::new(change).map_err(|message| Fault::at(index, message)));
        let limit = max_body.map_or(MAX_BODY, |size| size.0);
        Ok(Self { changes: read.collect::<Result<_, _>>()?, limit })
    }

    /// Both lists, one after the other.
    #[must_use]
    pub fn then(mut self, further: Self) -> Self {
        self.limit = self.limit.max(further.limit);
        self.changes.extend(further.changes);
        self
    }

    /// Whether nothing is changed.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Changes a value.
    pub fn apply(&self, value: &mut Value) {
        for change in &self.changes {
            change.apply(value);
        }
    }

    /// Changes a request's body, if it is JSON.
    ///
    /// # Errors
    /// 413 for one that is too large, 415 for one that is encoded, 400 for one that is no JSON.
    pub async fn request(&self, head: &mut request::Parts, body: Body) -> Result<Body, Refusal> {
        if self.is_empty() || !is_json(&head.headers) || body.is_end_stream() {
            return Ok(body);
        }
        if head.headers.contains_key(header::CONTENT_ENCODING) {
            let detail = "This route changes the body; send it without a Content-Encoding.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body", detail));
        }
        let bytes = gather(body, self.limit).await.map_err(|lost| lost.of_request(self.limit))?;
        let changed = self.changed(&bytes).map_err(|error| {
            let detail = format!("The body is no JSON: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, "invalid_json", detail)
        })?;
        Ok(replace(&mut head.headers, changed))
    }

    /// Changes an answer's body, if it is JSON. The service has to be asked without `Accept-Encoding`.
    ///
    /// # Errors
    /// 502 for one that is too large, encoded or no JSON.
    pub async fn answer(&self, head: &mut response::Parts, body: Body) -> Result<Body, Refusal> {
        if self.is_empty() || !is_json(&head.headers) || head.status == StatusCode::PARTIAL_CONTENT {
            return Ok(body);
        }
        if body.is_end_stream() {
            // To a HEAD request: how long the changed body would be is not known.
            head.headers.remove(header::CONTENT_LENGTH);
            weaken(&mut head.headers);
            return Ok(body);
        }
        let bad =
            || Refusal::new(StatusCode::BAD_GATEWAY, "bad_answer", "The service's answer cannot be changed.");
        if head.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(bad());
        }
        let bytes = gather(body, self.limit).await.map_err(Lost::of_answer)?;
        let changed = self.changed(&bytes).map_err(|_| bad())?;
        Ok(replace(&mut head.headers, changed))
    }

    fn changed(&self, bytes: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(bytes)?;
        self.apply(&mut value);
        serde_json::to_vec(&value)
    }
}

fn replace(headers: &mut HeaderMap, changed: Vec<u8>) -> Body {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(changed.len()));
    weaken(headers);
    Body::full(Bytes::from(changed))
}

/// What was said of the bytes does not hold any more (RFC 9110 section 8.8.3, RFC 9530).
pub(super) fn weaken(headers: &mut HeaderMap) {
    for name in ["content-md5", "digest", "content-digest", "repr-digest", "accept-ranges"] {
        headers.remove(name);
    }
    let strong = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    if let Some(weak) = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok())
    {
        headers.insert(header::ETAG, weak);
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
    })
}

impl Change {
    fn new(change: &config::Change) -> Result<Self, String> {
        Ok(match change {
            config::Change::Rename(place, name) => {
                let place = Place::new(place)?;
                if place.last == Token::Each {
                    return Err("an item of an array has no name to change".to_owned());
                }
                Self::Rename(place, name.clone())
            }
            config::Change::Move(from, to) => {
                let (one, other) = (Place::new(from)?, Place::new(to)?);
                if one.stars() != other.stars() {
                    return Err(format!("`{from}` and `{to}` have not as many `*`"));
                }
                Self::Move(one, other)
            }
            config::Change::Default(place, value) => Self::Default(Place::new(place)?, value.clone()),
            config::Change::Set(place, value) => Self::Set(Place::new(place)?, value.clone()),
            config::Change::Drop(place) => Self::Drop(Place::new(place)?),
        })
    }

    fn apply(&self, value: &mut Value) {
        match self {
            Self::Rename(place, name) => place.each(value, |value, at| {
                if let (Some(Value::Object(object)), Token::Name(old)) =
                    (walk(value, at, &place.way), &place.last)
                    && let Some(moved) = object.shift_remove(old)
                {
                    object.insert(name.clone(), moved);
                }
            }),
            Self::Move(from, to) => from.each(value, |value, at| {
                if let Some(moved) = from.take(value, at) {
                    to.put(value, at, moved, true);
                }
            }),
            Self::Default(place, default) => place.each(value, |value, at| {
                place.put(value, at, default.clone(), false);
            }),
            Self::Set(place, set) => place.each(value, |value, at| {
                place.put(value, at, set.clone(), true);
            }),
            Self::Drop(place) => place.each(value, |value, at| {
                place.take(value, at);
            }),
        }
    }
}

impl Place {
    fn new(text: &str) -> Result<Self, String> {
        let Some(pointer) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is no place; write a JSON pointer: `/items/*/name`"));
        };
        let tokens = pointer.split('/').map(|token| match token {
            "*" => Token::Each,
            name => Token::Name(name.replace("~1", "/").replace("~0", "~")),
        });
        let mut way: Vec<_> = tokens.collect();
        let last = way.pop().unwrap_or(Token::Each);
        Ok(Self { way, last })
    }

    fn stars(&self) -> usize {
        self.way.iter().chain([&self.last]).filter(|token| **token == Token::Each).count()
    }

    /// For every item that the `*` stand for, the last first, so that what is taken away moves nothing that is still to come.
    fn each(&self, value: &mut Value, mut visit: impl FnMut(&mut Value, &[usize])) {
        let mut found = Vec::new();
        let tokens: Vec<_> = self.way.iter().chain([&self.last]).collect();
        bindings(value, &tokens, &mut Vec::new(), &mut found);
        for at in found.iter().rev() {
            visit(value, at);
        }
    }

    fn take(&self, value: &mut Value, at: &[usize]) -> Option<Value> {
        let index = self.index(at);
        match (walk(value, at, &self.way)?, &self.last) {
            (Value::Object(object), Token::Name(name)) => object.shift_remove(name),
            (Value::Array(items), _) => {
                index.filter(|index| *index < items.len()).map(|index| items.remove(index))
            }
            _ => None,
        }
    }

    fn put(&self, value: &mut Value, at: &[usize], put: Value, over: bool) {
        let index = self.index(at);
        let Some(parent) = make(value, at, &self.way) else { return };
        match (parent, &self.last) {
            (Value::Object(object), Token::Name(name)) if over || !object.contains_key(name) => {
                object.insert(name.clone(), put);
            }
            (Value::Array(items), _) if over => {
                if let Some(item) = index.and_then(|index| items.get_mut(index)) {
                    *item = put;
                }
            }
            _ => {}
        }
    }

    /// The index that the last token stands for.
    fn index(&self, at: &[usize]) -> Option<usize> {
        match &self.last {
            Token::Each => at.last().copied(),
            Token::Name(name) => name.parse().ok(),
        }
    }
}

/// The items of arrays that the `*` of a place stand for, as indices.
fn bindings(value: &Value, tokens: &[&Token], at: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    let Some((token, further)) = tokens.split_first() else {
        found.push(at.clone());
        return;
    };
    match (token, value) {
        (Token::Each, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                at.push(index);
                bindings(item, further, at, found);
                at.pop();
            }
        }
        (Token::Each, _) => {}
        (Token::Name(name), value) => match child(value, name) {
            Some(child) => bindings(child, further, at, found),
            // What is not there yet may still be put there.
            None if !further.contains(&&Token::Each) => found.push(at.clone()),
            None => {}
        },
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(object) => object.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

fn child_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(object) => object.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    }
}

fn walk<'a>(value: &'a mut Value, at: &[usize], way: &[Token]) -> Option<&'a mut Value> {
    let mut at = at.iter();
    way.iter().try_fold(value, |value, token| match token {
        Token::Name(name) => child_mut(value, name),
        Token::Each => value.as_array_mut()?.get_mut(*at.next()?),
    })
}

/// The same, with objects made on the way where nothing is.
fn make<'a>(value: &'a mut Value, at: &[usize], way: &[Token]) -> Option<&'a mut Value> {
    let mut at = at.iter();
    way.iter().try_fold(value, |value, token| match (token, value) {
        (Token::Name(name), Value::Object(object)) => {
            Some(object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())))
        }
        (Token::Name(name), value) => child_mut(value, name),
        (Token::Each, value) => value.as_array_mut()?.get_mut(*at.next()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use config::Change as C;

    fn changed(changes: &[C], mut value: Value) -> Value {
        Changes::new(changes, None).unwrap().apply(&mut value);
        value
    }

    fn s(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn one_version_becomes_another() {
        let changes = [
            C::Rename(s("/name"), s("title")),
            C::Move(s("/street"), s("/address/street")),
            C::Rename(s("/items/*/qty"), s("quantity")),
            C::Move(s("/items/*/price"), s("/items/*/cost/amount")),
            C::Default(s("/items/*/unit"), json!("piece")),
            C::Default(s("/kind"), json!("order")),
            C::Set(s("/version"), json!(2)),
            C::Drop(s("/secret")),
            C::Drop(s("/tags/*/id")),
        ];
        let before = json!({
            "name": "n", "street": "s", "secret": 1, "kind": "own", "version": 1, "tags": [{"id": 1, "t": "a"}, {"t": "b"}],
            "items": [{"qty": 1, "price": 5}, {"qty": 2, "price": 6, "unit": "kg"}],
        });
        let after = json!({
            "title": "n", "address": {"street": "s"}, "kind": "own", "version": 2, "tags": [{"t": "a"}, {"t": "b"}],
            "items": [
                {"quantity": 1, "cost": {"amount": 5}, "unit": "piece"},
                {"quantity": 2, "cost": {"amount": 6}, "unit": "kg"},
            ],
        });
        assert_eq!(changed(&changes, before), after);
    }

    #[test]
    fn what_is_not_there_is_left_alone() {
        let changes = [C::Rename(s("/a"), s("b")), C::Move(s("/a/*"), s("/b/*")), C::Drop(s("/x/y/z"))];
        for value in [json!({}), json!([1, 2]), json!(null), json!({"a": 1, "x": 2}), json!("text")] {
            let after = changed(&changes, value.clone());
            if value.get("a").is_none() {
                assert_eq!(after, value);
            }
        }
        assert_eq!(changed(&[C::Drop(s("/a/*"))], json!({"a": [1, 2, 3]})), json!({"a": []}));
    }

    #[test]
    fn a_place_that_is_none_is_named() {
        for bad in
            [C::Drop(s("a")), C::Drop(s("")), C::Move(s("/a/*"), s("/b")), C::Rename(s("/a/*"), s("b"))]
        {
            assert_eq!(Changes::new(&[bad], None).unwrap_err().place, [0.into()]);
        }
    }

    proptest! {
        #[test]
        fn a_rename_there_and_back_changes_nothing(keys in proptest::collection::vec("[a-c]", 0..4), n in 0..5usize) {
            let object: Map<String, Value> = keys.iter().map(|key| (key.clone(), json!(n))).collect();
            let value = json!({"list": vec![Value::Object(object); n]});
            let there = [C::Rename(s("/list/*/a"), s("z")), C::Rename(s("/list/*/z"), s("a"))];
            prop_assert_eq!(changed(&there, value.clone()), value);
        }
    }
}
