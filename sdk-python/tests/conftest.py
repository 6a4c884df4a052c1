"""What several tests stand on: one gateway for the whole run, and clients of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import waypost
from gateway import Gateway


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """The real gateway."""
    running = Gateway()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(gateway: Gateway) -> Iterator[waypost.Client]:
    """A client of the real gateway that may do everything."""
    with waypost.Client(gateway.url, api_key=gateway.key, environment={}) as made:
        yield made


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the settings of whoever runs it."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or (name.startswith("WAYPOST_") and name not in ("WAYPOST_GATEWAY_BIN", "WAYPOST_WHEEL")):
            monkeypatch.delenv(name)
