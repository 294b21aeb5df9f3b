"""What the compiled module lends to the package that it imports."""

from __future__ import annotations

from picows import _native
from picows.values import heads


def test_its_functions_are_there() -> None:
    assert heads.parse_headers is _native.parse_headers
    assert heads.write_response_head is _native.write_response_head
