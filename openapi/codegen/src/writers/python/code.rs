//! Python code that is laid out as black would: on one line where it fits, else one element a line with a comma behind each.

/// Columns of a line.
pub(in crate::writers) const WIDTH: usize = 100;

/// An expression, a signature, a statement with brackets: text, brackets with elements, text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::writers) struct Code {
    before: String,
    inside: Option<Inside>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inside {
    elements: Vec<Code>,
    close: &'static str,
    /// A tuple of one needs its comma on one line too.
    tuple: bool,
    after: String,
}

impl Code {
    /// What is never broken.
    pub(in crate::writers) fn text(text: impl Into<String>) -> Self {
        Self { before: text.into(), inside: None }
    }

    /// `before` ends with the opening bracket that `close` closes.
    pub(in crate::writers) fn group(
        before: impl Into<String>,
        elements: Vec<Code>,
        close: &'static str,
    ) -> Self {
        let inside = Inside { elements, close, tuple: false, after: String::new() };
        Self { before: before.into(), inside: Some(inside) }
    }

    /// `(a, b)`, `(a,)`, `()`.
    pub(in crate::writers) fn tuple(elements: Vec<Code>) -> Self {
        let inside = Inside { elements, close: ")", tuple: true, after: String::new() };
        Self { before: "(".into(), inside: Some(inside) }
    }

    /// With text before it.
    pub(in crate::writers) fn prefixed(mut self, prefix: &str) -> Self {
        self.before.insert_str(0, prefix);
        self
    }

    /// With text after it.
    pub(in crate::writers) fn suffixed(mut self, suffix: &str) -> Self {
        match &mut self.inside {
            Some(inside) => inside.after.push_str(suffix),
            None => self.before.push_str(suffix),
        }
        self
    }

    /// On one line.
    pub(in crate::writers) fn flat(&self) -> String {
        let Some(Inside { elements, close, tuple, after }) = &self.inside else {
            return self.before.clone();
        };
        let elements: Vec<String> = elements.iter().map(Code::flat).collect();
        let comma = if *tuple && elements.len() == 1 { "," } else { "" };
        format!("{}{}{comma}{close}{after}", self.before, elements.join(", "))
    }

    /// At this indent, without a line break at its end.
    pub(in crate::writers) fn lines(&self, indent: usize) -> String {
        let (mut output, room) = (String::new(), WIDTH);
        self.put(indent, room, &mut output);
        output
    }

    fn put(&self, indent: usize, room: usize, output: &mut String) {
        let flat = self.flat();
        output.push_str(&" ".repeat(indent));
        match &self.inside {
            Some(Inside { elements, close, after, .. })
                if indent + flat.chars().count() > room && !elements.is_empty() =>
            {
                output.push_str(&self.before);
                output.push('\n');
                for element in elements {
                    // `*` alone, and what stands before it, take their commas like all others; one column is the comma's.
                    element.put(indent + 4, WIDTH - 1, output);
                    output.push_str(",\n");
                }
                output.push_str(&" ".repeat(indent));
                output.push_str(close);
                output.push_str(after);
            }
            _ => output.push_str(&flat),
        }
    }
}

/// A call or signature: `name(elements)`.
pub(in crate::writers) fn call(name: &str, elements: Vec<Code>) -> Code {
    Code::group(format!("{name}("), elements, ")")
}

#[cfg(test)]
mod tests {
    //! What fits stays on its line; what does not is broken from the outside in.

    use super::*;

    #[test]
    fn what_fits_stays_on_one_line() {
        let code = call("f", vec![Code::text("a"), Code::tuple(vec![Code::text("b")])]).suffixed(" + 1");
        assert_eq!(code.lines(4), "    f(a, (b,)) + 1");
    }

    #[test]
    fn what_does_not_fit_is_broken_from_the_outside_in() {
        let long = "x".repeat(60);
        let inner = call("g", vec![Code::text(&long), Code::text("y")]).prefixed("key=");
        let code = call("f", vec![inner, Code::text(&long)]).prefixed("value = ");
        assert_eq!(code.lines(0), format!("value = f(\n    key=g({long}, y),\n    {long},\n)"));
    }
}
