// A worker of an edge runtime, which must not compile while it runs.
import * as sdk from "waypost";
import * as tasks from "./tasks.js";

export default {
  async fetch(request) {
    const [name, ...args] = await request.json();
    return Response.json(await tasks[name](sdk, ...args));
  },
};
