// From whatever a caller has (nothing, a compiled module, bytes, an address, an answer of `fetch`) to an engine, once.
//
// Why it is shaped so:
// - Nothing is loaded when the package is imported. Importing must have no effect (bundlers drop what is not used, tests import without a network), so
//   the first call loads; `init()` is for those who want to wait for it elsewhere, or have the bytes already.
// - The bytes are read whole and not compiled while they come (`instantiateStreaming`): that refuses every server whose media type is wrong, and for some
//   tens of kilobytes it gains nothing.
// - A failed load is forgotten, so that a page which was offline for a moment can try again.
// - Each way in which this goes wrong in the field has a sentence that says what to do. The host's own messages do not.

import { Engine } from "./glue.js";
import { version } from "./version.js";

let loading;
let loaded;

/** The engine, where it is loaded already. */
export const current = () => loaded;

/** @param standard - where the module comes from unless the caller says otherwise; each entry has its own. */
export function loader(standard) {
  return function init(source) {
    if (source === undefined || loaded !== undefined) return (loading ??= begin(standard));
    return (loading ??= begin(() => source));
  };
}

function begin(source) {
  return load(source).then(
    (engine) => (loaded = engine),
    (error) => {
      loading = undefined;
      throw error;
    },
  );
}

async function load(source) {
  const engine = new Engine(await instance(await source()));
  if (engine.version === version) return engine;
  throw failure(
    `waypost.wasm is of version ${engine.version} and @waypost/wasm of ${version}`,
    "a bundle or cache holds an old file: install one version of `waypost` and `@waypost/wasm`, build again, and clear the cache",
  );
}

async function instance(source) {
  if (typeof WebAssembly === "undefined") {
    throw failure("this runtime has no WebAssembly", "use one that has it; with Hermes (React Native) there is none");
  }
  // A module of another realm (a worker's structured clone, a test's) is no instance of this one's `WebAssembly.Module`.
  if (source instanceof WebAssembly.Module || Object.prototype.toString.call(source) === "[object WebAssembly.Module]") {
    return new WebAssembly.Instance(source, {});
  }
  const bytes = await bytesOf(source);
  const [a, b, c, d] = bytes;
  if (a !== 0 || b !== 0x61 || c !== 0x73 || d !== 0x6d) {
    throw failure(
      "what was loaded as waypost.wasm is no WebAssembly",
      "a development server often answers a missing file with its start page: see that the bundler copies waypost.wasm beside the script (Vite: `optimizeDeps.exclude: [\"@waypost/wasm\"]`), or import `waypost/inline`",
    );
  }
  try {
    return (await WebAssembly.instantiate(bytes, {})).instance;
  } catch (error) {
    throw failure(
      `waypost.wasm cannot be compiled: ${error.message}`,
      "where a content security policy forbids it, allow `script-src 'wasm-unsafe-eval'`; where an edge runtime forbids it, import the file as a module and hand it to `init`",
      error,
    );
  }
}

async function bytesOf(source) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  let response = source;
  if (typeof source === "string" || source instanceof URL) {
    try {
      response = await fetch(source);
    } catch (error) {
      throw missing(source, error.message, error);
    }
  }
  if (typeof response?.arrayBuffer !== "function") {
    throw failure("init was given something that is no module", "give it a WebAssembly.Module, bytes, a URL or a Response, or nothing");
  }
  if (response.ok === false) throw missing(response.url || source, `the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What is said when the file is not where it should be. */
export function missing(where, why, cause) {
  return failure(
    `waypost.wasm cannot be loaded from ${where}: ${why}`,
    "see that it is deployed beside the scripts and that the page may fetch it (content security policy: connect-src), hand its address to `init`, or import `waypost/inline`",
    cause,
  );
}

function failure(message, advice, cause) {
  return new Error(`${message}. What to do: ${advice}`, cause === undefined ? undefined : { cause });
}
