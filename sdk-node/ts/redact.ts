/**
 * What must never be printed, and what is printed instead: the engine's list, for what the facade prints itself.
 *
 * @module
 */

/** Stands where a secret was. */
export const REDACTED = "[redacted]";

const WITHIN = /authorization|cookie|token|secret|password|passphrase|apikey|signature|credential/;
const WHOLE = /^(?:idempotencykey|code|key|assertion|codeverifier)$/;

/** Is this the name of a header, parameter or member whose value is a secret? Case, `-` and `_` do not matter. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, "");
  return WITHIN.test(plain) || WHOLE.test(plain);
}

/** A header's value as it may be printed. */
export function redactHeader(name: string, value: string): string {
  return isSecretName(name) ? REDACTED : value;
}

/** A URL as it may be printed: without user information, and with the names of its query but not their values. */
export function redactUrl(url: string): string {
  const question = url.indexOf("?");
  const rest = question < 0 ? url : url.slice(0, question);
  // Greedy: the last `@` of the authority ends the user information.
  const printed = rest.replace(/^([^/]*:\/\/)[^/]*@/, `$1${REDACTED}@`);
  if (question < 0) return printed;
  const pairs = url.slice(question + 1).split("&");
  return `${printed}?${pairs.map((pair) => pair.replace(/=.*$/s, `=${REDACTED}`)).join("&")}`;
}
