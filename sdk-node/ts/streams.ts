/**
 * Answers that are read while they come: bytes, and server-sent events.
 *
 * Promises: the request ends when the reader stops (`break`, `return`, an error, `cancel`), so nothing is downloaded that nobody wants; a
 * stream that breaks ends with a typed error.
 *
 * @module
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { AnswerStream } from "./backend.js";
import { ApiPromise, responseInfo, type ResponseInfo } from "./promise.js";
import { EventParser } from "./sse.js";

/** What a stream is read through: the answer, and how its failures become errors of the SDK. */
export interface Source {
  /** The engine's stream. */
  readonly answer: AnswerStream;
  /** The error to throw for what the engine threw. */
  failed(error: unknown): unknown;
  /** The error of an answer that is not what the operation promises. */
  broken(message: string): Error;
  /** The largest answer that is read into memory, in bytes. */
  readonly limit: number;
}

abstract class StreamOf<T> implements AsyncIterable<T> {
  readonly #source: Source;
  #taken = false;

  /** Made by the client. */
  constructor(source: Source) {
    this.#source = source;
  }

  /** How the answer came. */
  get response(): ResponseInfo {
    return responseInfo(this.#source.answer.details());
  }

  /** Ends the request. After the end it does nothing. */
  cancel(): void {
    this.#taken = true;
    this.#source.answer.cancel();
  }

  /** Ends the request: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  abstract [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined>;

  /** The pieces, as they come. Once. */
  protected async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#taken) throw new TypeError("this stream was read or cancelled already; make the call again");
    this.#taken = true;
    const { answer } = this.#source;
    try {
      for (let piece = await answer.next(); piece !== undefined; piece = await answer.next()) yield piece;
    } catch (error) {
      throw this.#source.failed(error);
    } finally {
      answer.cancel();
    }
  }

  /** See {@link Source}. */
  protected get source(): Source {
    return this.#source;
  }
}

/** Bytes, as they come. */
export class ByteStream extends StreamOf<Uint8Array> {
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return this.pieces();
  }

  /** All of it, in memory. */
  async bytes(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of this.pieces()) {
      length += piece.length;
      if (length > this.source.limit) throw this.source.broken(`the answer is larger than ${this.source.limit} bytes; read it piece by piece`);
      pieces.push(piece);
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** All of it as text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Line by line, without the line breaks: for CSV and JSON lines. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const piece of this.pieces()) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    rest += decoder.decode();
    if (rest !== "") yield rest;
  }

  /** As a `ReadableStream`, for a `Response`, a file or a pipe. */
  readable(): ReadableStream<Uint8Array> {
    const pieces = this.pieces();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => this.cancel(),
    });
  }
}

/** An event of a stream. */
export interface ServerEvent<T> {
  /** What it is; empty where the server did not say. */
  readonly event: string;
  /** What it says. */
  readonly data: T;
  /** The last id that the stream gave: to resume, make the call again with the header `last-event-id`. */
  readonly id: string | undefined;
  /** How long the server wants a reader to wait before it comes again, in milliseconds, where it said so. */
  readonly retry: number | undefined;
}

/** Server-sent events, as they come. */
export class EventStream<T> extends StreamOf<ServerEvent<T>> {
  async *[Symbol.asyncIterator](): AsyncGenerator<ServerEvent<T>, void, undefined> {
    const parser = new EventParser(this.source.limit);
    for await (const piece of this.pieces()) {
      try {
        for (const event of parser.push(piece)) yield { ...event, data: dataOf(event.data) as T };
      } catch (error) {
        throw error instanceof RangeError ? this.source.broken(error.message) : error;
      }
    }
  }
}

/** An event's data: JSON, and where it is none text, for a stream of plain text. */
function dataOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

/**
 * Bytes that come: iterate over it, or `await` it for a {@link ByteStream}.
 *
 * ```ts
 * for await (const piece of client.wallets.statement(id)) file.write(piece);
 * const csv = await client.wallets.statement(id, { format: "csv" }).text();
 * ```
 */
export class BytesPromise extends ApiPromise<ByteStream> implements AsyncIterable<Uint8Array> {
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    yield* await this;
  }

  /** All of it, in memory. */
  async bytes(): Promise<Uint8Array> {
    return (await this).bytes();
  }

  /** All of it as text. */
  async text(): Promise<string> {
    return (await this).text();
  }

  /** Line by line, without the line breaks: for CSV and JSON lines. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    yield* (await this).lines();
  }
}

/**
 * Events that come: iterate over it, or `await` it for an {@link EventStream}.
 *
 * ```ts
 * for await (const { event, data } of client.events.stream()) console.log(event, data);
 * ```
 */
export class EventsPromise<T> extends ApiPromise<EventStream<T>> implements AsyncIterable<ServerEvent<T>> {
  async *[Symbol.asyncIterator](): AsyncGenerator<ServerEvent<T>, void, undefined> {
    yield* await this;
  }
}
