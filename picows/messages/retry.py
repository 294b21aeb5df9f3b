"""When connecting is tried again, and how long to wait before."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator

from ..values.exceptions import WSHandshakeError, WSInvalidMessageError, WSInvalidStatusError

#: 429 Too Many Requests, and what servers and proxies in front of them say of a bad moment.
_PASSING_STATUSES = frozenset((408, 425, 429, 500, 502, 503, 504))


def backoff(first: float = 1, longest: float = 60, factor: float = 2) -> Iterator[float]:
    """Seconds to wait before the next attempt, and the one after that, without an end.

    Each is drawn at random between 0 and a bound, so that clients of a server that was away do not
    all come back at once.

    Args:
        first: the first bound.
        longest: the largest one.
        factor: how much larger each bound is than the one before.
    """
    bound = first
    while True:
        yield random.uniform(0, bound)
        bound = min(bound * factor, longest)


def is_passing(error: Exception) -> bool:
    """Whether connecting may work later as it is: the network, or a server that is busy.

    Not a certificate that is refused, a URL that is wrong, or a server that refuses the request.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    if isinstance(error, WSInvalidStatusError):
        return error.response is not None and error.response.status in _PASSING_STATUSES
    if isinstance(error, WSHandshakeError):
        return isinstance(error, WSInvalidMessageError) and not error.raw_header
    return isinstance(error, OSError)
