"""What the connections of one event loop share, one object a loop."""

from __future__ import annotations

import asyncio
import os
import threading
from weakref import WeakKeyDictionary

from ._native import LoopState
from .tcp import is_uvloop

_states: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopState] = WeakKeyDictionary()
_lock = threading.Lock()


def loop_state(loop: asyncio.AbstractEventLoop) -> LoopState:
    """The state of an event loop, made when it is first asked for."""
    with _lock:
        state = _states.get(loop)
        if state is None:
            state = _states[loop] = LoopState(os.urandom(32), stops_at_errors=is_uvloop(loop))
        return state


def _after_fork() -> None:
    """A child must not repeat its parent's masking keys (RFC 6455 5.3, 10.3)."""
    global _lock
    _lock = threading.Lock()  # the thread that held it may not exist here
    for state in list(_states.values()):
        state.after_fork(os.urandom(32))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
