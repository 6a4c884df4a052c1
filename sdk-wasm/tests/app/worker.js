import * as sdk from "waypost";
import * as tasks from "./tasks.js";

onmessage = async ({ data: [name, ...args] }) => postMessage(await tasks[name](sdk, ...args));
