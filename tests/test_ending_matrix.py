"""However a peer ends, and whatever we are about to send: what had arrived is delivered.

Then the end is told, once, with the right reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from support import stacks

from picows import WSDisconnectCause, WSTransport, ws_connect
from picows.testing import wire
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import BINARY, TEXT, Frame

Cause = WSDisconnectCause
QUEUED_SIZE = 16 << 20
FIRST, DATA, CLOSE = Frame(TEXT, b"first"), Frame(TEXT, b"data"), wire.close(1009, "too big")


@dataclass(frozen=True)
class Ending:
    """What the peer says last, how it goes, and what that is to us."""

    name: str
    last: list[Frame]
    is_reset: bool
    cause: WSDisconnectCause
    is_half: bool = False


ENDINGS = [
    Ending("FIN", [], False, Cause.EOF),
    Ending("data, then FIN", [DATA], False, Cause.EOF),
    Ending("RST", [], True, Cause.RESET),
    Ending("CLOSE, then RST", [CLOSE], True, Cause.PEER_CLOSE),
    Ending("data, then RST", [DATA], True, Cause.RESET),
    Ending("data and CLOSE, then FIN", [DATA, CLOSE], False, Cause.PEER_CLOSE),
    Ending("half close", [], False, Cause.EOF, is_half=True),
    Ending("CLOSE, then half close", [CLOSE], False, Cause.PEER_CLOSE, is_half=True),
]
OUTPUTS = ["empty", "sent to", "queued", "paused"]
ROLES = ["server", "new client", "client"]


class Listener(Recorder):
    def pause_writing(self) -> None:
        self.is_paused = True

    is_paused = False


@dataclass
class Case:
    """A connection of ours, and the peer's socket, on which nothing is read by itself."""

    listener: Listener
    peer: socket.socket
    key: bytes | None

    def say(self, *frames: Frame) -> None:
        self.peer.sendall(b"".join(wire.encode(frame, self.key) for frame in frames))


async def read_head(peer: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await asyncio.get_running_loop().sock_recv(peer, 1)
    return head


@contextlib.asynccontextmanager
async def server_case(listener: Listener | None = None, **options: Any) -> AsyncIterator[Case]:
    listener = listener or Listener()
    loop = asyncio.get_running_loop()
    async with serving(lambda _: listener, **options) as port:
        with socket.socket() as peer:
            peer.setblocking(False)
            await loop.sock_connect(peer, ("127.0.0.1", port))
            await loop.sock_sendall(peer, wire.request())
            await read_head(peer)
            yield Case(listener, peer, wire.MASKING_KEY)


@contextlib.asynccontextmanager
async def client_case(**options: Any) -> AsyncIterator[Case]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        connecting = asyncio.create_task(ws_connect(Listener, url, **options))
        peer, _ = await loop.sock_accept(listening)
        with peer:
            _, headers = wire.parse_head(await read_head(peer))
            await loop.sock_sendall(peer, wire.response(headers["sec-websocket-key"]))
            _, listener = await connecting
            yield Case(listener, peer, None)


def prepare(transport: WSTransport, output: str) -> None:
    if output in ("queued", "paused"):
        if output == "queued":
            transport.underlying_transport.set_write_buffer_limits(high=1 << 30)
        transport.send(BINARY, bytes(QUEUED_SIZE))


async def end(case: Case, ending: Ending, output: str) -> int:
    """The peer ends. Gives how many bytes it received at the end if it read to it, else 0."""
    loop = asyncio.get_running_loop()
    case.say(*ending.last)
    if ending.is_half:
        case.peer.shutdown(socket.SHUT_WR)
    else:
        if ending.is_reset:
            linger = struct.pack("ii", 1, 0)
            case.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        case.peer.close()
    if output == "sent to":
        # In the same turn: nothing of what came was read. The first write may find no error yet.
        for _ in range(3):
            case.listener.transport.send(TEXT, b"to nobody")
    size = 0
    with contextlib.suppress(ConnectionResetError):
        while ending.is_half and (data := await loop.sock_recv(case.peer, 1 << 20)):
            size += len(data)
    return size


def check(case: Case, ending: Ending, output: str, size: int, before: list[Frame]) -> None:
    transport = case.listener.transport
    assert case.listener.frames == before + ending.last
    assert case.listener.events.count("disconnected") == 1
    assert case.listener.events[-1] == "disconnected"
    assert case.listener.is_paused == (output == "paused")
    info = transport.disconnect_info
    assert info is not None
    cause = ending.cause
    if cause is Cause.EOF and output in ("queued", "paused") and not ending.is_half:
        cause = Cause.RESET  # to close a socket with bytes that were not read resets the connection
    assert info.cause is cause or (output == "sent to" and info.cause is Cause.RESET), info
    if cause is Cause.RESET:
        assert isinstance(info.exception, OSError)
    if cause is Cause.EOF and output == "empty":
        assert info.exception is None
    if ending.is_half and output in ("queued", "paused"):
        assert size > QUEUED_SIZE  # all of it, and a header


async def run_case(role: str, ending: Ending, output: str, **options: Any) -> None:
    opened = server_case(**options) if role == "server" else client_case(**options)
    async with opened as case:
        before = []
        if role == "client":
            before = [FIRST]
            case.say(FIRST)
            await case.listener.until_frames(1)
        transport = case.listener.transport
        prepare(transport, output)
        await asyncio.sleep(0)  # uvloop's transports write at the end of a turn
        size = await end(case, ending, output)
        async with asyncio.timeout(5):
            await transport.wait_disconnected()
        await asyncio.sleep(0)
        check(case, ending, output, size, before)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("use_aiofastnet", [None, False], ids=["own", "loop"])
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_what_had_arrived_is_delivered_and_the_end_is_told_once(
    loop: str, use_aiofastnet: bool | None, role: str
) -> None:
    async def main() -> None:
        failed = {}
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        for ending in ENDINGS:
            for output in OUTPUTS:
                try:
                    await run_case(role, ending, output, use_aiofastnet=use_aiofastnet)
                except (AssertionError, TimeoutError) as error:
                    failed[f"{ending.name} / {output}"] = repr(error)[:300]
        assert not failed, "\n".join(f"{name}: {error}" for name, error in failed.items())
        assert not reports

    stacks.run(loop, main())


class StopsReadingWithTheOutput(Listener):
    """As programs do that must not receive what they cannot answer."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.underlying_transport.resume_reading()


@pytest.mark.parametrize("last", [[DATA], [DATA, CLOSE]])
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_reading_stopped_because_nothing_could_be_sent(loop: str, last: list[Frame]) -> None:
    """The write failed, and what waited to be read was thrown away."""

    async def main() -> None:
        listener = StopsReadingWithTheOutput()
        async with server_case(listener) as case:
            prepare(listener.transport, "paused")
            await end(case, Ending("", last, True, Cause.RESET), "paused")
            await listener.transport.wait_disconnected()
            assert listener.frames == last

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_reading_that_the_user_stopped_stays_stopped(loop: str) -> None:
    async def main() -> None:
        listener = Listener()
        async with server_case(listener) as case:
            underlying = listener.transport.underlying_transport
            underlying.pause_reading()
            await end(case, Ending("", [DATA], True, Cause.RESET), "sent to")
            for _ in range(5):
                await asyncio.sleep(0)
            assert listener.events == ["connected"]
            underlying.resume_reading()
            await listener.transport.wait_disconnected()
            assert listener.frames == [DATA]
            info = listener.transport.disconnect_info
            assert info and info.cause is Cause.RESET

    stacks.run(loop, main())
