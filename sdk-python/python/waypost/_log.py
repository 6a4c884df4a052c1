"""What the package logs, to the logger `waypost`: ERROR a call that failed, WARNING an attempt that was followed by another, INFO a call, DEBUG
every attempt. Each record carries its facts as the attribute `waypost` (a dict) as well.

Promise: no record holds a credential, a body or a query.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._native import Answer
    from .errors import Attempt, WaypostError

__all__ = ["configure", "failed", "logger", "succeeded"]

logger: Final = logging.getLogger("waypost")
# A program that has not set up logging is told by exceptions alone.
logger.addHandler(logging.NullHandler())

_HANDLER: Final = "waypost: WAYPOST_LOG"
_LEVELS: Final = {
    "off": logging.CRITICAL + 10,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}


def configure(environment: Mapping[str, str]) -> None:
    """Writes to standard error what `WAYPOST_LOG` asks for. A word that is none of its levels is refused by the engine."""
    level = _LEVELS.get(environment.get("WAYPOST_LOG", "").lower())
    if level is None:
        return
    logger.setLevel(level)
    # One at most, however many clients there are.
    if not any(handler.name == _HANDLER for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.name = _HANDLER
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)


def succeeded(answer: Answer, attempts: Sequence[Attempt]) -> None:
    """Logs a call that succeeded."""
    _log_attempts(answer.operation, attempts, ok=True)
    elapsed = sum(attempt.delay + attempt.duration for attempt in attempts)
    logger.info(
        "%s succeeded: %d in %.1f ms, %s, request %s",
        answer.operation,
        answer.status,
        elapsed * 1000,
        _times(len(attempts)),
        answer.request_id,
        extra={
            "waypost": {
                "operation": answer.operation,
                "status": answer.status,
                "elapsed_s": elapsed,
                "attempts": len(attempts),
                "request_id": answer.request_id,
                "from_cache": answer.from_cache,
            }
        },
    )


def failed(error: WaypostError) -> None:
    """Logs a call that failed."""
    _log_attempts(error.operation, error.attempts, ok=False)
    logger.error(
        "%s failed: %s: %s",
        error.operation,
        type(error).__name__,
        error,
        extra={
            "waypost": {
                "operation": error.operation,
                "error": type(error).__name__,
                "status": error.status,
                "code": error.code,
                "attempts": len(error.attempts),
                "request_id": error.request_id,
                "retry_after_s": error.retry_after,
            }
        },
    )


def _log_attempts(operation: str | None, attempts: Sequence[Attempt], *, ok: bool) -> None:
    for attempt in attempts:
        retried = attempt is not attempts[-1]
        logger.log(
            logging.WARNING if retried else logging.DEBUG,
            "%s attempt %d: %s in %.1f ms%s%s",
            operation,
            attempt.number,
            attempt.status if attempt.status is not None else attempt.cause,
            attempt.duration * 1000,
            f" after a wait of {attempt.delay * 1000:.0f} ms" if attempt.delay else "",
            ", tried again" if retried else "" if ok else ", not tried again",
            extra={"waypost": {"operation": operation, **attempt._asdict()}},
        )


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"
