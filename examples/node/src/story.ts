/**
 * One story, told with the JavaScript SDK as a user of it would write it: an account and a key, two wallets and the money that moves between
 * them, lists and streams, a payment, errors that say what is wrong, a call that is given up, a rate limit, and a connection that breaks at the worst moment.
 *
 * It needs a gateway: `WAYPOST_BASE_URL=http://127.0.0.1:8080 node out/story.js`. It makes an account of its own, so it can be run again on the
 * same gateway. It exits with 0 if everything went as told; if not, with 1 and a line that says what did not.
 */

import { CancelledError, type CreatePayment, NotFoundError, type Payment, UnprocessableError, Waypost, WaypostError } from "waypost";

import { startRelay } from "./relay.js";
import { check, money, Telling, Untrue, waited } from "./telling.js";

/** What the program will do, and no more than that. */
const PERMISSIONS = ["wallets:read", "wallets:write", "transactions:read", "payments:read", "payments:write"];
/** How many calls the story makes at once to meet a rate limit, and how often it tries. */
const AT_ONCE = 40;
const BURSTS = 5;

interface Wallets {
  readonly household: string;
  readonly holiday: string;
}

/** Makes an account, signs in, makes an API key, and gives a client that uses it. */
async function account(telling: Telling, client: Waypost): Promise<Waypost> {
  telling.chapter("An account, and a key for a program");
  const email = `ada-${crypto.randomUUID()}@example.com`;
  const password = "seven wet umbrellas in a row";
  const registration = { email, password, name: "Ada Marlowe", tenant_name: "Marlowe and Daughters" };
  await telling.call("auth.register", client.auth.register(registration), ({ user, tenant }) => `${user.email} is ${user.role} of ${tenant.name}`);
  const tokens = await telling.call("auth.login", client.auth.login({ email, password }), ({ expires_in, session_id }) => `an access token for ${expires_in} s, ${session_id}`);
  const signedIn = client.withOptions({ accessToken: tokens.access_token });
  const wanted = { name: "Bookkeeping", permissions: PERMISSIONS };
  const { api_key, secret } = await telling.call("apiKeys.create", signedIn.apiKeys.create(wanted), (made) => `${made.api_key.id}, its secret shown this once`);
  const program = client.withOptions({ apiKey: secret });
  const me = await telling.call("auth.me", program.auth.me(), ({ credential_id, permissions }) => `${credential_id} may ${permissions.join(", ")}`);
  check(me.credential_id === api_key.id, "the gateway knows the program by its key");
  return program;
}

/** Opens two wallets, puts money into one, and moves some to the other. */
async function moveMoney(telling: Telling, { wallets }: Waypost): Promise<Wallets> {
  telling.chapter("Two wallets, and money that moves");
  const open = async (name: string): Promise<string> => {
    const wallet = await telling.call("wallets.create", wallets.create({ currency: "EUR", name }), ({ id }) => `${name}, ${id}`);
    return wallet.id;
  };
  const [household, holiday] = [await open("Household"), await open("Holiday")];
  await telling.call("wallets.credit", wallets.credit(household, { amount: 100_000, description: "Salary" }), ({ amount, currency }) => `${money(amount, currency)} came in`);
  for (let week = 1; week <= 4; week++) {
    const share = { to_wallet_id: holiday, amount: 2_500, description: `Week ${week}` };
    await telling.call("wallets.transfer", wallets.transfer(household, share), ({ debit, credit }) => `${money(debit.amount, debit.currency)} here, ${money(credit.amount, credit.currency)} there`);
  }
  const left = await telling.call("wallets.balance", wallets.balance(household), ({ balance, currency }) => `${money(balance, currency)} left in Household`);
  check(left.balance === 90_000, "1000.00 came in and four times 25.00 went out");
  return { household, holiday };
}

/** What happened, read back: page by page, item by item, and as a file. */
async function readBack(telling: Telling, { wallets }: Waypost, { household }: Wallets): Promise<void> {
  telling.chapter("What happened, read back page by page");
  let read = 0;
  for (let cursor: string | undefined; read === 0 || cursor !== undefined; ) {
    const call = wallets.transactions(household, { limit: 2, cursor });
    const page = await telling.call("wallets.transactions", call, ({ data }) => data.map(({ amount, currency }) => money(amount, currency)).join(", "));
    read += page.data.length;
    cursor = page.next_cursor ?? undefined;
  }
  // The same in one line: the SDK asks for the next page when it is wanted.
  let items = 0;
  for await (const _ of wallets.transactions(household, { limit: 2 })) items += 1;
  telling.note(`\`for await\` goes through the same pages by itself: ${items} transactions.`);
  check(read === 5 && items === 5, "one credit and four transfers are listed, each once");

  const { data, response } = await wallets.statement(household, { format: "csv" }).withResponse();
  let lines = 0;
  for await (const _ of data.lines()) lines += 1;
  telling.line("wallets.statement", response.status, response.attempts, `CSV, streamed: ${lines} lines, the first a heading`);
  check(lines === 6, "the statement has a heading and five transactions");
}

/** A payment's whole life: holds 40.00, takes 30.00 of it, gives 10.00 back. */
async function pay(telling: Telling, { payments, wallets }: Waypost, { household }: Wallets): Promise<void> {
  telling.chapter("A payment: held, captured in part, partly refunded");
  const told = ({ status, amount, captured_amount, refunded_amount, currency }: Payment): string =>
    `${status}: ${money(amount, currency)} held at first, ${money(captured_amount, currency)} taken, ${money(refunded_amount, currency)} given back`;
  const order: CreatePayment = {
    payer_wallet_id: household,
    amount: 4_000,
    currency: "EUR",
    destination: { type: "external", reference: "INV-2026-0042", name: "Corner Bakery" },
    capture_method: "manual",
    description: "Bread for November",
  };
  const { id } = await telling.call("payments.create", payments.create(order), told);
  await telling.call("payments.capture", payments.capture(id, { amount: 3_000 }), told);
  await telling.call("payments.refund", payments.refund(id, { amount: 1_000, reason: "Two loaves were stale." }), told);
  const now = await telling.call("wallets.balance", wallets.balance(household), ({ balance, held, currency }) => `${money(balance, currency)}, ${money(held, currency)} of it held`);
  check(now.balance === 88_000 && now.held === 0, "30.00 went out, 10.00 came back, nothing is held");
}

/** Asks for more than there is, and for nonsense. */
async function refusals(telling: Telling, { wallets }: Waypost, { holiday }: Wallets): Promise<void> {
  telling.chapter("Refusals that say what is wrong");
  const refused = async (call: PromiseLike<unknown>): Promise<unknown> => {
    try {
      return await call;
    } catch (error) {
      return error;
    }
  };

  const tooMuch = await refused(wallets.debit(holiday, { amount: 1_000_000 }));
  if (!(tooMuch instanceof UnprocessableError)) throw new Untrue("a debit of more than there is is refused");
  telling.refused("wallets.debit", tooMuch);
  check(tooMuch.code === "insufficient_funds", "the refusal has its code");

  // What the types cannot rule out, the gateway refuses: all of it at once, each with a pointer to its place.
  const nonsense = await refused(wallets.create({ currency: "euro", name: "" }));
  if (!(nonsense instanceof UnprocessableError)) throw new Untrue("a wallet of no currency is refused");
  telling.refused("wallets.create", nonsense);
  const fields = nonsense.problem?.errors ?? [];
  for (const { pointer, code, detail } of fields) telling.note(`${pointer} (${code}): ${detail}`);
  check(fields.length === 2, "both wrong fields are named");

  const unknown = await refused(wallets.get("wal_019aba1ee5407a1b8c3d4e5f60718293"));
  if (!(unknown instanceof NotFoundError)) throw new Untrue("a wallet that is not there is not found");
  telling.refused("wallets.get", unknown);
}

/** Gives a call up while it is under way. */
async function giveUp(telling: Telling, { wallets }: Waypost): Promise<void> {
  telling.chapter("A call that is given up");
  const controller = new AbortController();
  const call = wallets.list({}, { signal: controller.signal });
  controller.abort(new Error("the user closed the tab"));
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CancelledError)) throw new Untrue("a call whose signal was aborted is cancelled");
  telling.line("wallets.list", error.status, error.attempts, `${error.kind}, because ${(error.cause as Error).message}`);
}

/** Makes more calls at once than the gateway allows, and shows that all of them were answered in the end. */
async function rateLimit(telling: Telling, program: Waypost, { household }: Wallets): Promise<void> {
  telling.chapter("A rate limit, met and recovered from");
  // A gateway with its default limits counts by the minute, so recovering may take that long, and more than one try.
  const patient = program.withOptions({ maxRetries: 10, deadlineMs: 180_000 });
  for (let burst = 0; burst < BURSTS; burst++) {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => patient.wallets.get(household).withResponse()));
    const attempts = answers.map(({ response }) => response.attempts).toSorted((one, other) => waited(other) - waited(one));
    const refused = attempts.filter((made) => made.some(({ status }) => status === 429));
    const [slowest = [], ...others] = attempts;
    for (const made of others) telling.count(made);
    if (refused.length === 0) {
      telling.count(slowest);
      continue;
    }
    telling.line("wallets.get", 200, slowest, `the slowest of ${AT_ONCE} reads at once`);
    telling.note(`${refused.length} of ${AT_ONCE} were refused with 429, waited as \`Retry-After\` told, and were answered then.`);
    return;
  }
  telling.note(`${AT_ONCE * BURSTS} reads, and none was refused: this caller has no limit here.`);
}

/** Makes a transfer through a relay that cuts the first answer, and counts the money. */
async function brokenLine(telling: Telling, program: Waypost, { household, holiday }: Wallets, gateway: URL): Promise<void> {
  telling.chapter("A line that breaks after the money moved");
  if (gateway.protocol !== "http:") {
    telling.note("Left out: the gateway speaks TLS, and the relay of this chapter has no certificate for it.");
    return;
  }
  const before = await program.wallets.balance(household);
  const relay = await startRelay(gateway, 1);
  try {
    const shaky = program.withOptions({ baseUrl: relay.baseUrl });
    const gift = { to_wallet_id: holiday, amount: 5_000, description: "For the train" };
    const { data, response } = await shaky.wallets.transfer(household, gift).withResponse();
    telling.line("wallets.transfer", response.status, response.attempts, `${money(data.credit.amount, before.currency)} to Holiday`);
    const replayed = response.headers.get("idempotency-replayed");
    telling.note(`The relay cut ${relay.cut()} answer; the next attempt carried the same key and got the kept answer (Idempotency-Replayed: ${replayed}).`);
    check(relay.cut() === 1 && response.attempts.length >= 2, "one answer was cut and the SDK asked again");
    check(replayed === "true", "the last answer is the first one, kept");
    shaky.close();
  } finally {
    relay.close();
  }
  const after = await program.wallets.balance(household);
  telling.note(`${money(before.balance, before.currency)} before, ${money(after.balance, after.currency)} now: it moved once.`);
  check(after.balance === before.balance - 5_000, "50.00 left the wallet, once");
}

async function tell(): Promise<void> {
  const baseUrl = process.env["WAYPOST_BASE_URL"] ?? "";
  const client = new Waypost();
  console.log(`One story, told with the JavaScript SDK on the gateway at ${baseUrl}`);
  const telling = new Telling();
  const program = await account(telling, client);
  const wallets = await moveMoney(telling, program);
  await readBack(telling, program, wallets);
  await pay(telling, program, wallets);
  await refusals(telling, program, wallets);
  await giveUp(telling, program);
  await rateLimit(telling, program, wallets);
  await brokenLine(telling, program, wallets, new URL(baseUrl));
  telling.end();
}

try {
  await tell();
} catch (error) {
  if (!(error instanceof WaypostError || error instanceof Untrue)) throw error;
  console.error(`\nThe story broke off. ${error.message}`);
  process.exitCode = 1;
}
