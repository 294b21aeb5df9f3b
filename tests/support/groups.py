"""Connections of a server of ours, of which some peers do not read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from picows import WSTransport
from picows.testing import recorder as ours
from picows.testing.peers import Peer
from picows.testing.wire import Frame

from . import stacks
from .stacks import Stack


class Quiet(ours.Recorder):
    """Without the default's warnings."""

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")


async def expect(peer: Peer, *frames: Frame) -> None:
    """Peer.expect, with a message of bounded length."""
    for frame in frames:
        assert await peer.read_frame() == frame


class Group:
    """Connections of a server of ours with raw peers, in the same order."""

    def __init__(self, listeners: list[Quiet], peers: list[Peer]) -> None:
        self.listeners = listeners
        self.peers = peers
        self.transports = [listener.transport for listener in listeners]

    async def expect(self, *frames: Frame) -> None:
        for peer in self.peers:
            await expect(peer, *frames)


@contextlib.asynccontextmanager
async def group(
    count: int, stack: Stack = stacks.STACKS[0], listener_class: type[Quiet] = Quiet
) -> AsyncIterator[Group]:
    listeners: list[Quiet] = []

    def factory(request: Any) -> Quiet:
        listeners.append(listener_class())
        return listeners[-1]

    tls = stacks.client_tls() if stack.tls else None
    async with ours.serving(factory, **stack.server_options) as port:
        peers = [await ours.open_upgraded(port, ssl_context=tls) for _ in range(count)]
        try:
            yield Group(listeners, peers)
        finally:
            for peer in peers:
                peer.writer.transport.abort()
            for listener in listeners:
                listener.transport.disconnect(graceful=False)
                await listener.until_disconnected()


def waiting(transport: WSTransport) -> int:
    return int(transport.underlying_transport.get_write_buffer_size())
