"""The fixture `waypost_api`, which pytest finds by the package's entry point. Nothing of the package is loaded unless a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import FakeAPI


@pytest.fixture
def waypost_api() -> FakeAPI:
    """A fake of the Waypost API: `waypost.testing.FakeAPI`."""
    from .testing import FakeAPI

    return FakeAPI()
