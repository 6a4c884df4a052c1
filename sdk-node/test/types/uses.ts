/**
 * What must compile, under the strictest settings: each line is something that a user may write. Nothing here is run.
 */

import {
  type AnyWaypostError,
  type CallOptions,
  type ClientOptions,
  isWaypostError,
  type Middleware,
  NotFoundError,
  type Page,
  type RawResponse,
  type Transaction,
  Waypost,
  type Wallet,
} from "waypost";
import { FakeWaypost } from "waypost/testing";
import { Webhook } from "waypost/webhooks";

export async function resources(client: Waypost): Promise<void> {
  const wallet: Wallet = await client.wallets.create({ currency: "EUR" });
  const raw: RawResponse<Wallet> = await client.wallets.get(wallet.id).withResponse();
  const promise: Promise<Wallet> = client.wallets.get(raw.data.id);
  const [one, two] = await Promise.all([promise, client.wallets.balance(wallet.id)]);
  const page: Page<{ data: Transaction[] }, Transaction> = await client.wallets.transactions(one.id);
  const next = await page.nextPage();
  const amounts: number[] | undefined = next?.data.map(({ amount }) => amount);
  for await (const { amount } of page) amounts?.push(amount);
  for await (const transaction of client.wallets.transactions(one.id, { limit: 5 })) amounts?.push(transaction.amount);
  const text: string = await client.wallets.statement(one.id, { format: "csv" }).text();
  const nothing: void = await client.auth.logout({ everywhere: text === "" });
  await client.wallets.list(undefined, { signal: AbortSignal.timeout(5) });
  return nothing ?? void two;
}

// Open unions: what is known completes, what a later version answers is taken.
export const known: Wallet["status"] = "active";
export const later: Wallet["status"] = "hibernating";

// Options may be handed on as they are, `undefined` included.
export function handedOn(timeoutMs: number | undefined, signal?: AbortSignal): CallOptions {
  return { timeoutMs, signal };
}
export const settings: ClientOptions = { budget: false, cache: { entries: 5 }, environment: process.env };

export function narrowed(error: unknown): number | string {
  if (error instanceof NotFoundError) return error.status satisfies 404;
  if (!isWaypostError(error)) return 0;
  switch (error.kind) {
    case "rate_limited":
      return error.retryAfter ?? 1;
    case "gone":
      return error.status satisfies 410;
    default:
      return error.problem?.errors?.[0]?.pointer ?? error.code ?? error.message;
  }
}

/** Every kind has its case: one that is added to the SDK stops this from compiling. */
export function exhaustive({ kind }: AnyWaypostError): string {
  switch (kind) {
    case "bad_request":
    case "authentication":
    case "permission_denied":
    case "not_found":
    case "conflict":
    case "gone":
    case "unprocessable":
    case "rate_limited":
    case "server":
      return "the API";
    case "connection":
    case "timeout":
    case "cancelled":
    case "circuit_open":
      return "the way";
    case "decode":
    case "oauth":
    case "config":
      return "the set-up";
    default:
      return kind satisfies never;
  }
}

export const middleware: Middleware = { request: ({ headers }) => ({ "x-a": headers.get("x-b") ?? "" }), response: async ({ status }) => void status };

export function tested(): Promise<Wallet> {
  const fake: FakeWaypost = new FakeWaypost({ maxRetries: 0 }).on("wallets.get", { json: {} });
  return fake.client.wallets.get("wal_1");
}

export const payload: string = new Webhook("").verify<{ type: string }>("", new Headers()).payload.type;
