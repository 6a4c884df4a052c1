"""Webhooks that Waypost sends: is a delivery genuine and of now? (Standard Webhooks, HMAC-SHA256 over id, time and body.)

Example:
    ```python
    delivery = waypost.webhooks.verify(request.body, request.headers, secret="whsec_…")
    event = delivery.json()
    ```

Promises: signatures are compared in constant time; the body is verified as the bytes that came, so give them before anything parses them;
an error never holds a secret.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Union, cast

from .errors import WebhookError

__all__ = ["ID_HEADER", "SIGNATURE_HEADER", "TIMESTAMP_HEADER", "Delivery", "sign", "signed_headers", "verify"]

ID_HEADER: Final = "webhook-id"
"""The header with the message's id: the same on each delivery of a message, for recognising repeats."""
TIMESTAMP_HEADER: Final = "webhook-timestamp"
"""The header with the time of the delivery, in seconds since 1970."""
SIGNATURE_HEADER: Final = "webhook-signature"
"""The header with the signatures, separated by spaces."""

AnyHeaders = Union[Mapping[str, str], Iterable[tuple[Union[str, bytes], Union[str, bytes]]]]
"""Headers as frameworks have them: a mapping, or pairs (of text, or of bytes as in ASGI)."""

_HINTS: Final = {
    "secret": "Give the secret as it was shown: whsec_ and base64",
    "missing_header": "Give all of the request's headers",
    "too_old": "Check this machine's clock, or that the delivery is no replay; `tolerance` sets how old one may be",
    "too_new": "Check this machine's clock",
    "signature": "Give the body as the bytes that came, not parsed and written again, and the secret of this endpoint",
}


class Delivery(NamedTuple):
    """A delivery that is genuine."""

    id: str
    """The message's id: the same when it is delivered again."""
    timestamp: int
    """When it was delivered, in seconds since 1970."""
    body: bytes
    """What was signed."""

    def json(self) -> Any:
        """The body, read as JSON."""
        from json import loads

        return loads(self.body)


def verify(
    body: bytes | str,
    headers: AnyHeaders,
    secret: str | Sequence[str],
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> Delivery:
    """Makes sure that a delivery comes from the holder of the secret, and is of now.

    Args:
        body: The request's body, as it came.
        headers: The request's headers, whatever the case of their names.
        secret: The endpoint's secret (`whsec_…`); several while one is being replaced.
        tolerance: How far the delivery's time may be from the clock, either way, in seconds.
        now: The clock, in seconds since 1970; this machine's unless given.

    Returns:
        What is now known to be genuine. Remember its `id`: a delivery may come more than once.

    Raises:
        waypost.errors.WebhookError: It is to be refused (answer 400); `reason` says why in a word.
    """
    from ._engine import native

    found = _pick(headers)
    content = _bytes(body)
    try:
        id, timestamp = native.webhook_verify(
            _secrets(secret),
            found.get(ID_HEADER),
            found.get(TIMESTAMP_HEADER),
            found.get(SIGNATURE_HEADER),
            content,
            int(time.time() if now is None else now),
            int(tolerance),
        )
    except ValueError as error:
        raise _refused(error) from None
    return Delivery(id, timestamp, content)


def sign(body: bytes | str, secret: str | Sequence[str], *, id: str, timestamp: int) -> str:
    """The value of the header `webhook-signature`: one signature for each secret.

    Args:
        body: What is signed.
        secret: The secret, or several, the newest first.
        id: The message's id; without a full stop.
        timestamp: The time of the delivery, in seconds since 1970.

    Raises:
        waypost.errors.WebhookError: The secret is none, or the id cannot be signed.
    """
    from ._engine import native

    try:
        return native.webhook_sign(_secrets(secret), id, timestamp, _bytes(body))
    except ValueError as error:
        raise _refused(error) from None


def signed_headers(
    body: bytes | str, secret: str | Sequence[str], *, id: str = "msg_test", timestamp: int | None = None
) -> dict[str, str]:
    """The three headers of a genuine delivery, for tests of a program's own handler.

    Args:
        body: The body that will be sent with them.
        secret: The secret that the handler verifies with.
        id: The message's id.
        timestamp: The time of the delivery, in seconds since 1970; now unless given.

    Example:
        ```python
        body = b'{"type": "payment.captured"}'
        response = test_client.post("/webhooks", content=body, headers=signed_headers(body, SECRET))
        ```
    """
    at = int(time.time()) if timestamp is None else timestamp
    return {ID_HEADER: id, TIMESTAMP_HEADER: str(at), SIGNATURE_HEADER: sign(body, secret, id=id, timestamp=at)}


def _refused(error: ValueError) -> WebhookError:
    reason, message = error.args if len(error.args) == 2 else ("signature", str(error))
    return WebhookError(message, reason=reason, hint=_HINTS.get(reason))


def _pick(headers: AnyHeaders) -> dict[str, str]:
    pairs = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body))
    raise TypeError(f"`body` must be the bytes that came, not {type(body).__name__}")


def _secrets(secret: str | Sequence[str]) -> list[str]:
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets:
        raise TypeError("`secret` must be str or a sequence of str, with one at least")
    return secrets
