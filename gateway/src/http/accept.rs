//! `Accept` (RFC 9110, section 12.5.1): whether the caller takes what an operation can answer.

/// Whether one of `produces` is acceptable. No header, or one that cannot be read, means that everything is.
pub(super) fn acceptable(accept: Option<&str>, produces: &[&str]) -> bool {
    let Some(accept) = accept else { return true };
    let accept = accept.trim();
    if produces.is_empty() || accept.is_empty() || accept == "*/*" || produces.contains(&accept) {
        return true;
    }
    produces.iter().any(|produced| quality(accept, produced) > 0)
}

/// The weight of a media type in thousandths; the most specific range decides, not the heaviest.
fn quality(accept: &str, produced: &str) -> u16 {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let produced = essence(produced);
    let (main, _) = produced.split_once('/').unwrap_or((&produced, ""));
    let mut best = (0, 0);
    for range in accept.split(',') {
        let name = essence(range);
        let specific = match name.split_once('/') {
            Some(("*", "*")) => 1,
            Some((area, "*")) if area == main => 2,
            _ if name == produced => 3,
            _ => continue,
        };
        if specific > best.0 {
            best = (specific, weight(range));
        }
    }
    best.1
}

fn weight(range: &str) -> u16 {
    let q = range.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    match q {
        None => 1000,
        // A weight that cannot be read is no reason to refuse.
        Some(q) => {
            q.parse::<f32>().map_or(1000, |q| if q > 0.0 { 1 + (q.min(1.0) * 999.0) as u16 } else { 0 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    #[test]
    fn what_the_caller_takes() {
        let json = ["application/json"];
        for accept in [
            "application/json",
            "*/*",
            "application/*",
            "text/html, */*;q=0.1",
            "Application/JSON; charset=utf-8",
            "",
            "application/json;q=nonsense",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ] {
            assert!(acceptable(Some(accept), &json), "{accept}");
        }
        assert!(acceptable(None, &json));
        assert!(acceptable(Some("text/csv"), &["application/x-ndjson", "text/csv"]));
        assert!(acceptable(Some("text/csv"), &[]), "an answer without a body has no media type");
    }

    #[test]
    fn what_the_caller_does_not_take() {
        for accept in
            ["text/html", "application/xml", "application/json;q=0", "*/*;q=0", "*/*, application/json;q=0.0"]
        {
            assert!(!acceptable(Some(accept), &["application/json"]), "{accept}");
        }
    }
}
