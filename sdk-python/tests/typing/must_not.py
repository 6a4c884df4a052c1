"""What must NOT type-check: on each line that ends in `# wrong`, mypy and pyright must find a mistake, and on no other."""

from __future__ import annotations

import waypost
from waypost import errors, models, webhooks
from waypost.testing import FakeAPI, example


def sync(client: waypost.Client) -> None:
    client.wallets.create()  # wrong
    client.wallets.create("EUR")  # wrong
    client.wallets.create(currency=5)  # wrong
    client.wallets.create(currency=None)  # wrong
    client.wallets.create(currency="EUR", colour="red")  # wrong
    client.wallets.create(currency="EUR", metadata={"a": 1})  # wrong
    client.wallets.credit("wal_1", amount="5")  # wrong
    client.wallets.credit("wal_1", amount=1.5)  # wrong
    client.wallets.credit(amount=5)  # wrong
    client.wallets.get()  # wrong
    client.wallets.get(5)  # wrong
    client.wallets.get("wal_1", "wal_2")  # wrong
    client.wallets.list(limit="5")  # wrong
    client.wallets.frobnicate()  # wrong
    client.walets.get("wal_1")  # wrong
    client.wallets.get("wal_1", options={"timout": 1.0})  # wrong
    client.wallets.get("wal_1", options={"timeout": "1"})  # wrong
    client.wallets.get("wal_1", options={"max_retries": 1.5})  # wrong
    client.wallets.get("wal_1").ballance  # wrong
    client.wallets.get("wal_1").balance.upper()  # wrong
    client.wallets.get("wal_1").name.upper()  # wrong
    client.wallets.with_raw_response.get(5)  # wrong
    client.wallets.with_raw_response.get("wal_1").balance  # wrong
    client.wallets.with_raw_response.create(name="a")  # wrong
    number: int = client.wallets.list()  # wrong
    text: str = client.wallets.get("wal_1").balance  # wrong
    client.payments.create(payer_wallet_id="wal_1", amount=1, currency="EUR", destination="wal_2")  # wrong
    client.with_options(proxy="http://x")  # wrong
    client.with_options(timeout="1")  # wrong
    print(number, text)


async def asynchronous(client: waypost.AsyncClient) -> None:
    client.wallets.get("wal_1").balance  # wrong
    for _ in client.wallets.list():  # wrong
        pass
    await client.wallets.create(currency=5)  # wrong
    await client.wallets.statement(5)  # wrong
    (await client.wallets.list()).items  # wrong
    with client:  # wrong
        pass


def failures(error: errors.WaypostError) -> None:
    error.status + 1  # wrong
    error.fields  # wrong
    error.code.upper()  # wrong
    error.status = 5  # wrong


def the_rest() -> None:
    waypost.Client(5)  # wrong
    waypost.Client("https://a", retries=3)  # wrong
    waypost.Client("https://a", "key")  # wrong
    waypost.Client("https://a", timeout="1")  # wrong
    waypost.Client("https://a", cache={"size": 1})  # wrong
    waypost.Client("https://a", middleware=[5])  # wrong
    waypost.Clinet("https://a")  # wrong
    waypost.middleware.Midleware()  # wrong
    models.Walet  # wrong
    models.CreateWallet("EUR")  # wrong
    models.CreateWallet(currency=5)  # wrong
    webhooks.verify({"a": 1}, {}, "whsec_")  # wrong
    webhooks.verify(b"", {}, 5)  # wrong
    FakeAPI().on("wallets.get").fail("explode")  # wrong
    FakeAPI().on("wallets.get").reply(status="200")  # wrong
    FakeAPI().client(proxy="http://x")  # wrong
    example(models.Wallet).ballance  # wrong
