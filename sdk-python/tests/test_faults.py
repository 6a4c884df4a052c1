"""Faults staged byte by byte: each is the typed error of the behaviour table, and nothing is sent again that must not be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
import waypost
from stage import Scene, Stage, answer, cut, refused, reset, silence, stall
from waypost import errors

WALLET = (
    '{"id":"wal_1","currency":"EUR","status":"active","balance":0,"available":0,"held":0,'
    '"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}'
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n"

Ask = Callable[..., Any]


def _sync(url: str, call: Callable[[Any], Any], **settings: Any) -> Any:
    with waypost.Client(url, api_key="k", environment={}, backoff_base=0.001, **settings) as client:
        return call(client)


def _async(url: str, call: Callable[[Any], Any], **settings: Any) -> Any:
    async def whole() -> Any:
        async with waypost.AsyncClient(url, api_key="k", environment={}, backoff_base=0.001, **settings) as client:
            return await call(client)

    return asyncio.run(whole())


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Makes one call with a client of its own, of either kind."""
    function: Ask = request.param
    return function


def get(client: Any) -> Any:
    return client.wallets.get("wal_1")


def change_password(client: Any) -> Any:
    return client.auth.change_password(current_password="seven wet umbrellas", new_password="eight wet umbrellas")  # the contract says: never sent again


@pytest.mark.parametrize(
    ("scene", "error", "status"),
    [
        pytest.param(reset, errors.ConnectionError, None, id="reset before the first byte"),
        pytest.param(cut(b"HTTP/1.1 20"), errors.ConnectionError, None, id="broken off within the head"),
        pytest.param(cut(HEAD + b'{"id":'), errors.ConnectionError, 200, id="broken off within the body"),
        pytest.param(silence, errors.TimeoutError, None, id="no head in time"),
        pytest.param(stall(HEAD + b'{"id":'), errors.TimeoutError, 200, id="no body in time"),
        pytest.param(answer("<h1>502</h1>", status="502 Bad Gateway", kind="text/html"), errors.ServerError, 502, id="a page in place of an error"),
        pytest.param(answer('{"id": "wal_1", "cur'), errors.DecodeError, 200, id="truncated JSON"),
        pytest.param(answer("<h1>Welcome</h1>", kind="text/html"), errors.DecodeError, 200, id="the wrong content type"),
        pytest.param(answer('{"id": 5}'), errors.DecodeError, 200, id="JSON of another shape"),
        pytest.param(answer("[]"), errors.DecodeError, 200, id="JSON of another kind"),
        pytest.param(answer(b"\xff\xfe"), errors.DecodeError, 200, id="no UTF-8"),
        pytest.param(answer("", status="599 Odd"), errors.ServerError, 599, id="a status that nobody knows"),
        pytest.param(cut(b"SSH-2.0-OpenSSH_9.6\r\n"), errors.DecodeError, None, id="not HTTP"),
    ],
)
def test_a_fault_is_the_typed_error_of_the_table(ask: Ask, scene: Scene, error: type[errors.WaypostError], status: int | None) -> None:
    with Stage(scene) as server:
        with pytest.raises(error) as caught:
            ask(server.url, get, timeout=1, max_retries=0)
    assert type(caught.value) is error
    assert caught.value.status in (status, None) if status == 200 else caught.value.status == status
    assert caught.value.operation == "wallets_get"
    assert len(caught.value.attempts) == 1
    assert len(server.requests) == 1


def test_a_refused_connection_is_a_connection_error(ask: Ask) -> None:
    with pytest.raises(errors.ConnectionError) as caught:
        ask(refused(), get)
    assert [attempt.cause for attempt in caught.value.attempts] == ["connect"] * 3


def test_the_builtin_names_catch_as_well(ask: Ask) -> None:
    import builtins

    with pytest.raises(builtins.ConnectionError):
        ask(refused(), get, max_retries=0)
    with Stage(silence) as server, pytest.raises(builtins.TimeoutError):
        ask(server.url, get, timeout=0.1, max_retries=0)


@pytest.mark.parametrize("scene", [reset, cut(HEAD[:20]), silence, answer("", status="503 Busy")], ids=["reset", "cut", "silence", "503"])
def test_a_safe_call_is_sent_again(ask: Ask, scene: Scene) -> None:
    with Stage(scene, scene, answer(WALLET)) as server:
        assert ask(server.url, get, timeout=1).id == "wal_1"
        assert len(server.requests) == 3


@pytest.mark.parametrize("scene", [reset, silence, answer("", status="503 Busy")], ids=["reset", "silence", "503"])
def test_what_must_never_be_sent_twice_is_sent_once(ask: Ask, scene: Scene) -> None:
    with Stage(scene) as server:
        with pytest.raises(errors.WaypostError):
            ask(server.url, change_password, timeout=0.3)
        assert len(server.requests) == 1


@pytest.mark.parametrize("scene", [reset, silence, answer("", status="503 Busy")], ids=["reset", "silence", "503"])
def test_no_retries_means_none(ask: Ask, scene: Scene) -> None:
    with Stage(scene) as server:
        with pytest.raises(errors.WaypostError):
            ask(server.url, get, timeout=0.3, max_retries=0)
        assert len(server.requests) == 1


def test_no_retries_means_none_for_one_call_too(ask: Ask) -> None:
    with Stage(reset) as server:
        with pytest.raises(errors.ConnectionError):
            ask(server.url, lambda client: client.wallets.get("wal_1", options={"max_retries": 0}))
        assert len(server.requests) == 1


def test_a_post_is_sent_again_under_the_same_key(ask: Ask) -> None:
    with Stage(reset, answer(WALLET, status="201 Created")) as server:
        ask(server.url, lambda client: client.wallets.create(currency="EUR"))
        keys = [line for request in server.requests for line in request.split(b"\r\n") if line.lower().startswith(b"idempotency-key:")]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_an_error_that_says_how_long_to_wait_is_waited_for(ask: Ask) -> None:
    busy = answer("", status="429 Slow down", headers="retry-after: 1\r\n")
    with Stage(busy, answer(WALLET)) as server:
        began = time.monotonic()
        ask(server.url, get)
    assert time.monotonic() - began >= 1


def test_a_wait_beyond_the_deadline_fails_at_once_and_says_how_long(ask: Ask) -> None:
    busy = answer("", status="429 Slow down", headers="retry-after: 3600\r\n")
    with Stage(busy) as server:
        began = time.monotonic()
        with pytest.raises(errors.RateLimitedError) as caught:
            ask(server.url, get)
    assert caught.value.retry_after == 3600
    assert time.monotonic() - began < 5


def test_the_deadline_holds_over_all_attempts(ask: Ask) -> None:
    with Stage(silence) as server:
        began = time.monotonic()
        with pytest.raises(errors.TimeoutError, match="deadline"):
            ask(server.url, get, timeout=5, deadline=0.3)
    assert time.monotonic() - began < 3


def test_an_answer_larger_than_allowed_is_refused(ask: Ask) -> None:
    with Stage(answer('"' + "x" * 5000 + '"')) as server, pytest.raises(errors.DecodeError):
        ask(server.url, get, max_answer_bytes=1000)


def test_a_page_in_place_of_an_error_is_quoted_in_one_line(ask: Ask) -> None:
    page = answer("<html>\n  <h1>Bad\tGateway</h1>\n</html>", status="502 Bad Gateway", kind="text/html")
    with Stage(page) as server, pytest.raises(errors.ServerError) as caught:
        ask(server.url, get, max_retries=0)
    assert caught.value.excerpt == "<html> <h1>Bad Gateway</h1> </html>"
    assert caught.value.problem is None


def test_a_traceback_shows_the_program_and_the_error_alone(ask: Ask) -> None:
    with pytest.raises(errors.ConnectionError) as caught:
        ask(refused(), get, max_retries=0)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_stream_that_breaks_raises_where_it_broke() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 500\r\n\r\n"
    with Stage(cut(head + b"a,b\n")) as server, waypost.Client(server.url, api_key="k", environment={}) as client:
        with client.wallets.statement("wal_1", format="csv") as statement:
            lines = statement.lines()
            assert next(lines) == "a,b"
            with pytest.raises(errors.ConnectionError):
                next(lines)


def test_a_stream_that_is_left_ends_its_request() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 500\r\n\r\n"
    with Stage(stall(head + b"a,b\n")) as server, waypost.Client(server.url, api_key="k", environment={}) as client:
        with client.wallets.statement("wal_1", format="csv") as statement:
            assert next(statement.lines()) == "a,b"
        statement.close()
