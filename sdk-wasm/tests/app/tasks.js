// What the tests have done, on whichever engine and in whichever place. Each task answers with plain data.

const told = (error) => ({ error: error.name, kind: error.kind, message: error.message, status: error.status, attempts: error.attempts?.length });

/** Signs up and in, opens wallets, lists and pages. */
export async function account({ Waypost }, baseUrl) {
  const client = new Waypost({ baseUrl });
  const email = `ada-${crypto.randomUUID()}@example.com`;
  const password = "seven wet umbrellas in a row";
  await client.auth.register({ email, password, name: "Ada", tenant_name: "Marlowe" });
  const { access_token } = await client.auth.login({ email, password });
  const signedIn = client.withOptions({ accessToken: access_token });
  for (const name of ["a", "b", "c"]) await signedIn.wallets.create({ currency: "EUR", name });
  const page = await signedIn.wallets.list({ limit: 2 });
  const names = [];
  for await (const wallet of signedIn.wallets.list({ limit: 2 })) names.push(wallet.name);
  return { access_token, onPage: page.data.length, names };
}

/** Many calls at once, until a rate limit was met and waited out. */
export async function burst({ Waypost }, baseUrl, accessToken, calls) {
  const { wallets } = new Waypost({ baseUrl, accessToken });
  const answers = await Promise.all(
    Array.from({ length: calls }, () => wallets.list({}, { deadlineMs: 40_000, maxRetries: 10 }).withResponse()),
  );
  const waited = answers.filter(({ response }) => response.attempts.length > 1);
  return { answered: answers.length, waited: waited.length, first: waited[0]?.response.attempts.map(({ status }) => status) };
}

/** One call, and what came of it. */
export async function get({ Waypost }, options, callOptions) {
  try {
    const { data, response } = await new Waypost(options).system.health(callOptions).withResponse();
    return { data, requestId: response.requestId, attempts: response.attempts.map(({ status, cause }) => status ?? cause) };
  } catch (error) {
    return told(error);
  }
}

/** Gives a call up after a while. */
export async function abort({ Waypost }, baseUrl, milliseconds) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds);
  const started = performance.now();
  const outcome = await get({ Waypost }, { baseUrl }, { signal: controller.signal });
  return { ...outcome, elapsed: performance.now() - started };
}

/** A call that is signed in, by the SDK and by plain `fetch`. */
export async function list({ Waypost }, options) {
  try {
    return { data: (await new Waypost(options).wallets.list({ limit: 5 })).data };
  } catch (error) {
    return told(error);
  }
}
export async function create({ Waypost }, options) {
  try {
    return await new Waypost(options).wallets.create({ currency: "EUR", name: "x" });
  } catch (error) {
    return told(error);
  }
}
export async function plain(_, url, init) {
  return (await fetch(url, init)).status;
}

/**
 * What a call costs and bare `fetch` of it, in milliseconds: of the same request, and of the address alone, which asks for no media type. They take turns one by
 * one, so that whatever else the machine does meets all of them, and what is added is the median of the differences within a turn. Wants a page whose clock is
 * exact: one that is isolated.
 */
export async function bench({ Waypost }, baseUrl, turns) {
  const { system } = new Waypost({ baseUrl });
  const url = `${baseUrl}/health`;
  const fetched = async (init) => JSON.parse(await (await fetch(url, init)).text());
  const contenders = {
    ours: () => system.health(),
    same: () => fetched({ headers: { accept: "application/json" } }),
    bare: () => fetched(),
  };
  const names = Object.keys(contenders);
  const took = { ours: [], same: [], bare: [], overSame: [], overBare: [] };
  for (let turn = -50; turn < turns; turn++) {
    const now = {};
    for (let place = 0; place < names.length; place++) {
      const name = names[(((turn + place) % 3) + 3) % 3];
      const started = performance.now();
      await contenders[name]();
      now[name] = performance.now() - started;
    }
    if (turn < 0) continue;
    now.overSame = now.ours - now.same;
    now.overBare = now.ours - now.bare;
    for (const name in now) took[name].push(now[name]);
  }
  const at = (list, part) => list.sort((a, b) => a - b)[Math.floor(list.length * part)];
  const figures = (part) => Object.fromEntries(Object.entries(took).map(([name, list]) => [name, at(list, part)]));
  return { isolated: crossOriginIsolated, "lower quartile": figures(0.25), median: figures(0.5), "upper quartile": figures(0.75) };
}
