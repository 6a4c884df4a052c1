"""What one call may set for itself.

Promise: the same words, units and meaning as the client's own settings; a key that is left out is the client's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

__all__ = ["CallOptions"]


class CallOptions(TypedDict, total=False):
    """Settings of one call; each one that is left out is the client's.

    Example:
        ```python
        client.wallets.get(wallet_id, options={"timeout": 2.0, "max_retries": 0})
        ```
    """

    timeout: float
    """The longest that one attempt may take, in seconds, answer included. Of a streamed answer: until its head, then between two pieces."""

    deadline: float
    """The longest that the call may take, in seconds, all attempts and the waits between them together."""

    max_retries: int
    """How often a failed attempt is sent again. 0: never."""

    idempotency_key: str
    """Sent as `Idempotency-Key` in place of one made for the call (1 to 255 characters). Keep it and send the same call again
    with it, also from another process, and the server does the work once."""

    headers: Mapping[str, str]
    """Sent with this call; they replace the client's of the same name."""

    accept: str
    """The media type to ask for, where the operation offers several."""

    trace_parent: str
    """The W3C trace that this call belongs to: a `traceparent` header's value."""
