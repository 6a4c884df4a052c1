"""A program's own code around every attempt, in both clients."""

from __future__ import annotations

import asyncio

import pytest
import waypost
from stage import Stage, answer, refused, reset
from waypost.testing import FakeAPI

HEALTH = '{"status":"ok","version":"0","uptime_seconds":1,"checked_at":"2026-01-01T00:00:00Z","checks":[]}'


class Seen(waypost.Middleware):
    """Notes what it sees."""

    def __init__(self) -> None:
        self.before_: list[tuple[str, int, str]] = []
        self.after_: list[tuple[int | None, str | None]] = []
        self.elapsed: list[float] = []

    def before(self, exchange: waypost.Exchange) -> dict[str, str]:
        self.before_.append((exchange.operation, exchange.attempt, exchange.method))
        return {"X-Attempt": str(exchange.attempt)}

    def after(self, exchange: waypost.Exchange) -> None:
        self.after_.append((exchange.status, exchange.failure))
        self.elapsed.append(exchange.elapsed_s)


def test_it_sees_each_attempt_and_adds_headers() -> None:
    seen = Seen()
    with Stage(reset, answer("", status="503 Busy"), answer(HEALTH)) as server:
        waypost.Client(server.url, environment={}, backoff_base=0.001, middleware=[seen]).system.health()
        added = [line for request in server.requests for line in request.split(b"\r\n") if line.lower().startswith(b"x-attempt")]
    assert seen.before_ == [("system_health", 1, "GET"), ("system_health", 2, "GET"), ("system_health", 3, "GET")]
    assert seen.after_ == [(None, "reset"), (503, None), (200, None)]
    assert all(0 < elapsed < 5 for elapsed in seen.elapsed)
    assert [line.split(b": ")[1] for line in added] == [b"1", b"2", b"3"]


def test_it_sees_a_connection_that_cannot_be_made() -> None:
    seen = Seen()
    with pytest.raises(waypost.errors.ConnectionError):
        waypost.Client(refused(), environment={}, max_retries=0, middleware=[seen]).system.health()
    assert seen.after_ == [(None, "connect")]


def test_a_function_is_called_before_each_attempt() -> None:
    urls: list[str] = []
    with Stage(answer(HEALTH)) as server:
        waypost.Client(server.url, environment={}, middleware=[lambda exchange: urls.append(exchange.url)]).system.health()
        assert urls == [f"{server.url}/health"]


def test_several_go_in_order_and_come_back_in_reverse() -> None:
    order: list[str] = []

    class Named(waypost.Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        def before(self, exchange: waypost.Exchange) -> None:
            order.append(f"{self.name} before")

        def after(self, exchange: waypost.Exchange) -> None:
            order.append(f"{self.name} after")

    with Stage(answer(HEALTH)) as server:
        waypost.Client(server.url, environment={}, middleware=[Named("a"), Named("b")]).system.health()
    assert order == ["a before", "b before", "b after", "a after"]


def test_what_it_raises_ends_the_call_and_nothing_is_sent() -> None:
    def refuse(exchange: waypost.Exchange) -> None:
        raise LookupError("no ticket")

    with Stage(answer(HEALTH)) as server, pytest.raises(LookupError, match="no ticket"):
        waypost.Client(server.url, environment={}, middleware=[refuse]).system.health()
    assert server.requests == []


def test_in_an_async_client_it_may_be_async() -> None:
    order: list[object] = []

    class Slow(waypost.Middleware):
        async def before(self, exchange: waypost.Exchange) -> dict[str, str]:
            await asyncio.sleep(0)
            return {"X-Slow": "yes"}

        async def after(self, exchange: waypost.Exchange) -> None:
            await asyncio.sleep(0)
            order.append(exchange.status)

    def plain(exchange: waypost.Exchange) -> dict[str, str]:
        return {"X-Plain": "yes"}

    async def story(url: str) -> None:
        async with waypost.AsyncClient(url, environment={}, middleware=[Slow(), plain]) as client:
            await client.system.health()

    with Stage(answer(HEALTH)) as server:
        asyncio.run(story(server.url))
        sent = server.requests[0].lower()
    assert b"x-slow: yes" in sent
    assert b"x-plain: yes" in sent
    assert order == [200]


def test_what_is_no_middleware_is_refused() -> None:
    with pytest.raises(TypeError, match="middleware"):
        waypost.Client("https://api.example", environment={}, middleware=[5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_what_is_no_header_is_refused() -> None:
    api = FakeAPI()
    api.on("*").reply({})
    client = api.client(middleware=[lambda exchange: ["a"]])  # type: ignore[list-item, return-value]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="dict"):
        client.system.health()
