"""Values that nobody should pass, for every argument there is."""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import math
import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

from picows import WSCloseCode, WSListener, WSMsgType

NUMBERS = [
    *(
        sign * (2**bits + more)
        for bits in (31, 63, 64, 100)
        for more in (-1, 0)
        for sign in (1, -1)
    ),
    *(0, 1, -1, 2, 8, 13, 14, 125, 126, 1000, 1005, 4999, 65535, 2**16, 2**20),
    *(math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, 5e-324, 0.5, 3j),
]
TEXTS = ["", "\0", "\ud800", "%s %n", "x" * 200, "disconnect", "peername", "socket", "\r\nA: b"]
HUGE = ctypes.c_char * 2**62
HOOKS = (
    *("__index__", "__int__", "__float__", "__bool__", "__len__", "__iter__", "__next__"),
    *("__eq__", "__hash__", "__repr__", "__str__", "__call__", "__getitem__", "__buffer__"),
    *(
        "__contains__",
        "__enter__",
        "__await__",
        "__set_name__",
        "__lt__",
        "__bytes__",
        "__fspath__",
    ),
    *("fileno", "get_extra_info", "is_closing", "write", "close", "detach", "set_result", "done"),
    *("cancel", "create_future", "call_soon", "call_later", "time", "add_reader", "isEnabledFor"),
)
ANSWERS = [0, 1, True, None, 2**40, 2**64, -(2**40), "text", b"bytes", math.nan, 1.5]


class HookError(Exception):
    pass


def odd_class(act: Callable[[], Any], answer: Any) -> type:
    """A class whose instances, whatever they are asked, act and then answer (or raise)."""

    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        act()
        if answer is HookError:
            raise HookError
        return memoryview(answer) if isinstance(answer, bytes) else answer

    return type("Odd", (), dict.fromkeys(HOOKS, hook))


class Buffers:
    """Memory in all its forms."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._keep = bytearray(64)

    def make(self) -> tuple[str, Any]:
        size = self._rng.choice([0, 1, 14, 15, 126, 1000, 70_000])
        name, value = self._rng.choice(list(self._all(size)))
        return f"{name}[{size}]", value

    def _all(self, size: int) -> Iterator[tuple[str, Any]]:
        yield "bytes", bytes(size)
        yield "bytearray", bytearray(size)
        yield "writable view", memoryview(bytearray(size))
        yield "reversed view", memoryview(bytearray(size))[::-1]
        yield "every other", memoryview(bytes(2 * size))[::2]
        yield "doubles", array.array("d", [math.nan] * (size // 8))
        yield "ctypes", (ctypes.c_char * size)()
        yield "no memory", (ctypes.c_char * 0).from_buffer(self._keep)
        released = memoryview(bytearray(size))
        released.release()
        yield "released view", released
        # More than there is: whoever believes it and copies it gets a MemoryError first. (To mask
        # it in place would be the fault of who says that it can be written to.)
        huge = HUGE.from_address(ctypes.addressof(ctypes.c_char.from_buffer(self._keep)))
        yield "huge", memoryview(huge).toreadonly()


class Pool:
    """Makes values: (description, value). `acts` do something to the connection at hand."""

    def __init__(self, rng: random.Random, acts: dict[str, Callable[[], Any]]) -> None:
        self._rng = rng
        self._acts = {**acts, "nothing": lambda: None, "collect": gc.collect}
        self._buffers = Buffers(rng)

    def make(self, live: list[Any]) -> tuple[str, Any]:
        rng = self._rng
        kind = rng.choice(("number", "number", "text", "buffer", "odd", "odd", "live", "other"))
        if kind == "number":
            value = rng.choice(NUMBERS)
            return repr(value), value
        if kind == "text":
            value = rng.choice(TEXTS)
            return ascii(value), value
        if kind == "buffer":
            return self._buffers.make()
        if kind == "odd":
            return self.odd()
        if kind == "live" and live:
            value = rng.choice(live)
            return f"live {type(value).__name__}", value
        return self._other(live)

    def odd(self) -> tuple[str, Any]:
        act = self._rng.choice(sorted(self._acts))
        answer = self._rng.choice([HookError, *ANSWERS])
        made = odd_class(self._acts[act], answer)()
        return f"odd({act}, {getattr(answer, '__name__', ascii(answer))})", made

    def _other(self, live: list[Any]) -> tuple[str, Any]:
        name, value = self._rng.choice(
            [
                ("None", None),
                ("True", True),
                ("...", ...),
                ("object()", object()),
                ("list of live", list(live)),
                ("self-containing", _self_containing()),
                ("dict", {"a": 1, 2: object()}),
                ("class", type(self._rng.choice(live)) if live else int),
                ("exception", ValueError("x")),
                ("exception class", OSError),
                ("listener", WSListener()),
                ("function", lambda *args, **kwargs: None),
                ("type", WSMsgType.TEXT),
                ("ping", WSMsgType.PING),
                ("code", WSCloseCode.OK),
                ("closed socket", _closed_socket()),
                ("generator", (number for number in NUMBERS)),
            ]
        )
        return name, value


def _self_containing() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _closed_socket() -> socket.socket:
    with contextlib.closing(socket.socket()) as made:
        return made
