"""The Waypost SDK for Python.

```python
import waypost

with waypost.Client() as client:    # WAYPOST_BASE_URL, WAYPOST_API_KEY
    wallet = client.wallets.create(currency="EUR", name="Household")
    for transaction in client.wallets.transactions(wallet.id):
        print(transaction.created_at, transaction.amount)
```

What lives here: the two clients (`Client`, `AsyncClient`), what their calls answer with (`Page`, `RawResponse`, `ByteStream`, ...), and the
submodules `waypost.errors`, `waypost.models`, `waypost.middleware`, `waypost.oauth`, `waypost.webhooks` and `waypost.testing`. Everything is loaded when it is
first asked for, so importing the package costs next to nothing; modules that begin with an underscore are private.
"""

from __future__ import annotations

from importlib import import_module

from ._version import __version__

# Type checkers know this name; importing it from `typing` would take longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from msgspec import UNSET, UnsetType

    from . import errors, middleware, models, oauth, testing, webhooks
    from ._client import AsyncClient, Client
    from ._headers import Headers
    from ._options import CallOptions
    from ._paging import AsyncPage, AsyncPager, Page
    from ._raw import RawResponse
    from ._settings import BreakerOptions, BudgetOptions, CacheOptions
    from ._stream import AsyncByteStream, AsyncEventStream, ByteStream, Event, EventStream
    from .errors import APIError, WaypostError
    from .middleware import Exchange, Middleware

__all__ = [
    "UNSET",
    "APIError",
    "AsyncByteStream",
    "AsyncClient",
    "AsyncEventStream",
    "AsyncPage",
    "AsyncPager",
    "BreakerOptions",
    "BudgetOptions",
    "ByteStream",
    "CacheOptions",
    "CallOptions",
    "Client",
    "Event",
    "EventStream",
    "Exchange",
    "Headers",
    "Middleware",
    "Page",
    "RawResponse",
    "UnsetType",
    "WaypostError",
    "__version__",
    "errors",
    "middleware",
    "models",
    "oauth",
    "testing",
    "webhooks",
]

_PLACES = {
    "UNSET": "msgspec",
    "UnsetType": "msgspec",
    "APIError": ".errors",
    "WaypostError": ".errors",
    "AsyncClient": "._client",
    "Client": "._client",
    "Headers": "._headers",
    "CallOptions": "._options",
    "AsyncPage": "._paging",
    "AsyncPager": "._paging",
    "Page": "._paging",
    "RawResponse": "._raw",
    "BreakerOptions": "._settings",
    "BudgetOptions": "._settings",
    "CacheOptions": "._settings",
    "AsyncByteStream": "._stream",
    "AsyncEventStream": "._stream",
    "ByteStream": "._stream",
    "Event": "._stream",
    "EventStream": "._stream",
    "Exchange": ".middleware",
    "Middleware": ".middleware",
}
_MODULES = frozenset({"errors", "middleware", "models", "oauth", "testing", "webhooks"})


if not TYPE_CHECKING:  # To a type checker a module with this function has every name, also those that are misspelt.

    def __getattr__(name: str) -> object:
        """Loads what is asked for (PEP 562)."""
        if name in _MODULES:
            found: object = import_module(f".{name}", __name__)
        elif name in _PLACES:
            found = getattr(import_module(_PLACES[name], __name__), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Asked once: the next time it is an ordinary attribute.
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """What there is, loaded or not."""
    return sorted(__all__)
