"""What the connections of one event loop share: one object per event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any
from typing import Protocol as Interface
from weakref import WeakKeyDictionary

from .._native import LoopState
from .choose import is_uvloop

_states: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopState] = WeakKeyDictionary()
_lock = threading.Lock()


class Network(Interface):
    """Opens connections and servers in place of an event loop, with the arguments of its methods.

    create_connection and create_server, and the create_unix_ ones for who asks for a path.
    """

    async def create_connection(
        self, protocol_factory: Any, host: Any = ..., port: Any = ..., **options: Any
    ) -> tuple[Any, Any]: ...

    async def create_server(
        self, protocol_factory: Any, host: Any = ..., port: Any = ..., **options: Any
    ) -> Any: ...


_networks: WeakKeyDictionary[asyncio.AbstractEventLoop, Network] = WeakKeyDictionary()


def set_network(loop: asyncio.AbstractEventLoop, network: Network | None) -> None:
    """Have a network open all that is opened on an event loop from now on; None for the loop."""
    if network is None:
        _networks.pop(loop, None)
    else:
        _networks[loop] = network


def network_of(loop: asyncio.AbstractEventLoop) -> Network | None:
    """The network that set_network has put in place of an event loop, if any."""
    return _networks.get(loop)


def loop_state(loop: asyncio.AbstractEventLoop) -> LoopState:
    """The state of an event loop, made when it is first asked for."""
    with _lock:
        state = _states.get(loop)
        if state is None:
            # asyncio's own leave the sockets of their transports open when they are closed.
            closes_sockets = not isinstance(loop, asyncio.BaseEventLoop)
            state = _states[loop] = LoopState(os.urandom(32), is_uvloop(loop), closes_sockets)
        return state


def _after_fork() -> None:
    """A child must not repeat its parent's masking keys (RFC 6455 5.3, 10.3)."""
    global _lock
    _lock = threading.Lock()  # the thread that held it may not exist here
    for state in list(_states.values()):
        state.after_fork(os.urandom(32))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
