/**
 * A network that fails at the worst moment: a TCP relay in front of the gateway that lets a request through, waits until the gateway has
 * answered, and cuts the connection instead of passing the answer on. The work is done, and the caller cannot know.
 */

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A relay that runs. */
export interface Relay {
  /** Where to send requests that shall pass through it. */
  readonly baseUrl: string;
  /** How many answers were cut so far. */
  cut(): number;
  /** Ends it. */
  close(): void;
}

/** Listens on a free port of this machine and passes everything on to the gateway, but the first `answers` answers that tell of a success. */
export async function startRelay(gateway: URL, answers: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let cut = 0;
  const server = createServer((caller) => {
    const upstream = connect(Number(gateway.port || 80), gateway.hostname);
    for (const socket of [caller, upstream]) {
      sockets.add(socket);
      // A connection's own failure is what its caller sees; the relay goes on.
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    caller.pipe(upstream);
    upstream.on("data", (piece) => {
      if (cut < answers && piece.subarray(0, 10).toString("latin1") === "HTTP/1.1 2") {
        cut += 1;
        caller.destroy();
        upstream.destroy();
      } else {
        caller.write(piece);
      }
    });
    caller.on("close", () => upstream.destroy());
    upstream.on("close", () => caller.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const path = gateway.pathname.replace(/\/$/, "");
  return {
    baseUrl: `http://127.0.0.1:${port}${path}`,
    cut: () => cut,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
