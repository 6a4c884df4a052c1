// The page under test: what a test asks for is done here, with the SDK as a user's bundler built it.
import * as sdk from "waypost";
import * as tasks from "./tasks.js";

window.run = (name, ...args) => tasks[name](sdk, ...args);
window.inWorker = (name, ...args) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage([name, ...args]);
  });
