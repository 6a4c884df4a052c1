/**
 * Standard Webhooks: verifying that a delivery is genuine before a byte of it is believed, and signing what is delivered
 * (https://www.standardwebhooks.com, symmetric signatures `v1`). The entry `waypost/webhooks`.
 *
 * Promises: it runs at once (no promise) and everywhere alike: Node, browsers, edge; it needs neither a client nor an engine. Signatures are
 * compared in constant time; a delivery may carry several, and several secrets may be valid, so that a secret is replaced without a gap; a
 * timestamp is refused when it is too old and when it is too far ahead. No error quotes a secret or a signature.
 *
 * @module
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** The header with the message's id: the same on each delivery of a message, for recognising repeats. */
export const ID_HEADER = "webhook-id";
/** The header with the time of the delivery, in seconds since 1970. */
export const TIMESTAMP_HEADER = "webhook-timestamp";
/** The header with the signatures, separated by spaces. */
export const SIGNATURE_HEADER = "webhook-signature";

/** Why a secret is none, or a delivery is refused. */
export type WebhookRefusal = "secret" | "id" | "missing_header" | "timestamp" | "too_old" | "too_new" | "signature" | "payload";

/** A secret that is none, or a delivery that is to be refused (answer 400): `reason` tells why. */
export class WebhookError extends Error {
  /** Why. */
  readonly reason: WebhookRefusal;

  /** Made by {@link Webhook}. */
  constructor(reason: WebhookRefusal, message: string) {
    super(message);
    this.reason = reason;
  }
}
Object.defineProperty(WebhookError.prototype, "name", { value: "WebhookError", configurable: true, writable: true });

/** Settings of a {@link Webhook}. */
export interface WebhookOptions {
  /** How far a delivery's time may be from the clock, either way, in seconds (300). */
  readonly toleranceS?: number | undefined;
  /** The clock, in seconds since 1970. For tests. */
  readonly now?: (() => number) | undefined;
}

/** Headers of a request: a `Headers`, what Node's `http` gives, or an object. Names are matched without regard to case. */
export type WebhookHeaders =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** A delivery that is genuine. */
export interface Delivery<T> {
  /** The message's id: the same when it is delivered again. */
  readonly id: string;
  /** When it was delivered, in seconds since 1970. */
  readonly timestamp: number;
  /** The body, read as JSON. */
  readonly payload: T;
}

/**
 * Verifies deliveries with one or more secrets.
 *
 * ```ts
 * import { Webhook } from "waypost/webhooks";
 *
 * const webhook = new Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
 * const headers = webhook.headers('{"type":"wallet.created"}'); // as a test would send them
 * const { id, payload } = webhook.verify('{"type":"wallet.created"}', headers);
 * ```
 */
export class Webhook {
  /** The newest first. */
  readonly #keys: readonly Uint8Array[];
  readonly #tolerance: number;
  readonly #now: () => number;

  /**
   * @param secrets - as shown when the webhook was made: `whsec_` and base64. Several while a secret is replaced, the newest first: each is
   *   accepted, and signed with.
   * @throws {@link WebhookError} (`secret`) for what is no secret.
   */
  constructor(secrets: string | readonly string[], options: WebhookOptions = {}) {
    this.#keys = (typeof secrets === "string" ? [secrets] : secrets).map(keyOf);
    if (this.#keys.length === 0) throw new WebhookError("secret", "there is no webhook secret; give at least one");
    this.#tolerance = options.toleranceS ?? 300;
    this.#now = options.now ?? (() => Math.floor(Date.now() / 1000));
  }

  /**
   * Is this delivery genuine, and of now? Answers with what it says.
   *
   * @param body - as it came, byte for byte: not parsed and written anew.
   * @throws {@link WebhookError}: why it is to be refused.
   */
  verify<T = unknown>(body: string | Uint8Array, headers: WebhookHeaders): Delivery<T> {
    const { id, timestamp } = this.check(body, headers);
    const text = typeof body === "string" ? body : new TextDecoder().decode(body);
    try {
      return { id, timestamp, payload: JSON.parse(text) as T };
    } catch {
      throw new WebhookError("payload", "the delivery is genuine and its body is no JSON; use `check` for other bodies");
    }
  }

  /** {@link Webhook.verify} for bodies that are not JSON: only the id and the time are read. */
  check(body: string | Uint8Array, headers: WebhookHeaders): Omit<Delivery<never>, "payload"> {
    const [id, timestamp, signatures] = [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER].map((name) => required(headers, name)) as [string, string, string];
    const seconds = Number(timestamp);
    if (!/^\d+$/.test(timestamp) || !Number.isSafeInteger(seconds)) {
      throw new WebhookError("timestamp", "the delivery's timestamp is not a whole number of seconds; refuse it");
    }
    const age = this.#now() - seconds;
    const tolerated = "more than is tolerated; refuse it, or check this machine's clock";
    if (age > this.#tolerance) throw new WebhookError("too_old", `the delivery is ${age} s old, ${tolerated}`);
    if (-age > this.#tolerance) throw new WebhookError("too_new", `the delivery is ${-age} s ahead of the clock, ${tolerated}`);
    const expected = this.#keys.map((key) => signatureOf(key, id, timestamp, body));
    let genuine = 0;
    for (const given of signatures.split(" ")) {
      // Every pair is compared, so the time tells nothing about which one fits.
      for (const one of expected) genuine |= equal(given, one);
    }
    if (genuine === 0) {
      throw new WebhookError(
        "signature",
        "no signature fits: the body was changed on its way (give it as it came, byte for byte), or the secret is another's; refuse it",
      );
    }
    return { id, timestamp: seconds };
  }

  /**
   * The value of {@link SIGNATURE_HEADER}: one signature for each secret, the newest secret's first.
   *
   * @param timestamp - in seconds since 1970.
   * @throws {@link WebhookError} (`id`) when the id cannot be told apart from what follows it.
   */
  sign(id: string, timestamp: number, body: string | Uint8Array): string {
    if (id === "" || id.includes(".")) {
      throw new WebhookError("id", "the message id is empty or holds a full stop, which separates it from the timestamp; choose another");
    }
    return this.#keys.map((key) => signatureOf(key, id, String(timestamp), body)).join(" ");
  }

  /** The three headers of a delivery of this body, for testing a receiver. */
  headers(body: string | Uint8Array, id = "msg_test", timestamp = this.#now()): Record<string, string> {
    return {
      [ID_HEADER]: id,
      [TIMESTAMP_HEADER]: String(timestamp),
      [SIGNATURE_HEADER]: this.sign(id, timestamp, body),
    };
  }
}

function required(headers: WebhookHeaders, name: string): string {
  const value = lookup(headers, name);
  if (value) return value;
  throw new WebhookError("missing_header", `the delivery has no \`${name}\` header; refuse it`);
}

function lookup(headers: WebhookHeaders, name: string): string | undefined {
  if (typeof headers.get === "function") return (headers as { get(name: string): string | null }).get(name) ?? undefined;
  for (const [given, value] of Object.entries(headers as Record<string, string | readonly string[] | undefined>)) {
    if (given.toLowerCase() === name) return typeof value === "string" ? value : value?.join(" ");
  }
  return undefined;
}

function keyOf(secret: string): Uint8Array {
  const encoded = String(secret).replace(/^whsec_/, "");
  // `atob` also takes what the standard does not: blanks, missing padding, stray bits.
  const letters = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && encoded.length % 4 === 0 ? atob(encoded) : "";
  if (letters.length < 24 || letters.length > 64 || btoa(letters) !== encoded) {
    throw new WebhookError("secret", "the webhook secret is not `whsec_` and the base64 of 24 to 64 bytes; copy it as it was shown");
  }
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

function signatureOf(key: Uint8Array, id: string, timestamp: string, body: string | Uint8Array): string {
  const utf8 = new TextEncoder();
  const mac = hmac.create(sha256, key).update(utf8.encode(`${id}.${timestamp}.`));
  const digest = mac.update(typeof body === "string" ? utf8.encode(body) : body).digest();
  return `v1,${btoa(String.fromCharCode(...digest))}`;
}

/** 1 when both are the same text, else 0, in a time that depends on their lengths alone. */
function equal(given: string, expected: string): 0 | 1 {
  let difference = given.length ^ expected.length;
  for (let place = 0; place < expected.length; place++) difference |= given.charCodeAt(place) ^ expected.charCodeAt(place);
  return difference === 0 ? 1 : 0;
}
