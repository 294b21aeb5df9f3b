"""Headers of requests and responses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias

from .exceptions import InvalidHeaderValue

__all__ = ["Headers", "HeadersLike", "MultipleValuesError"]

# What a header's value cannot hold (RFC 9110, 5.5): line breaks and NUL would end it, and a
# character is one byte.
_FORBIDDEN = re.compile("[\r\n\0]|[^\0-\xff]")


class MultipleValuesError(LookupError):
    """`Headers[name]` for a name that occurs several times."""

    def __str__(self) -> str:
        # LookupError's own text; KeyError would show the repr, and so did this class always.
        return repr(self.args[0]) if len(self.args) == 1 else super().__str__()


class Headers(MutableMapping[str, str]):
    """A mapping of names, in upper or lower case, to values. A name may occur several times.

    `headers[name] = value` adds a header and keeps those that are there; `del` removes all of a
    name. Bytes beyond ASCII are characters of ISO-8859-1. The order and the spelling of names are
    kept for `raw_items`.

    Args:
        args: a mapping, an iterable of pairs, or an object with `keys` and item access; at most
            one.
        kwargs: headers by name.

    Raises:
        InvalidHeaderValue: a value contains CR, LF, NUL or what is not ISO-8859-1.
    """

    __slots__ = ("_items", "_values")

    _items: list[tuple[str, str]]
    _values: dict[str, list[str]]

    def __init__(self, *args: HeadersLike, **kwargs: str) -> None:
        self._items = []
        self._values = {}
        self.update(*args, **kwargs)

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self._items) + "\r\n"

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def copy(self) -> Headers:
        copied = Headers()
        copied._items = self._items.copy()
        copied._values = {name: values.copy() for name, values in self._values.items()}
        return copied

    __copy__ = copy

    def serialize(self) -> bytes:
        """The headers and the empty line as on the wire, in ISO-8859-1."""
        return str(self).encode("latin-1")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, key: str) -> str:
        """The only value of a name.

        Raises:
            KeyError: there is none.
            MultipleValuesError: there are several.
        """
        values = self._values.get(key.lower())
        if values is None:
            raise KeyError(key)
        if len(values) > 1:
            raise MultipleValuesError(key)
        return values[0]

    def __setitem__(self, key: str, value: str) -> None:
        if isinstance(value, str) and _FORBIDDEN.search(value):
            raise InvalidHeaderValue(key, value)
        self.set_insecure(key, value)

    def set_insecure(self, key: str, value: str) -> None:
        """Add a header as it was received, without a look at its value."""
        self._values.setdefault(key.lower(), []).append(value)
        self._items.append((key, value))

    def __delitem__(self, key: str) -> None:
        try:
            del self._values[key.lower()]
        except KeyError:
            raise KeyError(key) from None
        self._items = [item for item in self._items if item[0].lower() != key.lower()]

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._values == other._values

    def clear(self) -> None:
        self._items = []
        self._values = {}

    def update(self, *args: HeadersLike, **kwargs: str) -> None:
        """Add headers; none is replaced."""
        pairs = tuple(arg.raw_items() if isinstance(arg, Headers) else arg for arg in args)
        super().update(*pairs, **kwargs)

    def get_all(self, key: str) -> list[str]:
        """All values of a name, in their order; empty if there is none."""
        return self._values.get(key.lower(), []).copy()

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """All headers as pairs, a name as often as it occurs."""
        return iter(self._items)


class SupportsKeysAndGetItem(Protocol):
    """What `dict` takes in place of a mapping."""

    def keys(self) -> Iterable[str]: ...

    def __getitem__(self, key: str, /) -> str: ...


HeadersLike: TypeAlias = (
    Headers | Mapping[str, str] | Iterable[tuple[str, str]] | SupportsKeysAndGetItem
)
