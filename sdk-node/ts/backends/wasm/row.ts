/** Operations: as they are described to the engine, and as it knows them. */

import type { Told } from "@waypost/wasm";
import type { OperationDescription } from "../../backend.js";
import type { Row } from "./drive.js";

const PLACES = { path: "/", query: "?", header: "#" } as const;

/** An operation as the engine tells of it: its properties are bits of a number (`sdk-wasm/src/engine.rs`). */
export function rowOf(id: string, { number, first, text }: Told): Row {
  return { id, number, method: text, retry: first & 3, json: (first & 4) !== 0, kept: (first & 8) !== 0, form: (first & 16) !== 0 };
}

/** A row of the operation table, as `Operation::read` of the crate `waypost` has it. */
export function packed({ method = "GET", path = "/", parameters = [], body = "none", retry = "safe", idempotency_key, security = [], result = "json" }: OperationDescription, id: string): string {
  const key = idempotency_key === true ? "+key" : "";
  const kind = typeof result === "object" ? result.join(",") : result === "text" ? "text:text/plain" : result;
  const schemes = security.map((all) => all.join("+")).join(",");
  const places = parameters.map(({ name, in: place, required }) => `${PLACES[place]}${name}${required === true ? "!" : ""}`);
  return [id, method, path, retry + key, body, kind, schemes, ...places].join("\t");
}
