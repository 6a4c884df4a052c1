// The functions of `src/lib.rs` by name: numbers go as arguments, texts as UTF-8 into the module's memory.
//
// Written by hand because there is so little of it: a bindings generator would bring four times the code, a class for each type and a tool of a very
// version. Nothing here asks the host for anything but `WebAssembly`, `TextEncoder` and `TextDecoder`, which every runtime has.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Ends a text, and stands for one that is not there: no UTF-8 holds these bytes. */
const END = 0xff;
const ABSENT = 0xfe;
const NOTHING = new Uint8Array();

/** One instance of the module. Views of its memory and addresses in it are kept: asking for them anew costs a call more than its work. */
export class Engine {
  #exports;
  /** Its memory; without length once that has grown. */
  #bytes = NOTHING;
  #numbers;
  /** Where texts are written, and how many bytes of them there is room for. */
  #room = 0;
  #most = 0;

  /** @param instance - an instance of `waypost.wasm`. */
  constructor(instance) {
    this.#exports = instance.exports;
  }

  /** The version that the module was built as. */
  get version() {
    return this.#told(this.#exports.version()).text;
  }

  /** Describes an operation by its row of the operation table. */
  define(row) {
    return this.#told(this.#exports.define(this.#put(NOTHING, [row])));
  }

  /** Makes a client of its settings, numbers and texts. */
  client(numbers, texts) {
    return this.#told(this.#exports.client(this.#put(new Uint8Array(Float64Array.from(numbers, (number) => number ?? NaN).buffer), texts)));
  }

  /** Forgets a client. Calls that are under way go on. */
  close(client) {
    this.#exports.close(client);
  }

  /** Begins a call: the first step. */
  start(seed, texts, client, operation, body, headers, timeout, deadline, retries, elapsed) {
    return this.#told(this.#exports.start(this.#put(seed, texts), client, operation, body, headers, timeout, deadline, retries, elapsed));
  }

  /** Tells a call what happened: the next step. */
  next(texts, call, event, first, second, elapsed, unix) {
    return this.#told(this.#exports.next(texts.length > 0 ? this.#put(NOTHING, texts) : 0, call, event, first, second, elapsed, unix));
  }

  /** Tells the tokens of a client what happened: the next step to one. */
  token(client, event, first, second, unix) {
    return this.#told(this.#exports.token(client, event, first, second, unix));
  }

  /** Begins a token request: the first step. */
  ask(client, refresh, elapsed, draw) {
    return this.#told(this.#exports.ask(client, refresh, elapsed, draw));
  }

  /** Writes texts where the module reads them; how many bytes they are. */
  #put(first, texts) {
    let most = first.length;
    // A UTF-16 unit becomes at most three bytes.
    for (let at = 0; at < texts.length; at++) most += (texts[at]?.length ?? 1) * 3 + 1;
    if (most > this.#most) {
      this.#most = Math.max(most, 1024);
      this.#room = this.#exports.room(this.#most);
    }
    if (this.#bytes.length === 0) this.#look();
    const bytes = this.#bytes;
    bytes.set(first, this.#room);
    let place = this.#room + first.length;
    for (let at = 0; at < texts.length; at++) {
      const text = texts[at];
      if (text == null) bytes[place++] = ABSENT;
      else if (text.length > 0) place += encoder.encodeInto(text, bytes.subarray(place)).written;
      bytes[place++] = END;
    }
    return place - this.#room;
  }

  #told(number) {
    if (this.#bytes.length === 0) this.#look();
    const numbers = this.#numbers;
    const length = numbers[3];
    const at = length > 0 ? this.#exports.text() : 0;
    return { number, first: numbers[0], second: numbers[1], third: numbers[2], text: length > 0 ? decoder.decode(this.#bytes.subarray(at, at + length)) : "" };
  }

  /** The module's memory, looked at anew since it has grown. */
  #look() {
    const { memory, numbers } = this.#exports;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#numbers = new Float64Array(memory.buffer, numbers(), 4);
  }
}
