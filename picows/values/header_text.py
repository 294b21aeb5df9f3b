"""Headers as users give them, and as requests and responses keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from multidict import CIMultiDict

WSHeadersLike = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers as users give them; a mapping may hold a name several times, as `CIMultiDict` does."""

_NOT_HEADERS: Final = (
    "extra_headers must be a mapping or an iterable of pairs (name, value), all of them str"
)


def make_headers(headers: WSHeadersLike = ()) -> CIMultiDict[str]:
    """Headers as requests and responses keep them, a copy."""
    # Importing multidict takes as long as importing this whole package, and a server may never
    # need it.
    from multidict import CIMultiDict

    return CIMultiDict(headers)


def header_pairs(extra_headers: WSHeadersLike | None) -> list[tuple[str, str]]:
    """Return headers given by a user as a list of pairs, so that an iterator can be used more than
    once.

    Raises:
        TypeError: not a mapping or an iterable of pairs of str.
    """
    if extra_headers is None:
        return []
    if isinstance(extra_headers, str | bytes):
        # An iterable as well, and the empty one would pass for "no headers".
        raise TypeError(_NOT_HEADERS)
    items: Any = getattr(extra_headers, "items", lambda: extra_headers)()
    if not isinstance(items, Iterable):
        raise TypeError(_NOT_HEADERS)
    pairs: list[tuple[str, str]] = []
    for pair in items:
        try:
            name, value = pair
        except (TypeError, ValueError):  # cannot be unpacked; not two
            raise TypeError(_NOT_HEADERS) from None
        if isinstance(pair, str) or not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(_NOT_HEADERS)
        pairs.append((name, value))
    return pairs


def add_extra_headers(headers: list[tuple[str, str]], extra_headers: WSHeadersLike | None) -> None:
    """Add a user's headers to the generated ones, of which `Host` is the first and is replaced.

    Raises:
        TypeError: not a mapping or an iterable of pairs of str.
    """
    for name, value in header_pairs(extra_headers):
        if name.lower() == "host":
            headers[0] = (name, value)  # RFC 9112, 3.2: a request has exactly one
        else:
            headers.append((name, value))
