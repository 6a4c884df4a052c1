/**
 * What must not compile. Each line under `@ts-expect-error` is a mistake that the types catch; one that compiled would be an unused
 * expectation, and fail the check. Nothing here is run.
 */

import { type CallOptions, NotFoundError, type Page, Waypost, type Wallet } from "waypost";
import { FakeWaypost } from "waypost/testing";
import { Webhook } from "waypost/webhooks";

export async function refused(client: Waypost, wallet: Wallet, page: Page<{ data: Wallet[] }, Wallet>): Promise<void> {
  // @ts-expect-error a path argument is missing
  await client.wallets.get();
  // @ts-expect-error a path argument of another type
  await client.wallets.get(5);
  // @ts-expect-error a required field is missing
  await client.wallets.create({ name: "Household" });
  // @ts-expect-error a field that there is not
  await client.wallets.create({ currency: "EUR", curency: "EUR" });
  // @ts-expect-error a field of another type
  await client.wallets.credit(wallet.id, { amount: "5" });
  // @ts-expect-error null where the contract has none
  await client.wallets.create({ currency: null });
  // @ts-expect-error a body is missing
  await client.auth.login();
  // @ts-expect-error a parameter that there is not
  await client.wallets.list({ limt: 5 });
  // @ts-expect-error an array parameter that is none
  await client.wallets.list({ status: "active" });
  // @ts-expect-error an option that there is not
  await client.wallets.list({}, { timeout: 5 });
  // @ts-expect-error an option of another type
  await client.wallets.list({}, { timeoutMs: "5s" });
  // @ts-expect-error a verb that there is not
  await client.wallets.remove(wallet.id);
  // @ts-expect-error a resource that there is not
  await client.purses.list();
  // @ts-expect-error a destination of no type
  await client.payments.create({ payer_wallet_id: wallet.id, amount: 5, currency: "EUR", destination: { reference: "x" } });
  // @ts-expect-error a destination of one type with the fields of another
  await client.payments.create({ payer_wallet_id: wallet.id, amount: 5, currency: "EUR", destination: { type: "wallet", reference: "x" } });
  // @ts-expect-error an answer's field that there is not
  void wallet.amount;
  // @ts-expect-error an item is no page
  for await (const one of client.wallets.list()) void one.data;
  // @ts-expect-error a promise is not its result
  void client.wallets.get(wallet.id).currency;
  // @ts-expect-error the result of a call without one
  void (await client.auth.logout({})).status;
  // @ts-expect-error the next page may not be there
  void (await page.nextPage()).data;
  // @ts-expect-error a page is not an array
  void page.map;
  // @ts-expect-error a stream is not text
  void (await client.wallets.statement(wallet.id)).length;
}

// @ts-expect-error a setting that there is not
export const misspelt = new Waypost({ baseURL: "https://api.example" });
// @ts-expect-error a setting of another type
export const mistyped = new Waypost({ cache: true });
// @ts-expect-error options are read, not written
export const assigned = (options: CallOptions): unknown => (options.timeoutMs = 5);
// @ts-expect-error a status that a 404 has not
export const status = (error: NotFoundError): 410 => error.status;
// @ts-expect-error an answer that fails in no known way
export const fake = new FakeWaypost().on("wallets.get", { failure: "explosion" });
// @ts-expect-error a payload of unknown type is not believed
export const payload: string = new Webhook("").verify("", {}).payload;
