"""Peers that vanish: wherever it happens, one on_ws_disconnected, nothing delivered by halves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from support import stacks

from picows.testing import wire
from picows.testing.peers import open_upgraded
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import BINARY, TEXT, Frame, encode

ROLES = ["client", "server"]
FIRST = Frame(TEXT, b"whole")
SMALL, MEDIUM, LARGE = (Frame(BINARY, bytes(size)) for size in (100, 5000, 300_000))
# How much of the frame arrives.
CUTS = {
    "one byte of a header": (SMALL, 1),
    "a header without its masking key": (SMALL, 2),
    "half an extended length": (MEDIUM, 3),
    "half a long extended length": (LARGE, 7),
    "a header without a payload": (MEDIUM, 8),
    "part of a small payload": (SMALL, 50),
    "part of a large payload": (LARGE, 200_000),
    "all but one byte": (LARGE, 300_009),
}


async def vanish(role: str, how: str, data: bytes, use_aiofastnet: bool | None) -> None:
    async with paired(role, use_aiofastnet=use_aiofastnet) as pair:
        pair.peer.send(FIRST)
        assert await pair.listener.until_frames(1) == [FIRST]
        pair.peer.send_bytes(data)
        await pair.peer.writer.drain()
        waiter = asyncio.create_task(pair.transport.wait_disconnected())
        if how == "RST":
            pair.peer.reset()
        else:
            pair.peer.writer.write_eof()
            # Nothing is said to a peer that ended its side.
            assert await pair.peer.read_to_end() == b""
        await waiter  # a connection that is lost is no exception of anybody
        assert pair.listener.events == ["connected", "frame", "disconnected"]
        assert pair.transport.is_disconnected
        assert pair.transport.close_handshake is None
        pair.transport.send(TEXT, "to nobody")
        pair.transport.send_close(1000)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("use_aiofastnet", stacks.TRANSPORTS.values())
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_peer_that_vanishes_inside_a_frame(
    loop: str, use_aiofastnet: bool | None, role: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    cuts = list(CUTS.values())
    if (loop, use_aiofastnet, how) == ("uvloop", True, "RST"):
        # There a reset behind unread bytes goes unnoticed: uvloop calls a reader for the last time
        # when epoll reports the error, and aiofastnet's then reads only once.
        cuts = [(frame, size) for frame, size in cuts if size < 1000]

    async def main() -> None:
        for frame, size in cuts:
            key = wire.MASKING_KEY if role == "server" else None
            await vanish(role, how, encode(frame, key)[:size], use_aiofastnet)

    caplog.set_level(logging.INFO)
    stacks.run(loop, main())
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    lost = [r for r in caplog.records if r.getMessage().startswith("disconnected")]
    assert len(lost) == len(cuts)


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_sending_to_a_peer_that_was_reset_is_no_error(loop: str) -> None:
    async def main() -> None:
        async with paired("server") as pair:
            pair.peer.reset()
            while not pair.transport.is_disconnected:
                pair.transport.send(BINARY, bytes(1000))
                await asyncio.sleep(0)
            await pair.listener.until_disconnected()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_flood_to_a_peer_that_vanishes_without_reading_ends(loop: str) -> None:
    async def main() -> None:
        async with paired("server") as pair:
            for _ in range(20):
                pair.transport.send(BINARY, bytes(1 << 20))
            pair.peer.reset()
            await pair.transport.wait_disconnected()

    stacks.run(loop, main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_echoes_to_a_connection_that_is_going_away_are_dropped_in_silence(
    stack: stacks.Stack, caplog: pytest.LogCaptureFixture
) -> None:
    """A transport that is lost, but has not said so yet, logs a line for nearly every write."""

    class Echo(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            super().on_ws_frame(transport, frame)
            transport.underlying_transport.abort()
            transport.send(frame.msg_type, frame.get_payload_as_bytes())

    async def main() -> None:
        listener = Echo()
        async with serving(lambda _: listener, **stack.server_options) as port:
            tls = stacks.client_tls() if stack.tls else None
            peer = await open_upgraded(port, ssl_context=tls)
            frames = [Frame(BINARY, bytes(10))] * 100
            peer.send(*frames)
            with contextlib.suppress(OSError):
                await peer.read_to_end()
            await listener.until_disconnected()
            await peer.close()
        assert listener.frames == frames

    caplog.set_level(logging.INFO)
    stacks.run(stack.loop, main())
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
