/**
 * What a call costs, beside what programs use otherwise: calls a second and CPU time a call, of this process alone, for a small answer and a list of 100, one
 * after another and 50 at once.
 *
 * All contenders call the same server in another process, send the same key, read JSON and share nothing. They take turns, so what else the machine does meets
 * each of them; a figure is the median over the rounds, a ratio the median of the ratios within a round. Of a list most of the time is `JSON.parse`, which
 * all of them call alike.
 *
 * `measure.js BASE [--quick]`
 */

import axios from "axios";
import createClient from "openapi-fetch";
import { request } from "undici";
import { Waypost } from "waypost";

import type { paths } from "./schema.js";

const [base = "", quick] = process.argv.slice(2);
const key = "wp_1_secret";
const headers = { "x-api-key": key, accept: "application/json" };

const waypost = new Waypost({ baseUrl: base, apiKey: key, environment: false });
const withAxios = axios.create({ baseURL: base, headers });
const openapi = createClient<paths>({ baseUrl: base, headers });

type Contenders = Readonly<Record<string, () => Promise<unknown>>>;

const SMALL: Contenders = {
  waypost: () => waypost.wallets.get("wal_1"),
  "undici.request": async () => (await request(`${base}/v1/wallets/wal_1`, { headers })).body.json(),
  fetch: async () => (await fetch(`${base}/v1/wallets/wal_1`, { headers })).json(),
  axios: async () => (await withAxios.get<unknown>("/v1/wallets/wal_1")).data,
  "openapi-fetch": async () => (await openapi.GET("/v1/wallets/{wallet_id}", { params: { path: { wallet_id: "wal_1" } } })).data,
};

const LIST: Contenders = {
  waypost: async () => (await waypost.wallets.list({ limit: 100 })).data,
  "undici.request": async () => (await request(`${base}/v1/wallets?limit=100`, { headers })).body.json(),
  fetch: async () => (await fetch(`${base}/v1/wallets?limit=100`, { headers })).json(),
  axios: async () => (await withAxios.get<unknown>("/v1/wallets", { params: { limit: 100 } })).data,
  "openapi-fetch": async () => (await openapi.GET("/v1/wallets", { params: { query: { limit: 100 } } })).data,
};

interface Round {
  /** Calls a second. */
  readonly rate: number;
  /** Microseconds of CPU a call, all threads of the process. */
  readonly cpu: number;
}

async function round(call: () => Promise<unknown>, calls: number, atOnce: number): Promise<Round> {
  let left = calls;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await call();
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: calls / seconds, cpu: (user + system) / calls };
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

async function compare(title: string, contenders: Contenders, atOnce: number, calls: number, rounds: number): Promise<void> {
  const measured = new Map<string, Round[]>(Object.keys(contenders).map((name) => [name, []]));
  for (const call of Object.values(contenders)) await round(call, calls, atOnce);
  for (let turn = 0; turn < rounds; turn++) {
    for (const [name, call] of Object.entries(contenders)) measured.get(name)?.push(await round(call, calls, atOnce));
  }
  const ours = measured.get("waypost") ?? [];
  console.log(`\n${title}, ${atOnce === 1 ? "one after another" : `${atOnce} at once`}`);
  console.log("| | calls a second | waypost is faster by | CPU µs a call | waypost needs less by |\n| --- | --- | --- | --- | --- |");
  for (const [name, all] of measured) {
    const faster = median(all.map((one, turn) => (ours[turn]?.rate ?? 0) / one.rate));
    const less = median(all.map((one, turn) => one.cpu / (ours[turn]?.cpu ?? 1)));
    const ratio = (value: number): string => (name === "waypost" ? "" : value.toFixed(2));
    console.log(`| ${name} | ${median(all.map((one) => one.rate)).toFixed(0)} | ${ratio(faster)} | ${median(all.map((one) => one.cpu)).toFixed(1)} | ${ratio(less)} |`);
  }
}

const [rounds, share] = quick === "--quick" ? [3, 0.2] : [11, 1];
for (const atOnce of [1, 50]) {
  const calls = Math.round((atOnce === 1 ? 1000 : 3000) * share);
  await compare("an answer of 1 KB", SMALL, atOnce, calls, rounds);
  await compare("a list of 100 items (28 KB)", LIST, atOnce, calls, rounds);
}
waypost.close();
