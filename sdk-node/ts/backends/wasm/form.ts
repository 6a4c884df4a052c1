/**
 * Forms of operations that are described at run time: the engine never holds a body, so they are written here.
 */

import { CallFailed, type OperationDescription } from "../../backend.js";

const FORM = "application/x-www-form-urlencoded";

/** Whether bodies of the operation come as JSON and are sent as a form. */
export function isForm({ body }: OperationDescription): boolean {
  return body === "form";
}

/** The description as the engine takes it: a form is bytes to it. */
export function forEngine(operation: OperationDescription, id: string): object {
  return { ...operation, id, ...(isForm(operation) && { body: FORM }) };
}

/** An object of scalars and arrays of scalars, in JSON, as `application/x-www-form-urlencoded`. Null members are left out. */
export function formOf(operation: string, json: string): Uint8Array {
  const members: unknown = JSON.parse(json);
  if (typeof members !== "object" || members === null || Array.isArray(members)) throw refused(operation, "it is not an object");
  const pairs = [];
  for (const [name, value] of Object.entries(members) as [string, unknown][]) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (item === null) continue;
      if (typeof item === "object") throw refused(operation, `member \`${name}\` is neither a scalar nor an array of scalars`);
      pairs.push(`${encoded(name)}=${encoded(String(item))}`);
    }
  }
  return new TextEncoder().encode(pairs.join("&"));
}

/** Percent-encoded but for RFC 3986's unreserved characters. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function refused(operation: string, reason: string): CallFailed {
  return new CallFailed({ kind: "config", message: `${operation}: the body cannot be written as a form: ${reason}`, operation, attempts: [] });
}
