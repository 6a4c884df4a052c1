"""Webhooks: a genuine delivery is told from one that is not."""

from __future__ import annotations

import time

import pytest
from waypost import webhooks
from waypost.errors import WebhookError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BODY = b'{"type": "payment.captured"}'


def test_a_genuine_delivery_is_answered_with_what_is_in_it() -> None:
    delivery = webhooks.verify(BODY, webhooks.signed_headers(BODY, SECRET, id="evt_1"), SECRET)
    assert (delivery.id, delivery.body, delivery.json()) == ("evt_1", BODY, {"type": "payment.captured"})
    assert abs(delivery.timestamp - time.time()) < 60


def test_headers_come_as_frameworks_have_them() -> None:
    signed = webhooks.signed_headers(BODY, SECRET)
    as_bytes = [(name.encode(), value.encode()) for name, value in signed.items()]
    in_capitals = {name.upper(): value for name, value in signed.items()}
    for headers in (signed, in_capitals, list(signed.items()), as_bytes):
        assert webhooks.verify(BODY.decode(), headers, SECRET).id == "msg_test"


def test_while_a_secret_is_replaced_both_hold() -> None:
    assert webhooks.verify(BODY, webhooks.signed_headers(BODY, OTHER), [SECRET, OTHER]).body == BODY
    assert webhooks.verify(BODY, webhooks.signed_headers(BODY, [SECRET, OTHER]), OTHER).body == BODY


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("signature", {"webhook-signature": "v1,AAAA"}),
        ("signature", {"webhook-id": "msg_other"}),
        ("timestamp", {"webhook-timestamp": "yesterday"}),
        ("too_old", {"webhook-timestamp": "1614265330"}),
        ("too_new", {"webhook-timestamp": "99999999999"}),
        ("missing_header", {"webhook-signature": None}),
    ],
)
def test_what_is_not_genuine_is_refused_with_a_reason(reason: str, change: dict[str, str | None]) -> None:
    headers = {name: value for name, value in (webhooks.signed_headers(BODY, SECRET) | change).items() if value is not None}
    with pytest.raises(WebhookError) as caught:
        webhooks.verify(BODY, headers, SECRET)
    assert caught.value.reason == reason
    assert caught.value.message


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(WebhookError) as caught:
        webhooks.verify(BODY + b" ", webhooks.signed_headers(BODY, SECRET), SECRET)
    assert caught.value.hint is not None
    assert "bytes that came" in caught.value.hint


def test_a_secret_that_is_none_is_refused() -> None:
    with pytest.raises(WebhookError) as caught:
        webhooks.sign(BODY, "whsec_!", id="msg", timestamp=1)
    assert caught.value.reason == "secret"


def test_a_parsed_body_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="bytes that came"):
        webhooks.verify({"type": "x"}, {}, SECRET)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_the_tolerance_can_be_set() -> None:
    headers = webhooks.signed_headers(BODY, SECRET, timestamp=1_000)
    assert webhooks.verify(BODY, headers, SECRET, now=1_900, tolerance=1_000).timestamp == 1_000
