//! The layers, and what they are together. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use waypost_proxy::config::{Fault, Level, Part, Step};
use waypost_proxy::{Config, Proxy};

/// What can be made through the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A service.
    Service,
    /// A route.
    Route,
    /// A tier of rate limits.
    Tier,
}

/// Where a part of the configuration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The integrator's file.
    File,
    /// The API.
    Api,
    /// The gateway's own settings.
    Gateway,
}

/// One part that was made through the API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// In the form of the data plane's file; of a route without its name.
    pub(crate) document: Value,
    /// Microseconds.
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// Everything that was made through the API; routes in the order in which they count.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ApiLayer(pub(crate) Vec<Record>);

/// A part that does not hold, and all that speaks against it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clash {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) faults: Vec<Fault>,
}

/// All layers together.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Without what does not hold.
    pub(crate) config: Config,
    /// What does not.
    pub(crate) clashes: Vec<Clash>,
    /// What is wrong beyond that: with errors among it, the whole cannot hold.
    pub(crate) faults: Vec<Fault>,
}

impl Kind {
    /// `service`, `route`, `tier`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Route => "route",
            Self::Tier => "tier",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Service, Self::Route, Self::Tier].into_iter().find(|kind| kind.name() == name)
    }
}

impl Source {
    /// `file`, `api`, `gateway`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
            Self::Gateway => "gateway",
        }
    }
}

impl Clash {
    /// Why it does not hold, for people.
    pub(crate) fn reason(&self) -> String {
        self.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl ApiLayer {
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<&Record> {
        self.0.iter().find(|record| record.kind == kind && record.name == name)
    }

    fn routes(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().filter(|record| record.kind == Kind::Route)
    }

    /// Puts a document in the place of a part's, or makes the part.
    pub(crate) fn put(&mut self, kind: Kind, name: &str, document: Value, now: i64) {
        match self.0.iter_mut().find(|record| record.kind == kind && record.name == name) {
            Some(record) => {
                record.document = document;
                record.updated_at = now;
            }
            None => {
                let name = name.to_owned();
                self.0.push(Record { kind, name, document, created_at: now, updated_at: now });
            }
        }
    }

    pub(crate) fn remove(&mut self, kind: Kind, name: &str) {
        self.0.retain(|record| record.kind != kind || record.name != name);
    }

    /// All of it as one document in the form of the data plane's file; empty sections are left out.
    pub(crate) fn document(&self) -> Map<String, Value> {
        let named = |kind| -> Map<String, Value> {
            let parts = self.0.iter().filter(|record| record.kind == kind);
            parts.map(|record| (record.name.clone(), record.document.clone())).collect()
        };
        let routes: Vec<Value> = self
            .routes()
            .map(|record| {
                let mut route = Map::new();
                route.insert("name".to_owned(), record.name.clone().into());
                route.extend(record.document.as_object().cloned().unwrap_or_default());
                route.into()
            })
            .collect();
        let mut document = Map::new();
        let (services, tiers) = (named(Kind::Service), named(Kind::Tier));
        if !services.is_empty() {
            document.insert("services".to_owned(), services.into());
        }
        if !routes.is_empty() {
            document.insert("routes".to_owned(), routes.into());
        }
        if !tiers.is_empty() {
            document.insert("limits".to_owned(), json!({ "tiers": tiers }));
        }
        document
    }

    /// A layer in the place of this one, from a part in the file's form. What was there before and is the same keeps its times.
    pub(crate) fn replaced_by(&self, part: &Part, now: i64) -> Self {
        let mut layer = Self::default();
        let at = |place: &[&str]| place.iter().try_fold(&part.value, |value, name| value.get(name));
        for (kind, place) in [(Kind::Service, &["services"][..]), (Kind::Tier, &["limits", "tiers"])] {
            for (name, document) in at(place).and_then(Value::as_object).into_iter().flatten() {
                layer.put(kind, name, document.clone(), now);
            }
        }
        for route in at(&["routes"]).and_then(Value::as_array).into_iter().flatten() {
            let mut document = route.as_object().cloned().unwrap_or_default();
            let name = document.remove("name");
            let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
            layer.put(Kind::Route, name, document.into(), now);
        }
        for record in &mut layer.0 {
            if let Some(known) = self.find(record.kind, &record.name) {
                record.created_at = known.created_at;
                if known.document == record.document {
                    record.updated_at = known.updated_at;
                }
            }
        }
        layer
    }
}

/// Brings a file's configuration and the API's layer together and has the result checked. A part of the API's that the file defines too, or that does not fit, is
/// left out, and then what does not fit without it.
pub(crate) fn compile(file: &Config, api: &ApiLayer, complete: &dyn Fn(Config) -> Config) -> Compiled {
    let document = api.document();
    let part = Part::of_json(&document.into());
    let mut clashes: BTreeMap<(Kind, String), Vec<Fault>> = BTreeMap::new();
    for record in &api.0 {
        let defined = match record.kind {
            Kind::Service => file.services.contains_key(&record.name),
            Kind::Route => file.routes.iter().any(|route| route.name == record.name),
            Kind::Tier => file.limits.tiers.contains_key(&record.name),
        };
        if defined {
            let fault = Fault::new("the file defines it too, and the file counts");
            clashes.entry((record.kind, record.name.clone())).or_default().push(fault);
        }
    }
    let mut rest: Vec<Fault> = Vec::new();
    for fault in &part.faults {
        match subject(&fault.place, |index| api.routes().nth(index).map(|route| route.name.clone())) {
            Some(subject) => clashes.entry(subject).or_default().push(fault.clone()),
            None => rest.push(fault.clone()),
        }
    }
    loop {
        let config = complete(merge(file, &part.config, &clashes.keys().cloned().collect()));
        let mut found: BTreeMap<(Kind, String), Vec<Fault>> = BTreeMap::new();
        let mut others = Vec::new();
        for fault in Proxy::check(&config) {
            let name = |index: usize| config.routes.get(index).map(|route| route.name.clone());
            match subject(&fault.place, name).filter(|(kind, name)| api.find(*kind, name).is_some()) {
                Some(subject) if fault.level == Level::Error => found.entry(subject).or_default().push(fault),
                _ => others.push(fault),
            }
        }
        if found.is_empty() {
            rest.extend(others);
            let clashes = clashes.into_iter().map(|((kind, name), faults)| Clash { kind, name, faults });
            return Compiled { config, clashes: clashes.collect(), faults: rest };
        }
        clashes.extend(found);
    }
}

/// The file's configuration and, beside it, the API's parts but for some.
fn merge(file: &Config, api: &Config, without: &BTreeSet<(Kind, String)>) -> Config {
    let kept = |kind, name: &str| !without.contains(&(kind, name.to_owned()));
    let mut config = file.clone();
    let services = api.services.iter().filter(|(name, _)| kept(Kind::Service, name));
    config.services.extend(services.map(|(name, service)| (name.clone(), service.clone())));
    config.routes.extend(api.routes.iter().filter(|route| kept(Kind::Route, &route.name)).cloned());
    let tiers = api.limits.tiers.iter().filter(|(name, _)| kept(Kind::Tier, name));
    config.limits.tiers.extend(tiers.map(|(name, rates)| (name.clone(), *rates)));
    config
}

/// The part that a fault is about.
pub(crate) fn subject(place: &[Step], route: impl Fn(usize) -> Option<String>) -> Option<(Kind, String)> {
    match place {
        [Step::Key(section), Step::Key(name), ..] if section == "services" => {
            Some((Kind::Service, name.clone()))
        }
        [Step::Key(section), Step::Index(index), ..] if section == "routes" => {
            Some((Kind::Route, route(*index)?))
        }
        [Step::Key(section), Step::Key(tiers), Step::Key(name), ..]
            if section == "limits" && tiers == "tiers" =>
        {
            Some((Kind::Tier, name.clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Config {
        let file = json!({
            "services": { "orders": { "targets": ["http://127.0.0.1:9001"] } },
            "routes": [{ "name": "orders", "match": { "path": "/orders/*" }, "service": "orders" }],
        });
        serde_json::from_value(file).unwrap()
    }

    fn layer(parts: &[(Kind, &str, Value)]) -> ApiLayer {
        let mut layer = ApiLayer::default();
        parts.iter().for_each(|(kind, name, document)| layer.put(*kind, name, document.clone(), 1));
        layer
    }

    fn names(compiled: &Compiled) -> Vec<String> {
        compiled.clashes.iter().map(|clash| format!("{} {}", clash.kind.name(), clash.name)).collect()
    }

    #[test]
    fn what_is_made_stands_beside_what_the_file_says() {
        let layer = layer(&[
            (Kind::Service, "stock", json!({ "targets": ["http://127.0.0.1:9002"] })),
            (Kind::Route, "stock", json!({ "match": { "path": "/stock/*" }, "service": "stock" })),
            (Kind::Tier, "partner", json!({ "per_minute": 5 })),
        ]);
        let compiled = compile(&file(), &layer, &|config| config);
        assert_eq!((compiled.config.services.len(), compiled.config.routes.len()), (2, 2));
        assert_eq!(compiled.config.limits.tiers["partner"].per_minute, Some(5));
        assert_eq!((names(&compiled), compiled.faults), (vec![], vec![]));
    }

    #[test]
    fn the_file_counts_where_both_define_something() {
        let layer = layer(&[(Kind::Service, "orders", json!({ "targets": ["http://127.0.0.1:7"] }))]);
        let compiled = compile(&file(), &layer, &|config| config);
        assert_eq!(compiled.config.services, file().services);
        assert_eq!(names(&compiled), ["service orders"]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_with_all_that_needs_it() {
        let layer = layer(&[
            (Kind::Service, "stock", json!({ "targets": ["nonsense"] })),
            (Kind::Route, "stock", json!({ "match": { "path": "/stock/*" }, "service": "stock" })),
            (Kind::Route, "more", json!({ "match": { "path": "/more/*" }, "service": "orders" })),
        ]);
        let compiled = compile(&file(), &layer, &|config| config);
        assert_eq!(names(&compiled), ["service stock", "route stock"]);
        assert_eq!(compiled.config.routes.len(), 2, "the good one holds");
    }

    #[test]
    fn a_layer_and_its_document_are_the_same_thing() {
        let layer = layer(&[
            (Kind::Service, "stock", json!({ "targets": ["http://127.0.0.1:9002"] })),
            (Kind::Route, "b", json!({ "service": "stock" })),
            (Kind::Route, "a", json!({ "service": "stock", "priority": 1 })),
            (Kind::Tier, "partner", json!({ "per_minute": 5 })),
        ]);
        let part = Part::of_json(&layer.document().into());
        let again = layer.replaced_by(&part, 9);
        assert_eq!(again.document(), layer.document());
        assert!(again.0.iter().all(|record| (record.created_at, record.updated_at) == (1, 1)));
    }
}
