"""Connections of ours with coalesce_sends, whose listeners answer as the test says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from picows import WSFrame, WSTransport
from picows.testing.peers import Peer, open_upgraded
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import BINARY, TEXT, Frame

from . import driven, model, stacks
from .driven import DrivenTransport
from .groups import Quiet
from .stacks import Stack

ROLES = ["server", "client"]
KIB = 1024

Answer = Callable[[WSTransport, bytes], None]


class Answering(Quiet):
    """Answers a data frame by a function of the test."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        super().on_ws_frame(transport, frame)
        if frame.msg_type in (TEXT, BINARY):
            self.answer(transport, frame.get_payload_as_bytes())


def echo(transport: WSTransport, payload: bytes) -> None:
    transport.send(BINARY, payload)


def numbered(count: int, size: int = 100) -> list[Frame]:
    return [Frame(BINARY, bytes([number]) * size) for number in range(count)]


async def open_driven(role: str, answer: Answer, **options: Any) -> DrivenTransport:
    transport = await driven.open_as(role, Answering(answer), coalesce_sends=True, **options)
    transport.write_sizes.clear()
    return transport


def written(role: str, transport: DrivenTransport) -> list[Frame]:
    outcome = model.receive(
        bytes(transport.written), is_server=role == "client", max_frame_size=1 << 40
    )
    assert outcome.failure is None
    assert outcome.consumed == len(transport.written)
    return outcome.frames


@contextlib.asynccontextmanager
async def served(stack: Stack, listener: Recorder) -> AsyncIterator[Peer]:
    """A raw peer of a server of ours."""
    options = stack.server_options | {"coalesce_sends": True}
    async with serving(lambda _: listener, **options) as port:
        tls = stacks.client_tls() if stack.tls else None
        peer = await open_upgraded(port, ssl_context=tls)
        try:
            yield peer
        finally:
            peer.writer.transport.abort()
            await listener.until_disconnected()
