//! Security: bearer tokens, keys in headers or cookies, OAuth 2. Requirements name schemes that exist.

use super::Report;
use super::grammar::Kind;
use super::walk::Objects;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for scheme in objects.of(Kind::SecurityScheme) {
        one(scheme, report);
    }
    let declared = objects.components("securitySchemes");
    let everywhere = objects.root.items_of("security");
    let own = objects.operations.iter().flat_map(|operation| operation.node.items_of("security"));
    for (name, node) in everywhere.chain(own).flat_map(|alternative| alternative.entries()) {
        if !declared.iter().any(|(declared, _)| *declared == name) {
            let reason = format!("There is no security scheme `{name}`.");
            let remedy = "Declare it in `components/securitySchemes`, or name one that is there.";
            report.add(&node, Rule::Security, reason, remedy);
        }
    }
}

fn one(scheme: &Node<'_>, report: &mut Report<'_>) {
    let remedy = "Write `type: http` with `scheme: bearer`, or `type: apiKey` in a `header` or `cookie`, or `type: oauth2`.";
    match (scheme.text("type"), scheme.text("scheme"), scheme.text("in")) {
        (Some("http"), Some(scheme), _) if scheme.eq_ignore_ascii_case("bearer") => {}
        (Some("http"), other, _) => {
            let reason = format!("The HTTP scheme `{}` is not carried.", other.unwrap_or_default());
            report.add(scheme, Rule::Security, reason, remedy);
        }
        (Some("apiKey"), _, Some("header" | "cookie")) => {
            let name = scheme.text("name").unwrap_or_default();
            if name.is_empty()
                || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
            {
                let reason = format!("`{name}` is not the name of a header or cookie.");
                report.add(scheme, Rule::Security, reason, "Write `name:` with the name that is sent.");
            }
        }
        (Some("apiKey"), _, place) => {
            let place = place.unwrap_or("nowhere");
            let reason = format!("An API key in `{place}` is not carried: what is in a URL ends in logs.");
            report.add(scheme, Rule::Security, reason, "Write `in: header`.");
        }
        (Some("oauth2"), ..) => {}
        (Some(other), ..) => {
            report.add(
                scheme,
                Rule::Security,
                format!("The security type `{other}` is not carried."),
                remedy,
            );
        }
        // The grammar reports a type that is missing.
        (None, ..) => {}
    }
}
