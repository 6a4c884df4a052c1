/**
 * Log lines of a client: one an event, a message and its fields.
 *
 * Promises: no credential, body or query value is ever in a line; a logger that throws does not break the call.
 *
 * @module
 */

import { isWaypostError, type Attempt } from "./errors.js";
import type { Middleware } from "./middleware.js";
import { redactUrl } from "./redact.js";

/** How much is logged: nothing; calls that failed; and attempts that were tried again; and calls; and attempts; and their headers, redacted. */
export type LogLevel = "off" | "error" | "warn" | "info" | "debug" | "trace";

/** Where log lines go. `console` is one. */
export interface Logger {
  /** A call failed. */
  error(message: string, fields: object): void;
  /** An attempt failed and was made again. */
  warn(message: string, fields: object): void;
  /** A call ended well. */
  info(message: string, fields: object): void;
  /** An attempt began or ended. */
  debug(message: string, fields: object): void;
}

const LEVELS: readonly LogLevel[] = ["off", "error", "warn", "info", "debug", "trace"];

/** The log of a client. */
export class Log {
  readonly #logger: Logger;
  readonly #level: number;

  /** `undefined` when nothing is to be logged. Throws a `TypeError` for a level that is none. */
  static of(logger: Logger | undefined, level: string | undefined, variable: string | undefined): Log | undefined {
    const word = level ?? (variable || undefined)?.toLowerCase() ?? (logger === undefined ? "off" : "info");
    const found = LEVELS.indexOf(word as LogLevel);
    // A wrong word of the environment is reported by the engine, together with all other mistakes there.
    if (found < 0 && level !== undefined) throw new TypeError(`Waypost: \`logLevel\` must be one of ${LEVELS.join(", ")}`);
    return found > 0 ? new Log(logger ?? console, found) : undefined;
  }

  private constructor(logger: Logger, level: number) {
    this.#logger = logger;
    this.#level = level;
  }

  /** Writes a line if the level asks for it. */
  write(level: Exclude<LogLevel, "off">, message: string, fields: object): void {
    const place = LEVELS.indexOf(level);
    if (place > this.#level) return;
    try {
      this.#logger[level === "trace" ? "debug" : level](`waypost: ${message}`, fields);
    } catch {
      // A log that fails is no reason for a call to fail.
    }
  }

  /** A call that ended well. */
  done(operation: string, since: number, attempts: () => readonly Attempt[], status: number): void {
    if (this.#level < LEVELS.indexOf("warn")) return;
    const made = attempts();
    this.#retries(operation, made.slice(0, -1));
    this.write("info", `${operation} answered ${status}`, { operation, status, attempts: made.length, durationMs: Date.now() - since });
  }

  /** A call that failed. */
  failed(operation: string, since: number, error: unknown): void {
    const fields = { operation, durationMs: Date.now() - since };
    if (!isWaypostError(error)) {
      this.write("error", `${operation} was ended by a ${error instanceof Error ? error.name : typeof error}`, fields);
      return;
    }
    const { kind, status, code, requestId, attempts } = error;
    this.#retries(operation, attempts.slice(0, -1));
    this.write("error", `${operation} failed: ${error.message}`, { ...fields, kind, status, code, requestId, attempts: attempts.length });
  }

  /** What makes lines of attempts, while they happen; `undefined` where the level does not ask for them. */
  middleware(): Middleware | undefined {
    if (this.#level < LEVELS.indexOf("debug")) return undefined;
    const traced = (headers: { toJSON(): object }): object => (this.#level >= LEVELS.indexOf("trace") ? { headers: headers.toJSON() } : {});
    return {
      request: ({ operation, attempt, method, url, headers }) => {
        this.write("debug", `${operation} attempt ${attempt} sent`, { operation, attempt, method, url: redactUrl(url), ...traced(headers) });
      },
      response: ({ operation, attempt, status, elapsedMs, headers }) => {
        this.write("debug", `${operation} attempt ${attempt} answered ${status}`, { operation, attempt, status, elapsedMs, ...traced(headers) });
      },
      failure: ({ operation, attempt, cause, elapsedMs }) => {
        this.write("debug", `${operation} attempt ${attempt} failed: ${cause}`, { operation, attempt, cause, elapsedMs });
      },
    };
  }

  #retries(operation: string, attempts: readonly Attempt[]): void {
    for (const { number, status, cause, durationMs } of attempts) {
      this.write("warn", `${operation} attempt ${number} failed and was made again`, { operation, attempt: number, status, cause, durationMs });
    }
  }
}
