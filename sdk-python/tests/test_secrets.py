"""No credential is in anything that is printed: reprs, errors, tracebacks, logs, pickles of errors."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest
import waypost
from stage import Stage, answer
from waypost import errors, models, webhooks
from waypost.testing import FakeAPI, example

SECRET = "wp_0198_TopSecretValue"


def test_a_client_shows_which_credentials_it_has_and_not_what_they_are() -> None:
    for settings in ({"api_key": SECRET}, {"access_token": SECRET}, {"client_id": "id", "client_secret": SECRET}):
        given: dict[str, Any] = settings
        for kind in (waypost.Client, waypost.AsyncClient):
            client = kind("https://api.example", environment={}, **given)
            assert SECRET not in f"{client!r} {client}"
            assert "api.example" in repr(client)


def test_an_error_repeats_no_credential_that_a_server_repeated(caplog: pytest.LogCaptureFixture) -> None:
    body = '{"title":"No","code":"bad_key","detail":"the key %s is unknown","given":"%s"}' % (SECRET, SECRET)
    bad = answer(body, status="401 No", kind="application/problem+json", headers=f"x-echo: {SECRET}\r\n")
    with Stage(bad) as server, caplog.at_level(logging.DEBUG), pytest.raises(errors.AuthenticationError) as caught:
        waypost.Client(server.url, api_key=SECRET, environment={}).wallets.list()
    error = caught.value
    told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert SECRET not in f"{error} {error!r} {error.problem!r} {error.__dict__!r} {told}"
    assert SECRET.encode() not in pickle.dumps(error)
    assert caplog.text
    assert SECRET not in caplog.text


def test_a_page_of_a_proxy_that_repeats_the_token_is_not_quoted_with_it() -> None:
    bad = answer(f"<pre>Authorization: Bearer {SECRET}</pre>", status="502 Bad", kind="text/html")
    with Stage(bad) as server, pytest.raises(errors.ServerError) as caught:
        waypost.Client(server.url, access_token=SECRET, environment={}, max_retries=0).wallets.list()
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.excerpt}"


def test_an_exchange_shows_no_credential() -> None:
    shown: list[str] = []
    with Stage(answer('{"data":[],"next_cursor":null,"has_more":false}')) as server:
        client = waypost.Client(server.url, api_key=SECRET, environment={}, middleware=[lambda exchange: shown.append(repr(exchange))])
        client.wallets.list()
    assert shown
    assert SECRET not in shown[0]


def test_headers_print_no_credential() -> None:
    headers = waypost.Headers([("Authorization", f"Bearer {SECRET}"), ("Set-Cookie", f"session={SECRET}"), ("ETag", "1")])
    assert SECRET not in f"{headers!r} {headers}"
    assert headers["authorization"] == f"Bearer {SECRET}"


def test_a_recorded_call_prints_no_credential() -> None:
    api = FakeAPI()
    api.on("wallets.list").pages([])
    api.client(api_key=SECRET).wallets.list()
    assert SECRET not in repr(api.calls)
    assert api.calls[0].headers["x-api-key"] == SECRET


def test_a_model_prints_none_of_its_secret_fields() -> None:
    created = example(models.ApiKeyWithSecret, secret=SECRET)
    tokens = example(models.TokenPair, access_token=SECRET, refresh_token=SECRET)
    assert SECRET not in f"{created!r} {tokens!r} {created} {tokens}"


def test_a_webhook_error_has_no_secret() -> None:
    with pytest.raises(errors.WebhookError) as caught:
        webhooks.verify(b"{}", webhooks.signed_headers(b"[]", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    assert "AAECAw" not in f"{caught.value!r} {caught.value}"
    with pytest.raises(errors.WebhookError) as caught:
        webhooks.verify(b"{}", {}, "no base64 TopSecret")
    assert "TopSecret" not in f"{caught.value!r} {caught.value}"
