//! A part of a configuration that is not a whole one: what is added to a file by hand or by a program. It is read for its form alone; what it means shows only
//! together with the rest, and a fault that is found then is told at its place in the part.

use serde_json::Value;

use super::form::Form;
use super::read::schema;
use super::yaml::{Entry, Kind, Node, parse};
use super::{Config, Fault, Mark, Step};

/// A part of a configuration, read for its form.
#[derive(Debug, Clone)]
pub struct Part {
    /// What has the form; what has not is taken out.
    pub config: Config,
    /// What has not the form, in the order of the part.
    pub faults: Vec<Fault>,
    /// What has the form, as it was written.
    pub value: Value,
    written: Option<Node>,
}

impl Part {
    /// From YAML. `${NAME}` stays as it is written: who sends a part may not be one who may see the environment.
    pub fn of_yaml(text: &str) -> Self {
        let mut faults = Vec::new();
        match parse(text, &|name| Some(format!("${{{name}}}")), &mut faults) {
            Ok(tree) => Self::of(tree, faults, true),
            Err(fault) => Self::nothing(fault),
        }
    }

    /// The same with `${NAME}` from the environment, for one who can read that anyhow.
    pub fn of_file(text: &str) -> Self {
        let mut faults = Vec::new();
        match parse(text, &|name| std::env::var(name).ok(), &mut faults) {
            Ok(tree) => Self::of(tree, faults, true),
            Err(fault) => Self::nothing(fault),
        }
    }

    /// From JSON; its faults have no lines.
    pub fn of_json(value: &Value) -> Self {
        Self::of(node(value), Vec::new(), false)
    }

    fn of(mut tree: Node, mut faults: Vec<Fault>, marked: bool) -> Self {
        let written = tree.clone();
        faults.extend(Form::check(&schema(), &mut tree).faults);
        let value = tree.value();
        let config = serde_json::from_value(value.clone()).unwrap_or_else(|error| {
            // What the form lets through the types do not: without a place, but never without a word.
            faults.push(Fault::new(error.to_string()));
            Config::default()
        });
        if marked {
            faults.sort_by_key(|fault| fault.mark);
        } else {
            faults.iter_mut().for_each(|fault| fault.mark = None);
        }
        Self { config, faults, value, written: marked.then_some(written) }
    }

    fn nothing(fault: Fault) -> Self {
        let value = Value::Object(serde_json::Map::new());
        Self { config: Config::default(), faults: vec![fault], value, written: None }
    }

    /// The line of a place, or of as much of it as there is; none without lines.
    pub fn locate(&self, place: &[Step]) -> Option<Mark> {
        Some(self.written.as_ref()?.locate(place))
    }
}

/// A tree of a value that was never written down.
fn node(value: &Value) -> Node {
    let mark = Mark { line: 1, column: 1 };
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Bool(*value),
        Value::Number(value) => Kind::Number(value.clone()),
        Value::String(text) => Kind::Text(text.clone(), false),
        Value::Array(items) => Kind::List(items.iter().map(node).collect()),
        Value::Object(entries) => Kind::Map(
            entries.iter().map(|(key, value)| Entry { mark, key: key.clone(), value: node(value) }).collect(),
        ),
    };
    Node { mark, kind }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_read_as_far_as_it_has_the_form() {
        let part = Part::of_json(&json!({
            "services": { "orders": { "targets": ["http://127.0.0.1:9001"], "balanse": "fastest" } },
            "routes": [{ "name": "orders", "service": "orders", "priority": "high" }],
        }));
        assert_eq!(part.config.services["orders"].targets.len(), 1);
        assert_eq!(part.config.routes[0].service.as_deref(), Some("orders"));
        let faults: Vec<_> = part.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "services.orders.balanse: `balanse` is not known here; is `balance` meant?",
                "routes[0].priority: a whole number is wanted, and this is a text"
            ]
        );
    }

    #[test]
    fn a_part_of_text_knows_the_lines_of_what_is_found_later() {
        let part = Part::of_yaml("services:\n  orders:\n    targets: [\"${HOME}\"]\n");
        assert_eq!(part.faults, []);
        assert_eq!(
            part.config.services["orders"].targets,
            [crate::config::Target::Url("${HOME}".to_owned())]
        );
        let place = [Step::from("services"), Step::from("orders"), Step::from("targets"), Step::from(0)];
        assert_eq!(part.locate(&place).map(|mark| mark.line), Some(3));
    }

    #[test]
    fn what_is_no_yaml_is_one_fault() {
        let part = Part::of_yaml("services: [");
        assert_eq!((part.faults.len(), part.config), (1, Config::default()));
    }
}
