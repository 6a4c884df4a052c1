//! The table that all parts write into, line by line.

/// What a figure is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    most: f64,
    unit: &'static str,
    holds: bool,
}

impl Goal {
    /// That `value` is at most `most`.
    pub(crate) fn at_most(value: f64, most: f64, unit: &'static str) -> Self {
        Self { most, unit, holds: value <= most }
    }
}

/// What stands above all lines.
pub(crate) fn head() {
    println!("{:<58} {:>14} {:>12} {:>10}", "", "measured", "beside nginx", "goal");
}

/// One line: a figure with its unit, how many times nginx's it is, and the goal.
pub(crate) fn line(what: &str, (value, unit): (f64, &str), beside: Option<f64>, goal: Option<Goal>) {
    let shown = if value >= 100.0 { format!("{value:.0} {unit}") } else { format!("{value:.2} {unit}") };
    let beside = beside.map_or_else(String::new, |ratio| format!("{ratio:.2}x"));
    let (goal, verdict) = match goal {
        Some(goal) => (format!("{}{}", goal.most, goal.unit), if goal.holds { "holds" } else { "MISSED" }),
        None => (String::new(), ""),
    };
    println!("{what:<58} {shown:>14} {beside:>12} {goal:>10} {verdict}");
}

/// What a part leaves out, and why.
pub(crate) fn left_out(what: &str, why: &str) {
    println!("{what:<58} {why}");
}
