//! An event as the world sees it: the JSON format of CloudEvents 1.0 (section 3 of its JSON event format), with `actorid` and `originid` as extension attributes.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use waypost_types::PublishEvent;

use crate::store::StoreError;
use crate::store::clock::to_rfc3339;

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) r#type: String,
    pub(crate) subject: Option<String>,
    pub(crate) actor_id: Option<String>,
    /// None of the platform's.
    pub(crate) source: Option<String>,
    pub(crate) origin_id: Option<String>,
    /// JSON text of [`Attributes`].
    pub(crate) attributes: Option<String>,
    /// JSON text.
    pub(crate) data: String,
    pub(crate) created_at: i64,
}

/// What a publisher may say besides.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataschema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
}

impl Attributes {
    /// As JSON; nothing if there is none. `time` is as the publisher wrote it: its zone may mean something to readers.
    pub(super) fn of(event: &PublishEvent) -> serde_json::Result<Option<String>> {
        let attributes = Self {
            time: event.time.clone(),
            dataschema: event.dataschema.clone(),
            traceparent: event.traceparent.clone(),
            tracestate: event.tracestate.clone(),
        };
        (attributes != Self::default()).then(|| serde_json::to_string(&attributes)).transpose()
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    r#type: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actorid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    originid: Option<&'a str>,
    #[serde(flatten)]
    attributes: Attributes,
}

/// Where the events of a tenant come from, unless a publisher says else.
pub(super) fn source(tenant_id: &str) -> String {
    format!("/v1/tenants/{tenant_id}")
}

impl Stored {
    /// The document. What the event tells is put in as it was written, unread.
    pub(crate) fn json(&self) -> Result<String, StoreError> {
        let mut attributes: Attributes =
            self.attributes.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
        let own = source(&self.tenant_id);
        let envelope = Envelope {
            specversion: "1.0",
            id: &self.id,
            r#type: &self.r#type,
            source: self.source.as_deref().unwrap_or(&own),
            subject: self.subject.as_deref(),
            time: attributes.time.take().unwrap_or_else(|| to_rfc3339(self.created_at)),
            datacontenttype: "application/json",
            actorid: self.actor_id.as_deref(),
            originid: self.origin_id.as_deref(),
            attributes,
        };
        let mut json = serde_json::to_string(&envelope)?;
        // The closing brace goes behind the data.
        json.pop();
        json.push_str(",\"data\":");
        json.push_str(&self.data);
        json.push('}');
        Ok(json)
    }

    /// The document, read as a type of the contract.
    pub(super) fn read<T: for<'de> Deserialize<'de>>(&self) -> Result<T, StoreError> {
        Ok(serde_json::from_str(&self.json()?)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use waypost_types::{CustomEvent, Event};

    use super::*;

    fn stored(kind: &str, attributes: Option<&str>) -> Stored {
        Stored {
            id: "evt_1".to_owned(),
            tenant_id: "ten_1".to_owned(),
            r#type: kind.to_owned(),
            subject: Some("a \"b\"".to_owned()),
            actor_id: None,
            source: None,
            origin_id: None,
            attributes: attributes.map(str::to_owned),
            data: r#"{"subject_id":"usr_1"}"#.to_owned(),
            created_at: 0,
        }
    }

    #[test]
    fn a_document_has_the_attributes_that_are_there_and_the_data_as_it_was_written() {
        let document: Value = serde_json::from_str(&stored("a.b", None).json().unwrap()).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": "evt_1", "type": "a.b", "source": "/v1/tenants/ten_1", "subject": "a \"b\"",
            "time": "1970-01-01T00:00:00.000000Z", "datacontenttype": "application/json", "data": { "subject_id": "usr_1" },
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn what_a_publisher_said_besides_comes_back() {
        let event = stored("a.b", Some(r#"{"time":"2026-11-22T10:00:00+01:00","traceparent":"00-1-2-01"}"#));
        let event: CustomEvent = event.read().unwrap();
        assert_eq!(event.time, "2026-11-22T10:00:00+01:00");
        assert_eq!(event.traceparent.as_deref(), Some("00-1-2-01"));
    }

    #[test]
    fn a_type_of_the_contract_is_read_as_it_and_any_other_is_kept() {
        let event: Event = stored("auth.signed_in", None).read().unwrap();
        let Event::AuthSignedIn(signed_in) = &event else { panic!("{event:?}") };
        assert_eq!(signed_in.data.subject_id, "usr_1");
        let event: Event = stored("order.shipped", None).read().unwrap();
        assert_eq!((event.tag(), matches!(event, Event::Unknown(_))), (Some("order.shipped"), true));
    }
}
