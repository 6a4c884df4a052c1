/**
 * A receiver of webhooks on Node's own HTTP server. It believes a delivery when its signature holds, and does the work of each once, however
 * often it is delivered.
 *
 * `WAYPOST_WEBHOOK_SECRET=whsec_… PORT=3000 node out/receiver.js`
 */

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { Webhook, WebhookError } from "waypost/webhooks";

/** The largest delivery that is read. */
const LARGEST = 1024 * 1024;

const webhook = new Webhook((process.env["WAYPOST_WEBHOOK_SECRET"] ?? "").split(" "));
/** The ids of the deliveries whose work is done. A real receiver keeps them in its database, in the transaction of the work. */
const done = new Set<string>();

const server = createServer((request, response) => {
  void receive(request).then(
    (status) => response.writeHead(status).end(),
    (error: unknown) => {
      if (!(error instanceof WebhookError)) console.error(error);
      response.writeHead(error instanceof WebhookError ? 400 : 500).end();
    },
  );
});

/** The status to answer with. Throws when the delivery is to be refused. */
async function receive(request: IncomingMessage): Promise<number> {
  const body = await read(request);
  if (body === undefined) return 413;
  const { id, payload } = webhook.verify<{ type: string }>(body, request.headers);
  if (done.has(id)) {
    console.log(`${id} again: its work is done`);
  } else {
    done.add(id);
    console.log(`${id}: ${payload.type}`);
  }
  // Answer at once and work afterwards: a slow answer is delivered again.
  return 204;
}

/** The body, byte for byte; `undefined` if it is too large. */
async function read(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > LARGEST) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => server.close());
