//! The pages: plain HTML without a script, everything escaped, framed by nobody, sending forms nowhere but home.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::generated::outcome::Page;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
h1{font-size:1.4rem}label{display:block;margin:.8rem 0 .2rem}input[type=email],input[type=password],input[type=text]{width:100%;box-sizing:border-box;\
font:inherit;padding:.5rem;border:1px solid #888;border-radius:.3rem}button,a.button{display:inline-block;font:inherit;margin:1rem .5rem 0 0;padding:.5rem 1rem;\
border:1px solid #1a4fa0;border-radius:.3rem;background:#1a4fa0;color:#fff;text-decoration:none;cursor:pointer}button.quiet,a.quiet{background:#fff;color:#1a4fa0}\
p.wrong{border-left:.3rem solid #b00020;padding-left:.7rem}ul{padding-left:1.2rem}code{overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}input{background:#222;color:#eee}button.quiet,a.quiet{background:#161616;color:#9bc0ff}}";

/// The page's only style, by its hash, so that no other runs.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// A page. `body` is HTML already; `title` is text.
pub(crate) fn page(status: StatusCode, title: &str, body: &str) -> Page {
    page_that_leads_to(status, title, body, "")
}

/// A page whose form ends elsewhere, after a redirect of ours: browsers hold redirects to `form-action` as well. `target` is a source of that policy.
pub(crate) fn page_that_leads_to(status: StatusCode, title: &str, body: &str, target: &str) -> Page {
    let title = escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Waypost</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'self' {target}; base-uri 'none'; frame-ancestors 'none'",
        *STYLE_SOURCE
    );
    Page::new(status, html)
        .header(header::CONTENT_SECURITY_POLICY, &policy)
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
}

/// A page that says what went wrong. `detail` is text.
pub(crate) fn failure(status: StatusCode, title: &str, detail: &str) -> Page {
    page(status, title, &format!("<p class=\"wrong\">{}</p>", escaped(detail)))
}

/// A hidden field.
pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
}

/// Text as HTML, in an element or in a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // What turns the direction of writing could make one address look like another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                // Writing to a String cannot fail.
                let _ = write!(html, "&lt;U+{:04X}&gt;", u32::from(letter));
            }
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_becomes_html() {
        assert_eq!(escaped("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
        assert_eq!(escaped("a\u{202e}b"), "a&lt;U+202E&gt;b");
        let page = failure(StatusCode::BAD_REQUEST, "<script>", "</main><script>alert(1)</script>");
        assert!(!page.html.contains("<script"), "{}", page.html);
    }

    #[test]
    fn a_page_runs_no_script_and_is_framed_by_nobody() {
        let page = page(StatusCode::OK, "x", "");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers[header::X_FRAME_OPTIONS], "DENY");
    }
}
