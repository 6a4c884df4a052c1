"""Models: what a newer server sends is read, and kept where it goes back; absent, null and a value are three things; secrets do not show."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import waypost
from waypost import errors, models
from waypost.testing import FakeAPI, example

PAYER = "wal_01a2027bd6807002a76a5b76a8f7af1f"

PAYMENT: dict[str, Any] = {
    "id": "pay_1",
    "status": "authorized",
    "payer_wallet_id": PAYER,
    "destination": {"type": "external", "reference": "INV-1"},
    "amount": 5,
    "captured_amount": 0,
    "refunded_amount": 0,
    "currency": "EUR",
    "capture_method": "manual",
    "created_at": "2026-11-22T09:00:00Z",
    "updated_at": "2026-11-22T09:00:00Z",
}


def read(**changes: object) -> models.Payment:
    """A payment as a server sends it."""
    with FakeAPI() as api, api.client() as client:
        api.on("payments.get").reply({**PAYMENT, **changes})
        return client.payments.get("pay_1")


def sent(destination: models.PaymentDestination) -> Mapping[str, Any]:
    """A destination as it goes out again."""
    with FakeAPI() as api, api.client() as client:
        api.on("payments.create").reply(PAYMENT)
        client.payments.create(payer_wallet_id=PAYER, amount=1, currency="EUR", destination=destination)
        body: Mapping[str, Any] = json.loads(api.calls[0].body)["destination"]
        return body


def test_a_value_of_an_enum_that_is_new_is_the_text_that_came() -> None:
    assert read(status="on_hold").status == "on_hold"
    assert read().status == models.PaymentStatus.AUTHORIZED


def test_a_field_that_is_new_is_no_error() -> None:
    assert read(colour="red").amount == 5


def test_a_field_that_is_new_goes_back_where_the_same_schema_is_sent() -> None:
    came = {"type": "external", "reference": "INV-1", "iban": {"country": "DE"}, "tags": [1, None]}
    destination = read(destination=came).destination
    assert isinstance(destination, models.ExternalDestination)
    assert destination.unknown_fields == {"iban": {"country": "DE"}, "tags": [1, None]}
    destination.reference = "INV-2"
    assert sent(destination) == {**came, "reference": "INV-2"}
    assert sent(msgspec.structs.replace(destination, name="Baker")) == {**came, "reference": "INV-2", "name": "Baker"}


def test_a_variant_that_is_new_is_kept_whole_and_goes_back() -> None:
    came = {"type": "card", "number": "4242", "valid": {"to": "12/30"}}
    destination = read(destination=came).destination
    assert isinstance(destination, models.UnknownVariant)
    assert (destination.type, destination.fields) == ("card", came)
    assert "4242" not in repr(destination)
    assert sent(destination) == came


def test_a_variant_that_is_known_is_told_by_its_class_and_by_its_tag() -> None:
    destination = read(destination={"type": "wallet", "wallet_id": PAYER}).destination
    assert isinstance(destination, models.WalletDestination)
    assert destination.type == "wallet"
    assert destination.wallet_id == PAYER


def test_what_is_new_is_kept_in_every_item_of_a_page() -> None:
    with FakeAPI() as api, api.client() as client:
        api.on("payments.list").pages([PAYMENT, {**PAYMENT, "destination": {"type": "card"}}], [{**PAYMENT, "amount": 7}])
        found = list(client.payments.list())
    assert [type(one.destination).__name__ for one in found] == ["ExternalDestination", "UnknownVariant", "ExternalDestination"]
    assert found[2].amount == 7


def test_a_bound_that_a_newer_server_widened_is_no_error() -> None:
    assert read(amount=9_000_000_000_001, currency="EURO").currency == "EURO"


def test_absent_is_unset_and_null_is_none() -> None:
    assert read().description is waypost.UNSET
    assert not read().description
    with FakeAPI() as api, api.client() as client:
        api.on("payments.list").reply({"data": [], "next_cursor": None, "has_more": False})
        assert client.payments.list().next_cursor is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"amount": "5"}, "$.amount"),
        ({"destination": {"type": "external", "reference": 5}}, "$.destination.reference"),
        ({"destination": {"type": "external", "iban": "DE"}}, "$.destination"),
        ({"destination": {"reference": "a"}}, "$.destination"),
        ({"destination": {"type": "card"}, "amount": None}, "$.amount"),
    ],
)
def test_an_answer_of_another_shape_is_an_error_that_says_where(changes: dict[str, object], place: str) -> None:
    with pytest.raises(errors.DecodeError, match=place.replace("$", r"\$")):
        read(**changes)


def test_a_nested_model_is_held_to_its_types_before_it_is_sent() -> None:
    with FakeAPI() as api, api.client() as client:
        wrong: Any = models.ExternalDestination(reference=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match=r"`destination\.reference` must be str, not int"):
            client.payments.create(payer_wallet_id=PAYER, amount=1, currency="EUR", destination=wrong)
        assert api.calls == []


def test_a_secret_is_not_shown() -> None:
    key = example(models.ApiKeyWithSecret, secret="wp_secret")
    assert "wp_secret" not in f"{key!r} {key}"
    assert "secret='***'" in repr(key)
    assert key.secret == "wp_secret"


def test_models_compare_copy_and_pickle() -> None:
    payment = read(destination={"type": "external", "reference": "a", "new": 1})
    for again in (copy.deepcopy(payment), pickle.loads(pickle.dumps(payment))):
        assert again == payment
        assert isinstance(again.destination, models.ExternalDestination)
        assert again.destination.unknown_fields == {"new": 1}
    assert payment != read()


def test_what_is_absent_is_not_shown() -> None:
    assert "UNSET" not in repr(read())
    assert "unknown_fields" not in repr(read())


def test_every_model_is_public_and_can_be_read() -> None:
    from waypost._model import decoder

    assert len(models.__all__) > 50
    for name in models.__all__:
        one = getattr(models, name)
        if not isinstance(one, type) or issubclass(one, msgspec.Struct):
            decoder(one)
