// Runs the vectors inside the wasm module that is named on the command line. No bindgen and no import object: the engine needs neither.
import { readFile } from "node:fs/promises";

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), {});
const { cases, failures, text, text_length, memory } = instance.exports;

const started = performance.now();
const [all, failed] = [cases(), failures()];
const elapsed = Math.round(performance.now() - started);
if (failed > 0) {
  console.error(new TextDecoder().decode(new Uint8Array(memory.buffer, text(), text_length())));
}
console.log(`wasm: ${all - failed} of ${all} vectors hold (${elapsed} ms)`);
process.exit(failed > 0 || all === 0 ? 1 : 0);
