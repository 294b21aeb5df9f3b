"""Heads in bytes are read and written by the compiled module. It imports this package, so it puts
its functions here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multidict import CIMultiDict

parse_headers: Callable[[bytes], CIMultiDict[str]]
write_response_head: Callable[[bytes, int, Iterable[tuple[str, str]], int], bytes]
