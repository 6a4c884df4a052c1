/** When an expectation of a vector holds: the rules of `openapi/vectors/README.md`. */

/** Everything in which an outcome differs from what is expected; empty: it holds. */
export function differences(expected: unknown, outcome: unknown, at = "outcome"): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(outcome)) return [`${at} is ${shown(outcome)}, expected ${shown(expected)}`];
    if (outcome.length !== expected.length) return [`${at} has ${outcome.length} items (${shown(outcome)}), expected ${expected.length}`];
    return expected.flatMap((item, place) => differences(item, outcome[place], `${at}[${place}]`));
  }
  if (typeof expected !== "object" || expected === null) {
    return Object.is(expected, outcome) ? [] : [`${at} is ${shown(outcome)}, expected ${shown(expected)}`];
  }
  const rule = expected as Record<string, unknown>;
  if (typeof outcome === "number" && ("min" in rule || "max" in rule)) {
    const { min = -Infinity, max = Infinity } = rule as { min?: number; max?: number };
    return outcome >= min && outcome <= max ? [] : [`${at} is ${outcome}, expected ${shown(rule)}`];
  }
  if (typeof outcome === "string" && ("mentions" in rule || "omits" in rule)) {
    const { mentions = [], omits = [] } = rule as { mentions?: string[]; omits?: string[] };
    return [
      ...mentions.filter((word) => !outcome.includes(word)).map((word) => `${at} does not mention ${shown(word)}: ${outcome}`),
      ...omits.filter((word) => outcome.includes(word)).map((word) => `${at} holds ${shown(word)}: ${outcome}`),
    ];
  }
  if (typeof outcome !== "object" || outcome === null) return [`${at} is ${shown(outcome)}, expected ${shown(expected)}`];
  return Object.entries(rule).flatMap(([name, value]) => differences(value, (outcome as Record<string, unknown>)[name], `${at}.${name}`));
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "absent";
}
