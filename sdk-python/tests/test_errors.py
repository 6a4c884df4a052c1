"""The errors: a hierarchy to catch at each level, that can be pickled and copied and says what is to be done."""

from __future__ import annotations

import builtins
import copy
import pickle

import pytest
from waypost import errors

STATUS = {
    errors.BadRequestError: 400,
    errors.AuthenticationError: 401,
    errors.PermissionDeniedError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.GoneError: 410,
    errors.UnprocessableError: 422,
    errors.ValidationError: 422,
    errors.RateLimitedError: 429,
    errors.ServerError: 500,
}
TRANSPORT = (errors.ConnectionError, errors.TimeoutError, errors.CancelledError, errors.CircuitOpenError)
OTHERS = (errors.DecodeError, errors.OAuthError, errors.ConfigError, errors.ClosedError, errors.WebhookError)
ALL: tuple[type[errors.WaypostError], ...] = (*STATUS, *TRANSPORT, *OTHERS)


def full(kind: type[errors.WaypostError]) -> errors.WaypostError:
    if issubclass(kind, errors.WebhookError):
        return kind("the signature is not of any secret", reason="too_old", hint="Look at the clock")
    return kind(
        "there is no such wallet",
        hint="Check the id",
        status=404,
        problem=errors.Problem(
            code="wallet_not_found", errors=(errors.FieldError("/id", "unknown", "is unknown"),), extra={"near": ["wal_2"]}
        ),
        request_id="req_1",
        retry_after=2.5,
        attempts=[errors.Attempt(1, 0.0, 0.01, 503, "status", "req_0"), errors.Attempt(2, 0.5, 0.01, 404, "status", "req_1")],
        operation="wallets_get",
        method="GET",
        url="https://api.example/v1/wallets/wal_1",
        excerpt=None,
    )


@pytest.mark.parametrize("kind", STATUS)
def test_a_status_has_a_class_under_api_error(kind: type[errors.APIError]) -> None:
    assert issubclass(kind, errors.APIError)
    assert kind("as a test of a program makes it").status == STATUS[kind]


@pytest.mark.parametrize("kind", TRANSPORT)
def test_what_has_no_answer_is_a_transport_error(kind: type[errors.WaypostError]) -> None:
    assert issubclass(kind, errors.TransportError)
    assert not issubclass(kind, errors.APIError)


@pytest.mark.parametrize("kind", ALL)
def test_everything_is_a_waypost_error(kind: type[errors.WaypostError]) -> None:
    assert issubclass(kind, errors.WaypostError)


def test_two_are_builtins_as_well() -> None:
    assert issubclass(errors.ConnectionError, builtins.ConnectionError)
    assert issubclass(errors.TimeoutError, builtins.TimeoutError)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_can_be_pickled(kind: type[errors.WaypostError], protocol: int) -> None:
    error = full(kind)
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is kind
    assert back.__dict__ == error.__dict__
    assert (str(back), repr(back), back.args) == (str(error), repr(error), error.args)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_can_be_copied(kind: type[errors.WaypostError]) -> None:
    error = full(kind)
    for back in (copy.copy(error), copy.deepcopy(error)):
        assert type(back) is kind
        assert str(back) == str(error)


def test_its_text_tells_what_happened_to_what_and_what_to_do() -> None:
    assert str(full(errors.NotFoundError)) == (
        "there is no such wallet (GET https://api.example/v1/wallets/wal_1, request req_1, 2 attempts, retry after 2.5 s). Check the id"
    )


def test_its_repr_is_for_a_log() -> None:
    assert repr(full(errors.NotFoundError)) == (
        "NotFoundError('there is no such wallet', status=404, code='wallet_not_found', operation='wallets_get', "
        "request_id='req_1', retry_after=2.5, attempts=2)"
    )


def test_the_code_is_the_problems() -> None:
    assert full(errors.ConflictError).code == "wallet_not_found"


def test_wrong_fields_are_told_by_their_pointers() -> None:
    problem = errors.Problem(errors=(errors.FieldError("/a", "x", "is odd"), errors.FieldError("/a", "y", "is long")))
    assert errors.ValidationError("wrong", problem=problem).fields == {"/a": "is odd; is long"}


def test_a_cause_survives_being_raised_again() -> None:
    with pytest.raises(errors.NotFoundError) as caught:
        try:
            raise KeyError("x")
        except KeyError as error:
            raise errors.NotFoundError("gone") from error
    assert isinstance(caught.value.__cause__, KeyError)
