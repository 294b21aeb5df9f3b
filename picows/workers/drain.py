"""Ending the connections of a server a few at a time, so that their clients do not all come back
at once."""

from __future__ import annotations

import asyncio
import random

from .._native import WSCloseCode, WSTransport
from ..server.listening import TcpServer

_TICK_SECONDS = 0.1
_ANSWER_SECONDS = 3.0
"""How long a client may take to answer our CLOSE before it is disconnected."""
_HANDSHAKE_SECONDS = 5.0
"""How long a client that is connected may take for its request, when all others were told."""
_REASON = "the server restarts"


async def drain(server: TcpServer, seconds: float) -> None:
    """Send CLOSE(SERVICE_RESTART) to all connections, evenly spread, and wait for their end.

    Who does not answer within three seconds is disconnected. The server is closed at the end.

    Args:
        server: closed, or turning newcomers away.
        seconds: over which the CLOSEs are spread. 0 sends them all at once.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    todo = server.connections()
    random.shuffle(todo)
    total = len(todo)
    leaving = _Leaving()
    while todo:
        share = min(1.0, (loop.time() - began) / seconds) if seconds else 1.0
        while todo and total - len(todo) < total * share:
            leaving.add(todo.pop())
        leaving.look_after()
        if todo:
            await asyncio.sleep(_TICK_SECONDS)
    server.close()
    ended = asyncio.ensure_future(server.wait_closed())
    deadline = loop.time() + _HANDSHAKE_SECONDS
    while not ended.done() and (leaving.are_there() or loop.time() < deadline):
        for transport in server.connections():  # those whose handshake was under way
            leaving.add(transport)
        await asyncio.wait((ended,), timeout=_TICK_SECONDS)
        leaving.look_after()
    server.abort_clients()
    await ended


class _Leaving:
    """Those that were sent a CLOSE, and until when they may answer."""

    def __init__(self) -> None:
        self._until: dict[WSTransport, float] = {}
        self._loop = asyncio.get_running_loop()

    def add(self, transport: WSTransport) -> None:
        if transport not in self._until:
            transport.send_close(WSCloseCode.SERVICE_RESTART, _REASON)
            self._until[transport] = self._loop.time() + _ANSWER_SECONDS

    def look_after(self) -> None:
        """Disconnect those that have answered, and let go of those that did not in time."""
        now = self._loop.time()
        for transport, until in list(self._until.items()):
            handshake = transport.close_handshake
            if transport.is_disconnected:
                del self._until[transport]
            elif now >= until:
                transport.disconnect(graceful=False)
            elif handshake is not None and handshake.recv is not None:
                transport.disconnect()

    def are_there(self) -> bool:
        return bool(self._until)
