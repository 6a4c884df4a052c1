"""What must type-check, in strict mode: the ways in which programs use the package, with the types that they get."""

from __future__ import annotations

from typing import assert_type

import waypost
from waypost import errors, models, webhooks
from waypost.testing import FakeAPI, example


def sync(client: waypost.Client) -> None:
    wallet = client.wallets.create(currency="EUR", name="Household", metadata={"a": "b"})
    assert_type(wallet, models.Wallet)
    assert_type(wallet.balance, int)
    assert_type(wallet.id, str)
    if wallet.name is not waypost.UNSET:
        assert_type(wallet.name, str)
    if wallet.status == "frozen" or wallet.status == "a status of a later version":
        pass
    assert_type(client.wallets.list(status=["active"], limit=5), waypost.Page[models.Wallet])
    for one in client.wallets.list():
        assert_type(one, models.Wallet)
    for page in client.wallets.list().pages():
        assert_type(page.data, list[models.Wallet])
    assert_type(client.wallets.with_raw_response.get("wal_1"), waypost.RawResponse[models.Wallet])
    assert_type(client.wallets.with_raw_response.list().parsed, waypost.Page[models.Wallet])
    assert_type(client.wallets.with_raw_response.create(currency="EUR").parsed.balance, int)
    with client.wallets.statement("wal_1", format="csv") as statement:
        assert_type(statement, waypost.ByteStream)
        assert_type(list(statement), list[bytes])
        assert_type(list(statement.lines()), list[str])
    options: waypost.CallOptions = {"timeout": 1.0, "max_retries": 0, "headers": {"X-A": "b"}}
    client.wallets.get("wal_1", options=options)
    client.wallets.get(wallet_id="wal_1", options={"idempotency_key": "a"})
    assert_type(client.with_options(timeout=1), waypost.Client)
    assert_type(client.system.metrics(), str)
    with client as entered:
        assert_type(entered, waypost.Client)


async def asynchronous(client: waypost.AsyncClient) -> None:
    assert_type(await client.wallets.get("wal_1"), models.Wallet)
    assert_type(await client.wallets.list(), waypost.AsyncPage[models.Wallet])
    async for one in client.wallets.list():
        assert_type(one, models.Wallet)
    async for page in client.wallets.list().pages():
        assert_type(page, waypost.AsyncPage[models.Wallet])
    assert_type(await client.wallets.with_raw_response.get("wal_1"), waypost.RawResponse[models.Wallet])
    raw = await client.wallets.with_raw_response.list(limit=1)
    assert_type(raw.parsed, waypost.AsyncPage[models.Wallet])
    async with client.wallets.statement("wal_1") as statement:
        async for piece in statement:
            assert_type(piece, bytes)
    assert_type(client.with_options(timeout=1), waypost.AsyncClient)


def failures(error: errors.WaypostError) -> None:
    assert_type(error.status, int | None)
    assert_type(error.attempts, tuple[errors.Attempt, ...])
    if isinstance(error, errors.APIError):
        assert_type(error.status, int)
    if isinstance(error, errors.ValidationError):
        assert_type(error.fields, dict[str, str])


class Timing(waypost.Middleware):
    def before(self, exchange: waypost.Exchange) -> dict[str, str]:
        return {"X-Attempt": str(exchange.attempt)}

    async def after(self, exchange: waypost.Exchange) -> None:
        assert_type(exchange.status, int | None)


def the_rest() -> None:
    waypost.Client("https://api.example", cache=False, breaker=True, budget={"capacity": 5}, middleware=[Timing(), lambda _: None])
    assert_type(webhooks.verify(b"", {"webhook-id": "a"}, "whsec_").body, bytes)
    api = FakeAPI()
    api.on("wallets.get").problem(503, times=1).reply(example(models.Wallet, balance=5))
    assert_type(api.client(max_retries=1), waypost.Client)
    assert_type(example(models.Wallet), models.Wallet)
