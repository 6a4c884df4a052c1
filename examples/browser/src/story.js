// One story, told with the JavaScript SDK in a page: an account, two wallets and the money that moves between them, a list that pages by itself, errors
// that say what is wrong, a call that is given up, and a rate limit that the SDK waits out.

import { CancelledError, NotFoundError, UnprocessableError, Waypost } from "waypost";

/** How many calls are made at once to meet the rate limit. */
const AT_ONCE = 40;

/** Tells the story to `say`, line by line. What does not happen as told is thrown. */
export async function story(baseUrl, say) {
  const client = new Waypost({ baseUrl });

  const email = `ada-${crypto.randomUUID()}@example.com`;
  const password = "seven wet umbrellas in a row";
  const { user, tenant } = await client.auth.register({ email, password, name: "Ada Marlowe", tenant_name: "Marlowe and Daughters" });
  const { access_token: accessToken } = await client.auth.login({ email, password });
  const { wallets } = client.withOptions({ accessToken });
  say(`${user.email} is ${user.role} of ${tenant.name}, and signed in`);

  const household = await wallets.create({ currency: "EUR", name: "Household" });
  const holiday = await wallets.create({ currency: "EUR", name: "Holiday" });
  await wallets.credit(household.id, { amount: 100_000, description: "Salary" });
  for (let week = 1; week <= 4; week++) {
    await wallets.transfer(household.id, { to_wallet_id: holiday.id, amount: 2_500, description: `Week ${week}` });
  }
  const { balance } = await wallets.balance(household.id);
  check(balance === 90_000, "1000.00 came in and four times 25.00 went out");
  say(`${(balance / 100).toFixed(2)} EUR are left in Household`);

  let items = 0;
  for await (const _ of wallets.transactions(household.id, { limit: 2 })) items += 1;
  check(items === 5, "one credit and four transfers are listed, each once");
  say(`${items} transactions, read in pages of two`);

  const statement = await wallets.statement(household.id, { format: "csv" });
  let lines = 0;
  for await (const _ of statement.lines()) lines += 1;
  check(lines === 6, "the statement has a heading and five transactions");
  say(`a statement of ${lines} lines, streamed`);

  const missing = `wal_${"0".repeat(12)}7${"0".repeat(3)}8${"0".repeat(15)}`;
  const unknown = await wallets.get(missing).catch((error) => error);
  check(unknown instanceof NotFoundError, "a wallet that is not there is not found");
  say(`a wallet that is not there: ${unknown.name}, request ${unknown.requestId}`);
  const wrong = await wallets.credit(household.id, { amount: -1 }).catch((error) => error);
  check(wrong instanceof UnprocessableError && wrong.problem.errors.length > 0, "a negative amount is refused, with the field's name");
  say(`a negative amount: ${wrong.problem.errors[0].pointer} ${wrong.problem.errors[0].detail}`);

  const controller = new AbortController();
  const given = wallets.list({}, { signal: controller.signal });
  controller.abort();
  check((await given.catch((error) => error)) instanceof CancelledError, "a call that is given up is cancelled");
  say("a call was given up, and its request dropped");

  const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => wallets.get(household.id, { deadlineMs: 30_000, maxRetries: 10 }).withResponse()));
  const waited = answers.filter(({ response }) => response.attempts.length > 1).length;
  say(`${AT_ONCE} calls at once: all were answered, ${waited} after a rate limit had passed`);
  return { items, lines, waited };
}

function check(holds, what) {
  if (!holds) throw new Error(`it did not happen as told: ${what}`);
}
