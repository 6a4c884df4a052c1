//! `proxy match`: which route a request would take, and why, from the file alone.

use std::fmt::Write as _;

use waypost_proxy::Proxy;
use waypost_types::{RouteAnswer, RouteCandidate, RouteVerdict};

use super::arguments::{MatchArguments, Output};
use super::{CliError, print};
use crate::config::Config;
use crate::data_plane::{File, Plan};
use crate::routes::question;

/// Answers for the file of the settings.
pub(super) fn matching(config: &Config, arguments: &MatchArguments) -> Result<(), CliError> {
    let file = config.proxy.as_deref().map(File::read).transpose().map_err(CliError::Proxy)?;
    let plan = Plan::new(file, config);
    let headers = arguments.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let head = question::head(&arguments.method, &arguments.url, headers);
    let head = head.map_err(|(field, detail)| CliError::Arguments(vec![format!("{field}: {detail}")]))?;
    let proxy = Proxy::new(plan.first(), None).map_err(|faults| CliError::Proxy(plan.faulty(faults)))?;
    let answer = question::answer(proxy.explain(head));
    match arguments.output {
        Output::Text => print(&text(&answer)),
        Output::Json => {
            let json = serde_json::to_string_pretty(&answer);
            print(&format!(
                "{}\n",
                json.map_err(|error| CliError::failed("writing the answer")(error.into()))?
            ));
        }
    }
    Ok(())
}

fn text(answer: &RouteAnswer) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: Option<&str>| {
        let _ = value.map(|value| writeln!(text, "{name:<9}{value}"));
    };
    line("route", answer.route.as_deref().or(Some("none")));
    line("refused", answer.refusal.as_deref());
    line("service", answer.service.as_deref());
    line("version", answer.version.as_deref());
    line("path", answer.path.as_deref());
    line("sees", answer.service_path.as_deref());
    let width = answer.candidates.iter().map(|candidate| candidate.route.len()).max().unwrap_or(0);
    for candidate in &answer.candidates {
        let _ = writeln!(text, "  {:<width$}  {}", candidate.route, reason(candidate));
    }
    text
}

fn reason(candidate: &RouteCandidate) -> String {
    let accepts = || candidate.accepts.as_deref().unwrap_or_default().join(", ");
    let subject = || candidate.subject.as_deref().unwrap_or_default();
    match &candidate.verdict {
        RouteVerdict::Taken => "takes it".to_owned(),
        RouteVerdict::Outranked => {
            format!("would take it, but {} comes first", candidate.by.as_deref().unwrap_or_default())
        }
        RouteVerdict::Host => "is for another host".to_owned(),
        RouteVerdict::Path => "is for another path".to_owned(),
        RouteVerdict::Method => format!("takes {}", accepts()),
        RouteVerdict::Version => format!("serves {}", accepts()),
        RouteVerdict::Header => format!("wants the header {}", subject()),
        RouteVerdict::Query => format!("wants the query parameter {}", subject()),
        other => other.as_str().to_owned(),
    }
}
