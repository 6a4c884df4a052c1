/**
 * Reading `text/event-stream` (HTML Living Standard, section 9.2) from pieces that are cut anywhere, also inside of a character or between
 * CR and LF.
 *
 * @module
 */

/** An event, its data as text. */
export interface RawEvent {
  /** What it is; empty where the server did not say (which means `message`). */
  event: string;
  /** What it says; several data lines are joined by line breaks. */
  data: string;
  /** The last id that the stream gave, to resume after. */
  id: string | undefined;
  /** How long the server wants a reader to wait before it comes again, in milliseconds, where it said so. */
  retry: number | undefined;
}

/** Turns pieces into events. What a stream's end leaves incomplete is no event. */
export class EventParser {
  readonly #decoder = new TextDecoder();
  readonly #limit: number;
  #rest = "";
  #afterCr = false;
  #id: string | undefined;
  #event = "";
  #data: string | undefined;
  #retry: number | undefined;

  /** A parser that refuses an event of more than `limit` characters. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The events that this piece completes. Throws a `RangeError` when an event grows over the limit. */
  *push(piece: Uint8Array): Generator<RawEvent, void, undefined> {
    let text = this.#decoder.decode(piece, { stream: true });
    // A line break that ends the piece before may have been the first half of this one's.
    if (this.#afterCr && text.startsWith("\n")) text = text.slice(1);
    if (text !== "") this.#afterCr = text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    lines[0] = this.#rest + (lines[0] ?? "");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = this.#line(line);
      if (event !== undefined) yield event;
      this.#check();
    }
    this.#check();
  }

  #check(): void {
    if (this.#rest.length + (this.#data?.length ?? 0) > this.#limit) {
      throw new RangeError(`an event is larger than ${this.#limit} characters`);
    }
  }

  #line(line: string): RawEvent | undefined {
    if (line === "") {
      const made = { event: this.#event, data: this.#data ?? "", id: this.#id, retry: this.#retry };
      const complete = this.#data !== undefined;
      this.#event = "";
      this.#data = this.#retry = undefined;
      return complete ? made : undefined;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#retry = Number(value);
    return undefined;
  }
}
