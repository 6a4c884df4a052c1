//! Colour for snippets, done while the page is written: no script, no library, no flash of plain text. It knows what comments,
//! strings, numbers and keywords look like in the languages of the samples, which is all that a short snippet needs.

use maud::{Markup, PreEscaped, Render};

/// What tells one language from another here.
struct Grammar {
    keywords: &'static [&'static str],
    comment: Option<&'static str>,
    quotes: &'static [char],
    /// A string before a colon is a name.
    keys: bool,
}

fn grammar(lang: &str) -> Grammar {
    match lang {
        "Rust" => Grammar {
            keywords: &[
                "async", "await", "else", "false", "fn", "for", "if", "in", "let", "loop", "match", "mod",
                "move", "mut", "pub", "return", "struct", "true", "use", "while",
            ],
            comment: Some("//"),
            quotes: &['"'],
            keys: false,
        },
        "Python" => Grammar {
            keywords: &[
                "and", "as", "async", "await", "def", "else", "except", "False", "for", "from", "if",
                "import", "in", "None", "not", "or", "print", "raise", "return", "True", "try", "while",
                "with",
            ],
            comment: Some("#"),
            quotes: &['"', '\''],
            keys: false,
        },
        "TypeScript" => Grammar {
            keywords: &[
                "async",
                "await",
                "catch",
                "const",
                "else",
                "false",
                "for",
                "from",
                "if",
                "import",
                "let",
                "new",
                "null",
                "of",
                "return",
                "true",
                "try",
                "undefined",
            ],
            comment: Some("//"),
            quotes: &['"', '\'', '`'],
            keys: false,
        },
        "Shell" => Grammar { keywords: &["curl"], comment: None, quotes: &['"', '\''], keys: false },
        _ => Grammar { keywords: &["true", "false", "null"], comment: None, quotes: &['"'], keys: true },
    }
}

/// The snippet, escaped, in spans of class `s` (string), `n` (number), `k` (keyword), `c` (comment) and `p` (name of a field).
pub(super) fn highlight(lang: &str, text: &str) -> Markup {
    let grammar = grammar(lang);
    let mut output = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (class, length) = token(&grammar, rest, first);
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match class {
            Some(class) => {
                output.push_str("<span class=");
                output.push(class);
                output.push('>');
                token.render_to(&mut output);
                output.push_str("</span>");
            }
            None => token.render_to(&mut output),
        }
        rest = after;
    }
    PreEscaped(output)
}

/// The class and length of the token that `rest` begins with.
fn token(grammar: &Grammar, rest: &str, first: char) -> (Option<char>, usize) {
    if let Some(comment) = grammar.comment.filter(|comment| rest.starts_with(comment)) {
        return (Some('c'), rest.find('\n').unwrap_or(rest.len()).max(comment.len()));
    }
    if grammar.quotes.contains(&first) {
        let length = string(rest, first);
        let key = grammar.keys && rest.get(length..).is_some_and(|after| after.trim_start().starts_with(':'));
        return (Some(if key { 'p' } else { 's' }), length);
    }
    if first.is_ascii_digit() {
        return (Some('n'), run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_'));
    }
    if first.is_alphabetic() || first == '_' || (first == '-' && rest.starts_with("--")) {
        let length = run(rest, |c| c.is_alphanumeric() || c == '_' || c == '-');
        let word = rest.get(..length).unwrap_or_default();
        return (grammar.keywords.contains(&word).then_some('k'), length);
    }
    (None, first.len_utf8())
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The length of the string that `text` begins with, its quotes included.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
