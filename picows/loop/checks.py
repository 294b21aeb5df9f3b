"""Checks of arguments. The message for a wrong one names the argument and says what it must be."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Mapping
from typing import Any, Final, cast

#: The longest time to wait, which is 31 years.
SECONDS_MAX: Final = 1_000_000_000


def check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {value!r}")


def check_bytes(name: str, value: Any) -> None:
    try:
        memoryview(value).release()
    except TypeError:
        raise TypeError(f"{name} must be bytes-like, not {value!r}") from None


def check_callable(name: str, value: Any) -> None:
    if not callable(value):
        raise TypeError(f"{name} must be a function or a class, not {value!r}")


def check_seconds(name: str, value: Any, *, is_used: bool = True) -> None:
    """A time to wait; one that is not used may be any number."""
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.nan  # no number that anything can be done with
    is_time = 0 < seconds <= SECONDS_MAX
    if math.isnan(seconds) or (is_used and not is_time):
        raise ValueError(f"{name} must be more than 0 and at most {SECONDS_MAX} seconds")


def check_path(path: Any) -> None:
    """Refuse the empty name of a unix socket, which event loops deal with in their own ways."""
    if isinstance(path, str | bytes) and not path:
        raise ValueError("path must not be empty: it names a unix socket")


def whole_number(name: str, value: Any) -> int:
    """What counts something; the compiled module can hold it. Any negative one becomes -1."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if number > sys.maxsize:
        raise OverflowError(f"{name} must be at most sys.maxsize")
    return max(-1, number)


def checked_port(port: Any) -> int | str | bytes | None:
    """A port, or the name of a service.

    Of a number that is no port resolvers take the lower 16 bits, so that 99999 is 34463.
    """
    if port is None:
        return None
    try:
        number = int(port) if isinstance(port, str | bytes) else operator.index(port)
    except ValueError:
        return cast("str | bytes", port)  # a name, or empty
    except TypeError:
        raise TypeError(f"port must be a whole number, str or None, not {port!r}") from None
    if not 0 <= number <= 65535:
        raise OverflowError("port must be 0 to 65535")
    return number


def check_connect_options(options: Mapping[str, Any]) -> None:
    """Options of loop.create_connection, as far as they can be wrong before anybody is asked."""
    if (address := options.get("local_addr")) is not None:
        try:
            _, port = address[:2]
            if isinstance(address, str | bytes):
                raise TypeError
        except (TypeError, ValueError):
            raise TypeError(f"local_addr must be (host, port), not {address!r}") from None
        checked_port(port)
    if (delay := options.get("happy_eyeballs_delay")) is not None:
        check_seconds("happy_eyeballs_delay", delay, is_used=False)
        if not 0 <= delay <= SECONDS_MAX:
            raise ValueError(
                "happy_eyeballs_delay must be at least 0, or None to try one address at a time"
            )
    if (count := options.get("interleave")) is not None and whole_number("interleave", count) < 0:
        raise ValueError("interleave must be at least 0")


def check_tls_seconds(**options: float | None) -> None:
    """Refuse a timeout that would fail at each connection."""
    for name, seconds in options.items():
        if seconds is not None and not seconds > 0:
            raise ValueError(f"{name} must be a positive number of seconds, or None")
