"""Wrong arguments: a `TypeError` that names the argument, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from waypost.testing import FakeAPI


@pytest.fixture
def api() -> FakeAPI:
    return FakeAPI()


@pytest.fixture
def client(api: FakeAPI) -> Any:
    """Not typed: these are the mistakes that a type checker would find."""
    return api.client()


def test_a_missing_argument_is_named(client: Any) -> None:
    with pytest.raises(TypeError, match="currency"):
        client.wallets.create()
    with pytest.raises(TypeError, match="wallet_id"):
        client.wallets.get()


def test_an_unknown_argument_is_named(client: Any) -> None:
    with pytest.raises(TypeError, match="colour"):
        client.wallets.create(currency="EUR", colour="red")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.wallets.get(5), r"wallets\.get\(\) argument `wallet_id` must be str, not int"),
        (lambda c: c.wallets.get(None), r"wallets\.get\(\) argument `wallet_id` must be str, not None"),
        (lambda c: c.wallets.list(limit="5"), r"wallets\.list\(\) argument `limit` must be int, not str"),
        (lambda c: c.wallets.list(limit=True), r"argument `limit` must be int, not bool"),
        (lambda c: c.wallets.list(limit=1.5), r"argument `limit` must be int, not float"),
        (lambda c: c.wallets.create(currency=5), r"wallets\.create\(\) argument `currency` must be str, not int"),
        (lambda c: c.wallets.create(currency=None), r"argument `currency` must be str, not None"),
        (lambda c: c.wallets.credit("wal_1", amount="5"), r"wallets\.credit\(\) argument `amount` must be int, not str"),
        (lambda c: c.wallets.credit("wal_1", amount=1.5), r"argument `amount` must be int, not float"),
        (lambda c: c.wallets.credit("wal_1", amount=True), r"argument `amount` must be int, not bool"),
        (lambda c: c.wallets.create(currency="EUR", metadata={"a": object()}), r"argument `metadata` cannot be sent"),
        (lambda c: c.wallets.create(currency="EUR", metadata=["a"]), r"argument `metadata` must be object, not list|argument `metadata` must be an object, not list"),
        (lambda c: c.api_keys.create(name="a", permissions="wallets:read"), r"argument `permissions` must be list, not str"),
        (lambda c: c.wallets.get("wal_1", options={"timout": 1}), r"argument `options` has no key `timout`; it takes timeout"),
        (lambda c: c.wallets.get("wal_1", options={"timeout": "1"}), r"argument `options\['timeout'\]` must be a number of seconds, 0 or more, not str"),
        (lambda c: c.wallets.get("wal_1", options={"max_retries": -1}), r"argument `options\['max_retries'\]` must be a whole number, 0 or more, not -1"),
        (lambda c: c.wallets.get("wal_1", options=5), r"argument `options` must be a dict, not int"),
    ],
)
def test_a_wrong_type_is_named(api: FakeAPI, client: Any, call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(client)
    assert api.calls == []


def test_the_value_is_not_shown_because_it_may_be_a_secret(client: Any) -> None:
    with pytest.raises(TypeError) as caught:
        client.auth.login(email="a@example.com", password=b"seven wet umbrellas")
    assert "umbrella" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_text_of_an_enumeration_is_text(api: FakeAPI, client: Any) -> None:
    import enum

    class Status(str, enum.Enum):
        FROZEN = "frozen"

    api.on("wallets.list").pages([])
    client.wallets.list(status=[Status.FROZEN])
    assert api.calls[0].query["status"] == ["frozen"]
