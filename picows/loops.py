"""What the connections of one event loop share, one object a loop."""

from __future__ import annotations

import asyncio
import os
import threading
from weakref import WeakKeyDictionary

from ._native import LoopState

_states: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopState] = WeakKeyDictionary()
_lock = threading.Lock()


def loop_state(loop: asyncio.AbstractEventLoop) -> LoopState:
    """The state of an event loop, made when it is first asked for."""
    with _lock:
        state = _states.get(loop)
        if state is None:
            state = _states[loop] = LoopState(os.urandom(32))
        return state


def _reseed_after_fork() -> None:
    """A child must not repeat its parent's masking keys (RFC 6455 5.3, 10.3)."""
    global _lock
    _lock = threading.Lock()  # the thread that held it may not exist here
    for state in list(_states.values()):
        state.reseed(os.urandom(32))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reseed_after_fork)
