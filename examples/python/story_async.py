"""What an asyncio program gets: calls side by side, pages by `async for`, streams by `async with`, cancellation that reaches the wire.

It needs a gateway and a key: `WAYPOST_BASE_URL=… WAYPOST_API_KEY=… python story_async.py`.
"""

from __future__ import annotations

import asyncio

import waypost


async def main() -> None:
    async with waypost.AsyncClient() as client:  # WAYPOST_BASE_URL, WAYPOST_API_KEY
        household, *others = await asyncio.gather(
            *(client.wallets.create(currency="EUR", name=name) for name in ("Household", "Holiday", "Rainy days"))
        )
        print(f"{1 + len(others)} wallets, opened side by side")

        await client.wallets.credit(household.id, amount=1000_00)
        await asyncio.gather(
            *(client.wallets.transfer(household.id, to_wallet_id=other.id, amount=50_00) for other in others)
        )
        balance = await client.wallets.balance(household.id)
        print(f"{balance.balance / 100:.2f} EUR left")
        assert balance.balance == 900_00

        # Every transaction, page by page as they are wanted.
        async for transaction in client.wallets.transactions(household.id, limit=2):
            print(f"  {transaction.created_at}  {transaction.type:<12} {transaction.amount / 100:>9.2f}")

        async with client.wallets.statement(household.id, format="csv") as statement:
            lines = [line async for line in statement.lines()]
        print(f"{len(lines)} lines of CSV")

        # A task that is cancelled drops its request.
        try:
            await asyncio.wait_for(client.system.docs(), timeout=0.0001)
        except asyncio.TimeoutError:
            print("gave up waiting, and the request was dropped")


if __name__ == "__main__":
    asyncio.run(main())
