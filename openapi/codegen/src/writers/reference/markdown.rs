//! Markdown of the spec as HTML. The author's own HTML is shown, not obeyed; nothing is fetched; no link runs a script.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A whole text: paragraphs, lists, tables, code. Its headings begin at `top` (1 to 6).
pub(super) fn block(text: &str, top: u8) -> Markup {
    render(text, top)
}

/// One line: what stands in a table cell or beside a name, without a paragraph around it.
pub(super) fn line(text: &str) -> Markup {
    let html = render(text, 6).into_string();
    let html = html.trim();
    let inner = html.strip_prefix("<p>").and_then(|html| html.strip_suffix("</p>"));
    PreEscaped(match inner {
        Some(inner) if !inner.contains("<p>") => inner.to_owned(),
        _ => html.to_owned(),
    })
}

/// The headings of the second level, for the navigation: text and anchor.
pub(super) fn headings(text: &str) -> Vec<(String, String)> {
    let mut headings = Vec::new();
    let mut current: Option<String> = None;
    for event in Parser::new_ext(text, options()) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => current = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(current) = &mut current {
                    current.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => headings.extend(current.take().map(|title| {
                let anchor = anchor(&title);
                (title, anchor)
            })),
            _ => {}
        }
    }
    headings
}

/// A heading's anchor.
pub(super) fn anchor(title: &str) -> String {
    let mut anchor = String::from("about-");
    for character in title.to_lowercase().chars() {
        if character.is_alphanumeric() {
            anchor.push(character);
        } else if !anchor.ends_with('-') {
            anchor.push('-');
        }
    }
    anchor.trim_end_matches('-').to_owned()
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

fn render(text: &str, top: u8) -> Markup {
    let mut titles = headings(text).into_iter();
    let events = Parser::new_ext(text, options()).map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            let id = (level == HeadingLevel::H2)
                .then(|| titles.next())
                .flatten()
                .map(|(_, anchor)| CowStr::from(anchor));
            // Only the introduction has headings that the navigation leads to.
            let id = id.filter(|_| top == 1);
            Event::Start(Tag::Heading { level: lowered(level, top), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lowered(level, top))),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if harmless(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        // The page fetches nothing: an image is its description, linked to where it is.
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = if harmless(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        other => other,
    });
    let mut output = String::new();
    html::push_html(&mut output, events);
    // A wide table scrolls by itself instead of the page.
    PreEscaped(
        output.replace("<table>", "<div class=\"scroll\"><table>").replace("</table>", "</table></div>"),
    )
}

fn lowered(level: HeadingLevel, top: u8) -> HeadingLevel {
    let level = level as usize + usize::from(top).saturating_sub(1);
    HeadingLevel::try_from(level.min(6)).unwrap_or(HeadingLevel::H6)
}

/// Not a scheme that could run something.
fn harmless(url: &str) -> bool {
    match url.split_once(':') {
        Some((scheme, _)) if !scheme.contains(['/', '#', '?']) => {
            ["http", "https", "mailto"].contains(&scheme.trim().to_ascii_lowercase().as_str())
        }
        _ => true,
    }
}
