import * as sdk from "waypost/inline";
import * as tasks from "./tasks.js";

window.run = (name, ...args) => tasks[name](sdk, ...args);
