"""What a client may be set up with: from arguments, from the environment; every mistake told at once."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import waypost
from stage import Stage, answer
from waypost import errors

HEALTH = '{"status":"ok","version":"0","uptime_seconds":1,"checked_at":"2026-01-01T00:00:00Z","checks":[]}'


def headers(request: bytes) -> dict[str, str]:
    lines = request.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def test_the_environment_says_where_and_who(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(answer(HEALTH)) as server:
        monkeypatch.setenv("WAYPOST_BASE_URL", server.url)
        monkeypatch.setenv("WAYPOST_API_KEY", "wp_from_environment")
        monkeypatch.setenv("WAYPOST_TENANT", "ten_1")
        with waypost.Client() as client:
            client.auth.with_raw_response.me()
        sent = headers(server.requests[0])
    assert (sent["x-api-key"], sent["x-tenant-id"]) == ("wp_from_environment", "ten_1")


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(answer(HEALTH)) as server:
        monkeypatch.setenv("WAYPOST_BASE_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("WAYPOST_ACCESS_TOKEN", "from_environment")
        with waypost.Client(server.url, api_key="given") as client:
            client.auth.with_raw_response.me()
        sent = headers(server.requests[0])
    assert sent["x-api-key"] == "given"
    assert "authorization" not in sent


def test_another_environment_can_be_given() -> None:
    client = waypost.Client(environment={"WAYPOST_BASE_URL": "https://api.example/prefix/", "WAYPOST_API_KEY": "k"})
    assert client.base_url.startswith("https://api.example/prefix")


def test_without_a_base_url_it_says_what_to_do() -> None:
    with pytest.raises(errors.ConfigError, match="WAYPOST_BASE_URL"):
        waypost.Client(environment={})


def test_every_mistake_of_type_is_told_at_once() -> None:
    wrong: dict[str, Any] = {
        "base_url": 5,
        "api_key": b"secret",
        "timeout": -1,
        "deadline": "60",
        "max_retries": 1.5,
        "headers": ["a"],
        "cache": {"size": 1},
        "breaker": {"window": "x"},
        "pacing": 1,
    }
    with pytest.raises(errors.ConfigError) as caught:
        waypost.Client(**wrong)
    text = str(caught.value)
    for name in wrong:
        assert f"`{name}`" in text
    assert "secret" not in text


def test_every_mistake_of_value_is_told_at_once() -> None:
    with pytest.raises(errors.ConfigError) as caught:
        waypost.Client("ftp://api.example", timeout=0, headers={"bad header": "x"}, environment={})
    text = str(caught.value)
    assert "base URL" in text
    assert "timeout" in text
    assert "bad header" in text


def test_a_wrong_variable_is_named_and_a_secret_is_not_shown() -> None:
    with pytest.raises(errors.ConfigError) as caught:
        waypost.Client(environment={"WAYPOST_BASE_URL": "nonsense", "WAYPOST_API_KEY": "Top\nSecret", "WAYPOST_LOG": "loud"})
    text = str(caught.value)
    for name in ("WAYPOST_BASE_URL", "WAYPOST_API_KEY", "WAYPOST_LOG"):
        assert name in text
    assert "Secret" not in text


def test_an_unknown_argument_is_a_type_error() -> None:
    wrong: dict[str, Any] = {"retries": 3}
    with pytest.raises(TypeError, match="retries"):
        waypost.Client("https://api.example", **wrong)


def test_a_missing_ca_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="missing.pem"):
        waypost.Client("https://api.example", ca_bundle=tmp_path / "missing.pem", environment={})


def test_a_proxy_is_used() -> None:
    with Stage(answer(HEALTH)) as proxy, waypost.Client("http://api.example", proxy=proxy.url, environment={}) as client:
        client.system.health()
        assert proxy.requests[0].startswith(b"GET http://api.example/health ")


def test_a_proxy_of_the_environment_is_used_unless_it_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(answer(HEALTH)) as proxy, Stage(answer(HEALTH)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        waypost.Client(server.url).system.health()
        waypost.Client(server.url, proxy=False).system.health()
        assert (len(proxy.requests), len(server.requests)) == (1, 1)


def test_headers_of_the_client_and_of_the_call_are_sent() -> None:
    with Stage(answer(HEALTH)) as server:
        client = waypost.Client(server.url, headers={"X-Team": "ledger", "X-Both": "client"}, environment={})
        client.system.health(options={"headers": {"X-Both": "call"}})
        sent = headers(server.requests[0])
    assert (sent["x-team"], sent["x-both"]) == ("ledger", "call")


def test_the_user_agent_names_the_package() -> None:
    with Stage(answer(HEALTH)) as server:
        waypost.Client(server.url, environment={}).system.health()
        assert headers(server.requests[0])["user-agent"] == f"waypost-python/{waypost.__version__}"


def test_with_options_changes_what_it_names_and_nothing_else() -> None:
    with Stage(answer(HEALTH)) as server:
        client = waypost.Client(server.url, api_key="first", tenant="ten_1", headers={"X-Team": "ledger"}, environment={})
        client.with_options(api_key="second", headers={"X-More": "1"}).auth.with_raw_response.me()
        client.auth.with_raw_response.me()
        other, first = (headers(request) for request in server.requests)
    assert (other["x-api-key"], other["x-tenant-id"], other["x-team"], other["x-more"]) == ("second", "ten_1", "ledger", "1")
    assert first["x-api-key"] == "first"
    assert "x-more" not in first


def test_with_options_refuses_what_is_wrong() -> None:
    client = waypost.Client("https://api.example", environment={})
    with pytest.raises(errors.ConfigError, match="timeout"):
        client.with_options(timeout=-1)


def test_a_closed_client_says_so() -> None:
    client = waypost.Client("https://api.example", environment={})
    assert not client.closed
    with client:
        pass
    client.close()
    assert client.closed
    with pytest.raises(errors.ClosedError, match="closed"):
        client.system.health()


def test_a_client_cannot_be_pickled_or_copied() -> None:
    client = waypost.Client("https://api.example", api_key="k", environment={})
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(client)
