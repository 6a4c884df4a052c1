/**
 * Form bodies: the engine never holds a body, so they are written here. `openapi/vectors/form.json` holds them to those of the other languages.
 */

import { refuse } from "./settings.js";

/** An object of scalars and arrays of scalars, in JSON, as `application/x-www-form-urlencoded`. Null members are left out. */
export function formOf(operation: string, json: string): Uint8Array {
  const wrong = (reason: string): void => refuse(operation, [`the body cannot be written as a form: ${reason}`], operation);
  const members: unknown = JSON.parse(json);
  if (typeof members !== "object" || members === null || Array.isArray(members)) wrong("it is not an object");
  const pairs = [];
  for (const [name, value] of Object.entries(members as object) as [string, unknown][]) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (item === null) continue;
      if (typeof item === "object") wrong(`member \`${name}\` is neither a scalar nor an array of scalars`);
      pairs.push(`${encoded(name)}=${encoded(String(item))}`);
    }
  }
  return new TextEncoder().encode(pairs.join("&"));
}

/** Percent-encoded but for RFC 3986's unreserved characters. */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
