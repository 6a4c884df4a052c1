// Messages to and from the engine: the other half of `src/value.rs`, and the functions of `src/lib.rs` by name.
//
// Written by hand because there is so little of it: a bindings generator would bring four times the code, a class for each type and a tool of a very
// version. Nothing here asks the host for anything but `WebAssembly`, `TextEncoder` and `TextDecoder`, which every runtime has.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Grows as needed and is used again: a message lives no longer than one exchange. */
let bytes = new Uint8Array(1024);
let view = new DataView(bytes.buffer);
let end = 0;

function need(more) {
  if (end + more <= bytes.length) return;
  const larger = new Uint8Array(Math.max(bytes.length * 2, end + more));
  larger.set(bytes);
  bytes = larger;
  view = new DataView(bytes.buffer);
}

function count(tag, number) {
  need(5);
  bytes[end] = tag;
  view.setUint32(end + 1, number, true);
  end += 5;
}

function text(tag, value) {
  // A UTF-16 unit becomes at most three bytes.
  need(5 + value.length * 3);
  const start = end + (tag === 0 ? 4 : 5);
  const { written } = encoder.encodeInto(value, bytes.subarray(start));
  if (tag !== 0) bytes[end++] = tag;
  view.setUint32(end, written, true);
  end = start + written;
}

function write(value) {
  switch (typeof value) {
    case "string":
      return text(4, value);
    case "number":
      need(9);
      bytes[end] = 3;
      view.setFloat64(end + 1, value, true);
      end += 9;
      return;
    case "boolean":
      need(1);
      bytes[end++] = value ? 2 : 1;
      return;
    case "object":
      break;
    default:
      value = null;
  }
  if (value === null) {
    need(1);
    bytes[end++] = 0;
  } else if (value instanceof Uint8Array) {
    count(5, value.length);
    need(value.length);
    bytes.set(value, end);
    end += value.length;
  } else if (Array.isArray(value)) {
    count(6, value.length);
    for (const item of value) write(item);
  } else {
    const names = Object.keys(value);
    count(7, names.length);
    for (const name of names) {
      text(0, name);
      write(value[name]);
    }
  }
}

/** Where the answer is read, and how far it was. */
let answer;
let place = 0;

function length() {
  place += 4;
  return answer.getUint32(place - 4, true);
}

function readText() {
  const size = length();
  const start = answer.byteOffset + place;
  place += size;
  return decoder.decode(new Uint8Array(answer.buffer, start, size));
}

function read() {
  const tag = answer.getUint8(place++);
  switch (tag) {
    case 0:
      return null;
    case 1:
    case 2:
      return tag === 2;
    case 3:
      place += 8;
      return answer.getFloat64(place - 8, true);
    case 4:
      return readText();
    case 8:
      return Number(readText());
    case 5: {
      const size = length();
      place += size;
      const start = answer.byteOffset + place - size;
      return new Uint8Array(answer.buffer.slice(start, start + size));
    }
    case 6: {
      const items = new Array(length());
      for (let index = 0; index < items.length; index++) items[index] = read();
      return items;
    }
    default: {
      const members = {};
      for (let left = length(); left > 0; left--) {
        const name = readText();
        const value = read();
        // A server's problem may name a member `__proto__`; assigned, it would change the object's prototype.
        if (name === "__proto__") Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
        else members[name] = value;
      }
      return members;
    }
  }
}

/** One instance of the module. */
export class Engine {
  #exports;

  /** @param instance - an instance of `waypost.wasm`. */
  constructor(instance) {
    this.#exports = instance.exports;
  }

  #exchange(name, message) {
    const { memory, room, answer: at, [name]: run } = this.#exports;
    end = 0;
    write(message);
    const start = room(end);
    new Uint8Array(memory.buffer, start, end).set(bytes.subarray(0, end));
    const size = run();
    // Read after the exchange, which may have made the memory grow and its old buffer useless.
    answer = new DataView(memory.buffer, at(), size);
    place = 0;
    return read();
  }

  /** The version that the module was built as. */
  get version() {
    return this.#exchange("version", null);
  }

  /** Makes a client of the list of its settings: `[null, its number]`, or `[a report]` of what is wrong with the settings. */
  client(settings) {
    return this.#exchange("client", settings);
  }

  /** Forgets a client. Calls that are under way go on. */
  close(client) {
    this.#exchange("close", client);
  }

  /** Begins a call: `[its number, the first step]`; the number is null where the call is over already. */
  start(client, operation, parameters, body, options, seed, elapsed, unix) {
    return this.#exchange("start", [client, operation, parameters, body, options, seed, elapsed, unix]);
  }

  /** Tells a call what happened: the next step. */
  next(call, event, elapsed, unix, ...more) {
    return this.#exchange("next", [call, event, elapsed, unix, ...more]);
  }

  /** Describes an operation that is not in the table. */
  define(operation) {
    this.#exchange("define", operation);
  }

}
