/**
 * What the types of the contract promise: enums that stay open, unions that narrow, absent and null told apart, nothing that is `any`. Lines under
 * `@ts-expect-error` must not compile. Nothing here is run.
 */

import {
  type CreatePayment,
  type CreateWallet,
  type Open,
  type PaymentDestination,
  type UnknownTag,
  type Wallet,
  type WalletPage,
  type Waypost,
  WalletStatus,
} from "waypost";

/** `any` alone is assignable to `never` and takes everything. */
type IsAny<T> = 0 extends 1 & T ? true : false;

// An enum: values by name, values as text, values of tomorrow.
export const byName: "active" = WalletStatus.Active;
export const statuses: WalletStatus[] = ["frozen", WalletStatus.Closed, "hibernating"];
// @ts-expect-error not everything is a status
export const number: WalletStatus = 5;
// @ts-expect-error the names are those of the contract
export const misspelt = WalletStatus.Activ;

// A union: the tag narrows, and what is left is a variant of tomorrow with all that it came with.
export function described(destination: PaymentDestination): string {
  // @ts-expect-error not every destination has a wallet
  void destination.wallet_id;
  switch (destination.type) {
    case "wallet":
      return destination.wallet_id;
    case "external":
      return destination.reference;
    default:
      destination.type satisfies UnknownTag;
      return `${destination.type}: ${String(destination["reference"] satisfies unknown)}`;
  }
}
export function reference(destination: PaymentDestination): string | undefined {
  return destination.type === "external" ? destination.reference : undefined;
}
export const tomorrow: PaymentDestination = { type: "account" as string as UnknownTag, iban: "BE68 5390 0754 7034" };
// @ts-expect-error a tag that no variant has
export const nowhere: PaymentDestination = { type: "nowhere" };
// @ts-expect-error a variant with a property of another
export const mixed: PaymentDestination = { type: "wallet", wallet_id: "wal_1", reference: "x" };
// @ts-expect-error a variant without what it must have
export const half: PaymentDestination = { type: "wallet" };
// @ts-expect-error an object without its tag
export const untagged: PaymentDestination = { wallet_id: "wal_1" };

// A request: what is required is there, what is unknown is a typo, and absent is neither null nor undefined.
export const least: CreateWallet = { currency: "EUR" };
export const payment: CreatePayment = {
  payer_wallet_id: "wal_1",
  amount: 5,
  currency: "EUR",
  destination: { type: "external", reference: "INV-1" },
};
// @ts-expect-error undefined is not absent
export const undefinedName: CreateWallet = { currency: "EUR", name: undefined };
// @ts-expect-error null is not absent
export const nullName: CreateWallet = { currency: "EUR", name: null };
// @ts-expect-error metadata is text
export const metadata: CreateWallet = { currency: "EUR", metadata: { order: 5 } };

// An answer: what may be absent, what may be null, and what this version does not know for those who ask.
export function answered(wallet: Wallet, page: WalletPage): void {
  wallet.name satisfies string | undefined;
  // @ts-expect-error it may be absent
  wallet.name satisfies string;
  page.next_cursor satisfies string | null;
  // @ts-expect-error it may be null
  page.next_cursor satisfies string;
  page.data[0]?.id satisfies string | undefined;
  // @ts-expect-error a page may be empty
  void page.data[0].id;
  wallet.metadata?.["order"] satisfies string | undefined;
  (wallet as Open<Wallet>)["tomorrow"] satisfies unknown;
  const any: IsAny<Open<Wallet>["tomorrow"]> = false;
  void any;
}

// A call: a body whose fields are all optional may be left out, and options do not pass for one.
export async function called(client: Waypost): Promise<void> {
  await client.wallets.freeze("wal_1");
  await client.wallets.freeze("wal_1", {}, { timeoutMs: 5 });
  // @ts-expect-error options in the body's place
  await client.wallets.freeze("wal_1", { timeoutMs: 5 });
  // @ts-expect-error a resource is not replaced
  client.wallets = client.payments;
  const answer = await client.wallets.get("wal_1");
  const any: IsAny<typeof answer> | IsAny<(typeof answer)["metadata"]> = false;
  void any;
}
