"""Auto-ping: what has arrived is read before a peer is given up, however busy the loop was."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support import stacks
from support.stacks import LOOPS, STACKS, Stack, run

from picows import WSAutoPingStrategy, WSDisconnectCause, ws_connect
from picows.testing import wire
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import PING, PONG, TEXT, Frame

pytestmark = pytest.mark.slow

ROLES = ["client", "server"]
STRATEGIES = list(WSAutoPingStrategy)
PERIODICALLY = WSAutoPingStrategy.PING_PERIODICALLY


def pings(seconds: float) -> dict[str, Any]:
    return {
        "enable_auto_ping": True,
        "auto_ping_idle_timeout": seconds,
        "auto_ping_reply_timeout": seconds,
    }


class BlockingPeer:
    """A peer on a plain socket, which works while the event loop is blocked."""

    def __init__(self, sock: socket.socket, key: bytes | None) -> None:
        self.sock = sock
        self.key = key

    def read_until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self.sock.recv(1)
            assert data
        return data

    def read_ping(self) -> None:
        size = 2 if self.key else 6  # of an empty frame from a server, from a client
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            assert more, "given up"
            data += more
        assert data[0] == 0x80 | PING

    def send(self, frame: Frame) -> None:
        self.sock.sendall(wire.encode(frame, self.key))


def connect_blocking(port: int, tls: bool) -> BlockingPeer:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    if tls:
        sock = stacks.client_tls().wrap_socket(sock, server_hostname="127.0.0.1")
    peer = BlockingPeer(sock, wire.MASKING_KEY)
    sock.sendall(wire.request())
    assert b" 101 " in peer.read_until(b"\r\n\r\n")
    return peer


def accept_blocking(listening: socket.socket, tls: ssl.SSLContext | None) -> BlockingPeer:
    listening.settimeout(10)
    sock, _ = listening.accept()
    sock.settimeout(10)
    if tls:
        sock = tls.wrap_socket(sock, server_side=True)
    peer = BlockingPeer(sock, None)
    _, headers = wire.parse_head(peer.read_until(b"\r\n\r\n"))
    sock.sendall(wire.response(headers["sec-websocket-key"]))
    return peer


def answer_pings(peers: list[BlockingPeer]) -> None:
    """Those that are there; their sockets do not block."""
    for peer in peers:
        with contextlib.suppress(BlockingIOError):
            peer.read_ping()
            peer.send(Frame(PONG))


def block(seconds: float) -> None:
    """Keep the event loop busy."""
    time.sleep(seconds)


@contextlib.asynccontextmanager
async def with_blocking_peer(
    role: str, stack: Stack, **options: Any
) -> AsyncIterator[tuple[Recorder, BlockingPeer]]:
    if role == "server":
        listeners: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            listeners.append(Recorder())
            return listeners[0]

        async with serving(factory, **stack.server_options, **options) as port:
            peer = await asyncio.to_thread(connect_blocking, port, stack.tls)
            yield listeners[0], peer
            peer.sock.close()
            await listeners[0].until_disconnected()
        return
    with socket.create_server(("127.0.0.1", 0)) as listening:
        tls = stacks.server_tls() if stack.tls else None
        accepting = asyncio.create_task(asyncio.to_thread(accept_blocking, listening, tls))
        url = stack.url(listening.getsockname()[1])
        _, listener = await ws_connect(Recorder, url, **stack.client_options, **options)
        peer = await accepting
        yield listener, peer
        peer.sock.close()
        await listener.until_disconnected()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_an_answer_that_waits_in_the_kernel_counts(
    stack: Stack, role: str, strategy: WSAutoPingStrategy
) -> None:
    """On uvloop, timers run before sockets are polled: the peer was given up."""
    seconds = 0.05

    async def main() -> None:
        options = pings(seconds) | {"auto_ping_strategy": strategy}
        async with with_blocking_peer(role, stack, **options) as (listener, peer):
            loop = asyncio.get_running_loop()
            done = asyncio.Event()
            count = 0

            def on_ping() -> None:
                """The peer answers, and the loop is busy until the time for that is over."""
                nonlocal count
                peer.read_ping()
                peer.send(Frame(PONG))
                time.sleep(2 * seconds)
                count += 1
                if count == 2 or listener.transport.is_disconnected:
                    done.set()

            loop.add_reader(peer.sock.fileno(), on_ping)
            await done.wait()
            loop.remove_reader(peer.sock.fileno())
            peer.send(Frame(TEXT, b"still here"))
            await listener.until_frames(1)
            assert listener.frames == [Frame(TEXT, b"still here")]

    run(stack.loop, main())


@pytest.mark.parametrize("loop", LOOPS)
def test_answers_of_many_connections_that_wait_in_the_kernel_count(loop: str) -> None:
    """One turn of the event loop serves only some of them."""
    seconds, count = 0.5, 300

    async def main() -> None:
        listeners: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            listeners.append(Recorder())
            return listeners[-1]

        options = pings(seconds) | {"auto_ping_strategy": PERIODICALLY}
        async with serving(factory, **options) as port:
            peers: list[BlockingPeer] = []
            while len(peers) < count:
                peers.append(await asyncio.to_thread(connect_blocking, port, False))
                peers[-1].sock.settimeout(0)
                if len(peers) % 10 == 0:
                    answer_pings(peers)
            for _ in range(3):
                answer_pings(peers)
                block(1.2 * seconds)
                await asyncio.sleep(0)
            for peer in peers:
                peer.send(Frame(TEXT, b"still here"))
            for listener in listeners:
                await listener.until_frames(1)
            for peer in peers:
                peer.sock.close()
            for listener in listeners:
                await listener.until_disconnected()

    run(loop, main())


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_who_is_not_read_is_not_given_up(stack: Stack) -> None:
    """The user paused reading: the answer cannot be seen."""

    async def main() -> None:
        async with with_blocking_peer("server", stack, **pings(0.03)) as (listener, peer):
            underlying = listener.transport.underlying_transport
            underlying.pause_reading()
            await asyncio.to_thread(peer.read_ping)
            peer.send(Frame(PONG))
            await asyncio.sleep(0.3)  # ten times the reply timeout
            assert not listener.transport.is_disconnected
            underlying.resume_reading()
            await asyncio.to_thread(peer.read_ping)  # the next one
            await listener.until_disconnected()
            assert listener.transport.disconnect_info.cause is WSDisconnectCause.PING_TIMEOUT

    run(stack.loop, main())
