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

/** One instance of the module. */
export class Engine {
  #exports;
  #bytes = NOTHING;
  #numbers;

  /** @param instance - an instance of `waypost.wasm`. */
  constructor(instance) {
    this.#exports = instance.exports;
  }

  /** The version that the module was built as. */
  get version() {
    return this.#told(this.#exports.version()).text;
  }

  /** The operation of this id. */
  operation(id) {
    return this.#told(this.#exports.operation(this.#put(NOTHING, [id])));
  }

  /** Describes an operation that is not in the table, by a row as the table has them. */
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
  start(seed, texts, ...numbers) {
    return this.#told(this.#exports.start(this.#put(seed, texts), ...numbers));
  }

  /** Tells a call what happened: the next step. */
  next(texts, ...numbers) {
    return this.#told(this.#exports.next(texts.length > 0 ? this.#put(NOTHING, texts) : 0, ...numbers));
  }

  /** Writes texts where the module reads them; how many bytes they are. */
  #put(first, texts) {
    let most = first.length;
    // A UTF-16 unit becomes at most three bytes.
    for (const text of texts) most += (text?.length ?? 1) * 3 + 1;
    const start = this.#exports.room(most);
    const bytes = this.#memory();
    bytes.set(first, start);
    let place = start + first.length;
    for (const text of texts) {
      if (text == null) bytes[place++] = ABSENT;
      else place += encoder.encodeInto(text, bytes.subarray(place)).written;
      bytes[place++] = END;
    }
    return place - start;
  }

  #told(number) {
    const bytes = this.#memory();
    const [first, second, third, length] = this.#numbers;
    const at = length > 0 ? this.#exports.text() : 0;
    return { number, first, second, third, text: length > 0 ? decoder.decode(bytes.subarray(at, at + length)) : "" };
  }

  /** The module's memory, looked at anew when it has grown. */
  #memory() {
    const { memory, numbers } = this.#exports;
    if (this.#bytes.buffer !== memory.buffer) {
      this.#bytes = new Uint8Array(memory.buffer);
      this.#numbers = new Float64Array(memory.buffer, numbers(), 4);
    }
    return this.#bytes;
  }
}
