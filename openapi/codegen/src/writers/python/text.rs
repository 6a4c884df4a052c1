//! Texts of the spec in Python: string literals, and docstrings that are filled to the line's width and can hold anything.

use serde_json::Value;

use super::code::{Code, WIDTH};

/// A string literal in double quotes, or in single ones if that spares escapes.
pub(in crate::writers) fn literal(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    let mut output = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            other if other == quote => output.push_str(&format!("\\{quote}")),
            other => push_visible(&mut output, other),
        }
    }
    output.push(quote);
    output
}

/// JSON as Python spells it.
pub(in crate::writers) fn plain(value: &Value) -> Code {
    match value {
        Value::Null => Code::text("None"),
        Value::Bool(true) => Code::text("True"),
        Value::Bool(false) => Code::text("False"),
        Value::Number(number) => Code::text(number.to_string()),
        Value::String(text) => Code::text(literal(text)),
        Value::Array(values) => Code::group("[", values.iter().map(plain).collect(), "]"),
        Value::Object(map) => {
            let entries =
                map.iter().map(|(key, value)| plain(value).prefixed(&format!("{}: ", literal(key))));
            Code::group("{", entries.collect(), "}")
        }
    }
}

/// A regular expression as a literal: raw, where that is possible.
pub(super) fn pattern(text: &str) -> String {
    let plain = text.chars().all(|c| (' '..='~').contains(&c) && c != '"') && !text.ends_with('\\');
    if plain && text.contains('\\') { format!("r\"{text}\"") } else { literal(text) }
}

/// A character as it is, unless one could not see it, or it would turn the line around.
fn push_visible(output: &mut String, character: char) {
    let hidden = character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    match u32::from(character) {
        code if hidden && code < 0x100 => output.push_str(&format!("\\x{code:02x}")),
        code if hidden && code < 0x1_0000 => output.push_str(&format!("\\u{code:04x}")),
        _ => output.push(character),
    }
}

/// A docstring at this indent, with a line break at its end. Lines of the text that are already as they should be (examples, tables)
/// are kept; paragraphs must have been filled by [`fill`].
pub(super) fn docstring(indent: usize, lines: &[String]) -> String {
    let pad = " ".repeat(indent);
    let mut lines: Vec<String> = lines.iter().map(|line| escaped(line.trim_end())).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let Some(first) = lines.first().cloned() else { return format!("{pad}\"\"\"No description.\"\"\"\n") };
    if lines.len() == 1 && indent + first.chars().count() + 6 <= WIDTH && !first.ends_with('"') {
        return format!("{pad}\"\"\"{first}\"\"\"\n");
    }
    let mut output = format!("{pad}\"\"\"{first}\n");
    for line in lines.iter().skip(1) {
        output.push_str(&if line.is_empty() { "\n".to_owned() } else { format!("{pad}{line}\n") });
    }
    output.push_str(&format!("{pad}\"\"\"\n"));
    output
}

fn escaped(line: &str) -> String {
    let mut output = String::new();
    for character in line.chars() {
        match character {
            '\\' => output.push_str("\\\\"),
            '\t' => output.push_str("    "),
            other => push_visible(&mut output, other),
        }
    }
    let output = output.replace("\"\"\"", "\\\"\\\"\\\"");
    // A quote at either end would join the quotes of the docstring.
    match output.strip_prefix('"') {
        Some(rest) => format!("\\\"{rest}"),
        None => output,
    }
}

/// A docstring of a text: on one line if it fits, else filled.
pub(super) fn doc(indent: usize, markdown: &str) -> String {
    let columns = WIDTH - indent;
    let lines = fill(markdown, "", columns - 3);
    // One line that leaves no room for the quotes behind it becomes two.
    let lines = if lines.len() == 1 { fill(markdown, "", columns - 6) } else { lines };
    docstring(indent, &lines)
}

/// Markdown as lines of at most this many columns, each after the indent (which counts): paragraphs are filled, lists keep their items, code and
/// tables stay as they are.
pub(super) fn fill(markdown: &str, indent: &str, columns: usize) -> Vec<String> {
    let mut output: Vec<String> = Vec::new();
    let mut paragraph = String::new();
    let mut hanging = "";
    let mut fenced = false;
    let flush = |paragraph: &mut String, hanging: &str, output: &mut Vec<String>| {
        if !paragraph.is_empty() {
            let first = output.len();
            output.extend(wrapped(paragraph, columns.saturating_sub(indent.len()), hanging));
            for line in output.iter_mut().skip(first) {
                line.insert_str(0, indent);
            }
            paragraph.clear();
        }
    };
    for line in markdown.trim().lines() {
        let bare = line.trim();
        let fence = bare.starts_with("```") || bare.starts_with("~~~");
        let kept =
            fenced || fence || bare.starts_with('|') || bare.starts_with('#') || line.starts_with("    ");
        if bare.is_empty() || kept {
            flush(&mut paragraph, hanging, &mut output);
            output.push(if bare.is_empty() { String::new() } else { format!("{indent}{}", line.trim_end()) });
            fenced ^= fence;
            hanging = "";
            continue;
        }
        let item = bare.starts_with("- ") || bare.starts_with("* ");
        if item {
            flush(&mut paragraph, hanging, &mut output);
            hanging = "  ";
        }
        if !paragraph.is_empty() {
            paragraph.push(' ');
        }
        paragraph.push_str(bare);
    }
    flush(&mut paragraph, hanging, &mut output);
    while output.last().is_some_and(String::is_empty) {
        output.pop();
    }
    output
}

/// `name: text`, as Google's style has an argument or an error: the lines after the first are indented once more.
pub(super) fn entry(name: &str, text: &str, columns: usize) -> Vec<String> {
    let text = text.trim();
    let mut blocks = text.splitn(2, "\n\n");
    let first = blocks.next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = wrapped(&format!("{name}: {first}"), columns - 4, "    ")
        .into_iter()
        .map(|line| format!("    {line}"))
        .collect();
    if let Some(rest) = blocks.next() {
        lines.push(String::new());
        lines.extend(fill(rest, "        ", columns));
    }
    lines
}

/// Words on lines of at most so many columns; code in backticks is not torn apart.
fn wrapped(text: &str, columns: usize, hanging: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::replace(&mut line, hanging.to_owned()));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// The words; what stands in backticks is one, if it is not too long.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    for word in text.split_whitespace() {
        let odd = word.matches('`').count() % 2 == 1;
        match open.take() {
            Some(code) if odd => words.push(format!("{code} {word}")),
            Some(code) if code.len() > 40 => {
                words.push(code);
                words.push(word.to_owned());
            }
            Some(code) => open = Some(format!("{code} {word}")),
            None if odd => open = Some(word.to_owned()),
            None => words.push(word.to_owned()),
        }
    }
    words.extend(open);
    words
}

#[cfg(test)]
mod tests {
    //! No text of a spec ends a literal or a docstring, and every paragraph is filled.

    use super::*;

    #[test]
    fn a_literal_holds_anything() {
        assert_eq!(literal("a\"b\\\n\u{0}\u{202e}ß"), r#"'a"b\\\n\x00\u202eß'"#);
        assert_eq!(literal("a\"b'"), r#""a\"b'""#);
        assert_eq!(pattern(r"^\d$"), "r\"^\\d$\"");
        assert_eq!(pattern("a\"\\d"), r#"'a"\\d'"#);
    }

    #[test]
    fn a_docstring_holds_anything() {
        let text = docstring(4, &["\"a\"".to_owned()]);
        assert_eq!(text, "    \"\"\"\\\"a\"\n    \"\"\"\n");
        assert_eq!(docstring(0, &["a \"\"\" \\ b".to_owned()]), "\"\"\"a \\\"\\\"\\\" \\\\ b\"\"\"\n");
    }

    #[test]
    fn paragraphs_are_filled_and_lists_code_and_tables_stay() {
        let text = "one two\nthree four five\n\n- a b c d e f\n- g\n\n| a |\n\n    code  x";
        assert_eq!(
            fill(text, "", 14),
            ["one two three", "four five", "", "- a b c d e f", "- g", "", "| a |", "", "    code  x"]
        );
        assert_eq!(fill("`a b` `c d`", "  ", 8), ["  `a b`", "  `c d`"]);
    }

    #[test]
    fn an_entry_hangs_under_its_name() {
        assert_eq!(entry("limit", "How many\nof them.", 20), ["    limit: How many", "        of them."]);
    }
}
