"""Any sequence of sends in callbacks gives the peer the same with coalesce_sends and without."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import driven, model, stacks
from support.groups import Quiet
from support.stacks import Stack

from picows import WSFrame, WSTransport, ws_broadcast, ws_connect
from picows.testing.peers import open_upgraded, raw_server
from picows.testing.recorder import serving
from picows.testing.wire import BINARY, CLOSE, PING, TEXT, Frame, close

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("PICOWS_EXAMPLES", "60"))
EXAMPLES_ON_SOCKETS = EXAMPLES // 6


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize="PICOWS_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


SIZES = st.one_of(
    st.integers(0, 200), st.sampled_from([16_370, 16_376, 16_384, 49_000, 65_536, 70_000])
)


@dataclass(frozen=True)
class Step:
    """One call in a callback."""

    kind: str
    size: int = 0

    def run(self, transport: WSTransport, number: int) -> None:
        payload = bytes([number % 256]) * self.size
        match self.kind:
            case "send":
                transport.send(BINARY, payload)
            case "text":
                transport.send(TEXT, "x" * self.size, fin=self.size % 2 == 0)
            case "reuse":
                buffer = bytearray(14) + payload
                transport.send_reuse_external_bytearray(BINARY, buffer, 14)
            case "broadcast":
                ws_broadcast([transport], BINARY, payload, max_queued=1 << 30)
            case "ping":
                transport.send_ping(payload[:125])
            case "pong":
                transport.send_pong(payload[:125])
            case "close":
                transport.send_close(1000, "done")
            case "disconnect":
                transport.disconnect()
            case "abort":
                transport.disconnect(graceful=False)
            case "raise":
                raise RuntimeError("a listener's own")


SENDING = st.builds(Step, st.sampled_from(["send", "text", "reuse", "broadcast"]), SIZES)
CONTROL = st.builds(Step, st.sampled_from(["ping", "pong"]), st.integers(0, 125))
GRACEFUL = st.sampled_from([Step("close"), Step("disconnect"), Step("raise")])
#: What the callback of one frame does; None is a PING of the peer, which is no callback.
CALLBACK = st.one_of(st.none(), st.lists(st.one_of(SENDING, CONTROL, SENDING), max_size=8))
#: Few of them end the connection, or most would say nothing about what comes later.
Callbacks = list[list[Step] | None]


@st.composite
def programs(draw: st.DrawFn, endings: st.SearchStrategy[Step]) -> Callbacks:
    callbacks = draw(st.lists(CALLBACK, min_size=1, max_size=12))
    if draw(st.booleans()):
        last = draw(st.lists(st.one_of(SENDING, endings), max_size=4))
        callbacks.insert(draw(st.integers(0, len(callbacks))), last)
    return callbacks


class Program(Quiet):
    """Runs one callback of a program after the other, and ends the connection after a CLOSE."""

    def __init__(self, callbacks: Callbacks) -> None:
        super().__init__()
        self.callbacks = iter([steps for steps in callbacks if steps is not None])
        self.number = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == CLOSE:
            transport.send_close(1000)
            transport.disconnect()
            return
        for step in next(self.callbacks):
            self.number += 1
            step.run(transport, self.number)


def frames_of(callbacks: Callbacks) -> list[Frame]:
    frames = [
        Frame(PING, bytes([index])) if steps is None else Frame(BINARY)
        for index, steps in enumerate(callbacks)
    ]
    return [*frames, close(1000)]


@pytest.mark.parametrize("role", ["server", "client"])
@examples(EXAMPLES)
@given(callbacks=programs(st.one_of(GRACEFUL, st.just(Step("abort")))), read_size=SIZES)
def test_what_is_written_is_the_same(role: str, callbacks: Callbacks, read_size: int) -> None:
    async def frames(coalesce: bool) -> list[Frame]:
        listener = Program(callbacks)
        underlying = await driven.open_as(role, listener, coalesce_sends=coalesce)
        underlying.feed_frames(*frames_of(callbacks), read_size_max=read_size + 1)
        outcome = model.receive(
            bytes(underlying.written), is_server=role == "client", max_frame_size=1 << 40
        )
        assert outcome.failure is None
        assert outcome.consumed == len(underlying.written)
        if coalesce:
            reads = len(underlying.read_sizes)
            large = sum(step.size > 16_000 for steps in callbacks for step in steps or ())
            broadcasts = sum(
                step.kind == "broadcast" for steps in callbacks for step in steps or ()
            )
            assert len(underlying.write_sizes) <= reads + 2 * large + 2 * broadcasts + 2
        return outcome.frames

    async def main() -> None:
        assert await frames(True) == await frames(False)

    driven.run(main())


async def as_server(stack: Stack, callbacks: Callbacks, coalesce: bool) -> bytes:
    """All that a raw peer of a server of ours reads."""
    listener = Program(callbacks)
    options = stack.server_options | {"coalesce_sends": coalesce}
    async with serving(lambda _: listener, **options) as port:
        tls = stacks.client_tls() if stack.tls else None
        peer = await open_upgraded(port, ssl_context=tls)
        peer.send(*frames_of(callbacks))
        data = await peer.read_to_end()
        await peer.close()
        await listener.until_disconnected()
        return data


async def as_client(stack: Stack, callbacks: Callbacks, coalesce: bool) -> list[Frame]:
    """All frames that a raw peer of a client of ours reads. Their masking keys differ always."""
    listener = Program(callbacks)
    options: dict[str, Any] = stack.client_options | {"coalesce_sends": coalesce}
    async with raw_server(stacks.server_tls() if stack.tls else None) as server:
        connecting = asyncio.create_task(
            ws_connect(lambda: listener, stack.url(server.port), **options)
        )
        peer = await server.accept_upgraded()
        await connecting
        peer.send(*frames_of(callbacks))
        frames = await peer.read_rest()
        await peer.close()
        await listener.until_disconnected()
        return frames


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@examples(EXAMPLES_ON_SOCKETS)
@given(callbacks=programs(GRACEFUL))
def test_what_a_peer_reads_is_the_same(stack: Stack, callbacks: Callbacks) -> None:
    async def main() -> None:
        assert await as_server(stack, callbacks, True) == await as_server(stack, callbacks, False)
        assert await as_client(stack, callbacks, True) == await as_client(stack, callbacks, False)

    stacks.run(stack.loop, main())
