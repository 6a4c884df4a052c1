"""What the async half does, against the real gateway: the same calls, awaited; pages, streams, cancellation, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import stage
import waypost
from gateway import Gateway
from waypost import errors

Story = Callable[[waypost.AsyncClient], Awaitable[None]]


@pytest.fixture
def tell(gateway: Gateway) -> Callable[[Story], None]:
    """Runs a story with a client of the gateway on a fresh event loop."""

    def run(story: Story) -> None:
        async def whole() -> None:
            async with waypost.AsyncClient(gateway.url, api_key=gateway.key, environment={}) as client:
                await story(client)

        asyncio.run(whole())

    return run


def test_a_wallet_is_made_and_read_back(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        made = await client.wallets.create(currency="EUR", name="Household")
        assert await client.wallets.get(made.id) == made

    tell(story)


def test_a_list_is_iterated_over_all_pages(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        wallet = await client.wallets.create(currency="EUR")
        for amount in (1, 2, 3):
            await client.wallets.credit(wallet.id, amount=amount)
        transactions = client.wallets.transactions(wallet.id, limit=2)
        assert [one.amount async for one in transactions] == [3, 2, 1]
        assert [len(page.data) async for page in transactions.pages()] == [2, 1]
        page = await transactions
        assert [one.amount for one in page.data] == [3, 2]
        second = await page.next_page()
        assert second is not None
        assert [one.amount for one in second.data] == [1]
        assert await second.next_page() is None

    tell(story)


def test_a_statement_is_streamed(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        wallet = await client.wallets.create(currency="EUR")
        await client.wallets.credit(wallet.id, amount=1)
        async with client.wallets.statement(wallet.id, format="csv") as statement:
            assert statement.head.status == 200
            assert len([line async for line in statement.lines()]) == 2
        opened = await client.wallets.statement(wallet.id)
        assert b"".join([piece async for piece in opened]).count(b"\n") == 1

    tell(story)


def test_a_raw_response_tells_how_it_came(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        response = await client.wallets.with_raw_response.create(currency="EUR")
        assert (response.status, response.parsed.currency) == (201, "EUR")
        page = await client.wallets.with_raw_response.list(limit=1)
        assert page.parsed.data[0].id == response.parsed.id

    tell(story)


def test_an_error_is_the_same_as_of_the_sync_client(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        with pytest.raises(errors.NotFoundError) as caught:
            await client.wallets.get("wal_019aba1ee5407a1b8c3d4e5f60718293")
        assert caught.value.operation == "wallets_get"
        with pytest.raises(TypeError, match="wallet_id"):
            await client.wallets.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    tell(story)


def test_many_calls_at_once_are_all_answered(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        wallet = await client.wallets.create(currency="EUR")
        answers = await asyncio.gather(*(client.wallets.get(wallet.id) for _ in range(200)))
        assert {answer.id for answer in answers} == {wallet.id}

    tell(story)


def test_with_options_is_a_client_of_the_same_kind(tell: Callable[[Story], None]) -> None:
    async def story(client: waypost.AsyncClient) -> None:
        hurried = client.with_options(timeout=5, max_retries=0)
        assert isinstance(hurried, waypost.AsyncClient)
        await hurried.wallets.create(currency="EUR")

    tell(story)


def test_one_client_serves_several_event_loops(gateway: Gateway) -> None:
    client = waypost.AsyncClient(gateway.url, api_key=gateway.key, environment={})

    async def once() -> str:
        return (await client.wallets.create(currency="EUR")).id

    assert asyncio.run(once()) != asyncio.run(once())


def test_cancelling_a_task_ends_its_request() -> None:
    with stage.Stage(stage.silence) as server:

        async def story() -> None:
            async with waypost.AsyncClient(server.url, api_key="k", environment={}) as client:
                task = asyncio.create_task(_forever(client.wallets.get("wal_1")))
                while not server.requests:
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(asyncio.wait_for(story(), 10))


async def _forever(call: Coroutine[Any, Any, Any]) -> None:
    await call


def test_wait_for_gives_up_in_time() -> None:
    with stage.Stage(stage.silence) as server:

        async def story() -> None:
            async with waypost.AsyncClient(server.url, api_key="k", environment={}) as client:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.wallets.get("wal_1"), 0.05)

        asyncio.run(story())


def test_a_closed_client_says_so(gateway: Gateway) -> None:
    async def story() -> None:
        client = waypost.AsyncClient(gateway.url, api_key=gateway.key, environment={})
        await client.close()
        await client.close()
        with pytest.raises(errors.ClosedError, match="closed"):
            await client.wallets.list()

    asyncio.run(story())


def test_under_trio_it_says_what_it_needs(gateway: Gateway) -> None:
    trio = pytest.importorskip("trio")

    async def story() -> None:
        client = waypost.AsyncClient(gateway.url, api_key=gateway.key, environment={})
        with pytest.raises(errors.ConfigError, match="asyncio"):
            await client.system.health()

    trio.run(story)


def test_uvloop_works(gateway: Gateway) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def story() -> str:
        async with waypost.AsyncClient(gateway.url, api_key=gateway.key, environment={}) as client:
            return (await client.system.health()).status

    assert uvloop.run(story()) == "ok"
