"""When a client connects again."""

from __future__ import annotations

import os
import random
from collections.abc import Generator
from typing import Any, Final

from .exceptions import InvalidMessage, InvalidStatus
from .protocol import NO_SANS_IO

__all__ = ["backoff", "process_exception"]

BACKOFF_INITIAL_DELAY: Final = float(os.environ.get("WEBSOCKETS_BACKOFF_INITIAL_DELAY", "5"))
BACKOFF_MIN_DELAY: Final = float(os.environ.get("WEBSOCKETS_BACKOFF_MIN_DELAY", "3.1"))
BACKOFF_MAX_DELAY: Final = float(os.environ.get("WEBSOCKETS_BACKOFF_MAX_DELAY", "90.0"))
BACKOFF_FACTOR: Final = float(os.environ.get("WEBSOCKETS_BACKOFF_FACTOR", "1.618"))

#: Statuses of servers, and of proxies before them, that may be ready later.
_MAY_PASS: Final = (500, 502, 503, 504)


def process_exception(exc: Exception) -> Exception | None:
    """Whether `async for connection in connect(...)` tries again after an exception.

    Returns:
        None to try again, otherwise the exception to raise. Errors of the network, timeouts, a
        server that closes during the handshake and statuses 500, 502, 503 and 504 may pass.
    """
    if isinstance(exc, OSError | TimeoutError):
        return None
    if isinstance(exc, InvalidMessage) and isinstance(exc.__cause__, EOFError):
        return None
    if isinstance(exc, InvalidStatus) and exc.response.status_code in _MAY_PASS:
        return None
    return exc


def backoff(
    initial_delay: float = BACKOFF_INITIAL_DELAY,
    min_delay: float = BACKOFF_MIN_DELAY,
    max_delay: float = BACKOFF_MAX_DELAY,
    factor: float = BACKOFF_FACTOR,
) -> Generator[float]:
    """Seconds to wait before each new attempt: at first a random part of `initial_delay`, so that
    clients of a server that restarts do not come all at once; then more each time.
    """
    yield random.random() * initial_delay
    delay = min_delay
    while delay < max_delay:
        yield delay
        delay *= factor
    while True:
        yield max_delay


def __getattr__(name: str) -> Any:
    if name == "ClientProtocol":
        raise AttributeError(NO_SANS_IO.format(name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
