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
        match declared.iter().find(|(declared, _)| *declared == name) {
            Some((_, scheme)) => scopes(&node, name, scheme, report),
            None => {
                let reason = format!("There is no security scheme `{name}`.");
                let remedy = "Declare it in `components/securitySchemes`, or name one that is there.";
                report.add(&node, Rule::Security, reason, remedy);
            }
        }
    }
}

/// A requirement lists scopes of OAuth 2 only, and such as every flow of the scheme has.
fn scopes(requirement: &Node<'_>, name: &str, scheme: &Node<'_>, report: &mut Report<'_>) {
    let Some(scheme) = scheme.resolve() else { return };
    if scheme.text("type") != Some("oauth2") {
        if requirement.items().next().is_some() {
            let reason = format!("`{name}` is not OAuth 2 and has no scopes.");
            report.add(requirement, Rule::Security, reason, format!("Write `{name}: []`."));
        }
        return;
    }
    for scope in requirement.items() {
        let Some(text) = scope.value.as_str() else { continue };
        let missing = scheme
            .entries_of("flows")
            .find(|(_, flow)| !flow.entries_of("scopes").any(|(declared, _)| declared == text));
        if let Some((flow, _)) = missing {
            let reason = format!("The flow `{flow}` of `{name}` has no scope `{text}`.");
            report.add(
                &scope,
                Rule::Security,
                reason,
                "Declare it in `scopes` of the flow, or name one that is there.",
            );
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
