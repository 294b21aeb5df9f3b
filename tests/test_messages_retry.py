"""When connecting is tried again, and after how long."""

from __future__ import annotations

import itertools
import ssl

import pytest

import picows
from picows import WSInvalidMessageError, WSInvalidStatusError, WSInvalidURL, WSUpgradeResponse
from picows.messages.retry import is_passing


def status(number: int) -> WSInvalidStatusError:
    response = WSUpgradeResponse.create_error_response(number)
    return WSInvalidStatusError("refused", response=response)


def test_delays_grow_and_are_drawn_at_random() -> None:
    runs = [list(itertools.islice(picows.backoff(1, 8, 2), 10)) for _ in range(200)]
    bounds = [1, 2, 4, 8, 8, 8, 8, 8, 8, 8]
    for position, bound in enumerate(bounds):
        values = [run[position] for run in runs]
        assert all(0 <= value <= bound for value in values)
        assert max(values) > bound * 0.8 and min(values) < bound * 0.2
    assert len({run[5] for run in runs}) > 100


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        OSError("no route"),
        status(503),
        status(429),
        WSInvalidMessageError("the connection was closed before the answer"),
    ],
)
def test_what_may_pass(error: Exception) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        status(403),
        status(404),
        ssl.SSLCertVerificationError(),
        WSInvalidURL("x", "no scheme"),
        WSInvalidMessageError("no HTTP", raw_header=b"SSH-2.0"),
        ValueError(),
        picows.WSInvalidHeaderError("wrong", "Upgrade"),
    ],
)
def test_what_will_not(error: Exception) -> None:
    assert not is_passing(error)
