"""The TCP transport of our own, seen as an asyncio.Transport and through the connections on it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import re
import socket
import sys
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
from support import stacks
from support.machine import needs_ipv6

from picows import WSListener, ws_connect, ws_create_server
from picows.client import tcp
from picows.testing import wire
from picows.testing.recorder import Recorder, paired
from picows.testing.wire import BINARY, TEXT, Frame

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the transport is Linux's")
ROLES = ["client", "server"]
LOOPS = pytest.mark.parametrize("loop", stacks.LOOPS)


def is_own(transport: Any) -> bool:
    return type(transport.underlying_transport).__name__ == "TcpTransport"


@LOOPS
@pytest.mark.parametrize("role", ROLES)
def test_plain_tcp_runs_on_it(loop: str, role: str) -> None:
    async def main() -> None:
        async with paired(role) as pair:
            assert is_own(pair.transport)
            underlying = pair.transport.underlying_transport
            assert underlying.get_extra_info("peername")[0] == "127.0.0.1"
            sock = underlying.get_extra_info("socket")
            assert sock.getsockname() == underlying.get_extra_info("sockname")
            assert sock.getpeername() == underlying.get_extra_info("peername")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            assert underlying.get_extra_info("cipher", "none") == "none"
            assert underlying.get_protocol() is not None
            with pytest.raises(NotImplementedError):
                underlying.set_protocol(asyncio.Protocol())

    stacks.run(loop, main())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("use_aiofastnet", list(stacks.TRANSPORTS.values())[1:])
async def test_another_one_when_asked_for(role: str, use_aiofastnet: bool) -> None:
    async with paired(role, use_aiofastnet=use_aiofastnet) as pair:
        assert not is_own(pair.transport)


@needs_ipv6
@LOOPS
def test_ipv6(loop: str) -> None:
    async def main() -> None:
        server = await ws_create_server(lambda _: WSListener(), "::1", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await ws_connect(WSListener, f"ws://[::1]:{port}/")
        assert is_own(transport)
        peername = transport.underlying_transport.get_extra_info("peername")
        assert peername == ("::1", port, 0, 0)
        server.close()
        transport.disconnect()
        await transport.wait_disconnected()
        await server.wait_closed()

    stacks.run(loop, main())


@LOOPS
def test_a_refused_connection_names_the_address(loop: str) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        text = re.escape(f"Connect call failed ('127.0.0.1', {port})")
        with pytest.raises(ConnectionRefusedError, match=text):
            await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")

    stacks.run(loop, main())


@LOOPS
def test_a_connection_that_takes_its_time(loop: str) -> None:
    """The first SYN is dropped because the queue is full; the kernel sends another after 1 s."""

    async def main() -> None:
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listening.getsockname())
            port = listening.getsockname()[1]
            connecting = asyncio.create_task(ws_connect(Recorder, f"ws://127.0.0.1:{port}/"))
            await asyncio.sleep(0)
            server = await ws_create_server(lambda _: Recorder(), sock=listening)
            transport, _ = await connecting
            assert is_own(transport)
            transport.disconnect()
            await transport.wait_disconnected()
            server.close()

    stacks.run(loop, main())


@LOOPS
@pytest.mark.parametrize("role", ROLES)
def test_flow_control(loop: str, role: str) -> None:
    class Flow(Recorder):
        def pause_writing(self) -> None:
            self._note("pause")

        def resume_writing(self) -> None:
            self._note("resume")

    async def main() -> None:
        async with paired(role, Flow) as pair:
            underlying = pair.transport.underlying_transport
            assert underlying.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
            underlying.set_write_buffer_limits(high=1 << 20, low=1 << 10)
            assert underlying.get_write_buffer_limits() == (1 << 10, 1 << 20)
            with pytest.raises(ValueError, match="high-water mark"):
                underlying.set_write_buffer_limits(high=1, low=2)
            with pytest.raises(ValueError, match="must be at least 0"):
                underlying.set_write_buffer_limits(high=-1)
            with pytest.raises(TypeError):
                underlying.set_write_buffer_limits(high="much")
            assert underlying.get_write_buffer_limits() == (1 << 10, 1 << 20)
            sent = 0
            while "pause" not in pair.listener.events:
                pair.transport.send(BINARY, bytes(300_000))
                sent += 1
            assert underlying.get_write_buffer_size() > 1 << 20
            for _ in range(sent):
                frame = await pair.peer.read_frame()
                assert frame == Frame(BINARY, bytes(300_000))
            await pair.listener.until(lambda: "resume" in pair.listener.events)
            assert underlying.get_write_buffer_size() == 0

    stacks.run(loop, main())


@LOOPS
@pytest.mark.parametrize("role", ROLES)
def test_unix_sockets_keep_their_names(loop: str, role: str, tmp_path: Path) -> None:
    """`get_extra_info("peername")` asked a socket that was closed by then: OSError."""
    path = str(tmp_path / "sock")

    async def main() -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        recorders: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            recorders.append(Recorder())
            return recorders[-1]

        def make(url: Any) -> socket.socket:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            return sock

        server = await ws_create_server(factory, sock=listening)
        transport, _ = await ws_connect(Recorder, "ws://localhost/", socket_factory=make)
        accepted = recorders[0].transport
        underlying = (transport if role == "client" else accepted).underlying_transport
        names = ("peername", "sockname") if role == "client" else ("sockname", "peername")
        assert is_own(transport) and is_own(accepted)
        assert [underlying.get_extra_info(name) for name in names] == [path, ""]
        server.close()
        transport.disconnect()
        await transport.wait_disconnected()
        await recorders[0].until_disconnected()
        assert [underlying.get_extra_info(name) for name in names] == [path, ""]

    stacks.run(loop, main())


@LOOPS
@pytest.mark.parametrize("role", ROLES)
def test_reading_can_be_paused(loop: str, role: str) -> None:
    async def main() -> None:
        async with paired(role) as pair:
            underlying = pair.transport.underlying_transport
            underlying.pause_reading()
            assert not underlying.is_reading()
            pair.peer.send(Frame(TEXT, b"late"))
            other = asyncio.get_running_loop().create_future()
            reader, writer = socket.socketpair()
            reader.setblocking(False)
            asyncio.get_running_loop().add_reader(reader, other.set_result, None)
            writer.send(b"x")
            await other  # a turn of the loop in which the frame would have come
            asyncio.get_running_loop().remove_reader(reader)
            reader.close()
            writer.close()
            assert pair.listener.frames == []
            underlying.resume_reading()
            assert underlying.is_reading()
            assert await pair.listener.until_frames(1) == [Frame(TEXT, b"late")]

    stacks.run(loop, main())


@LOOPS
@pytest.mark.parametrize("role", ROLES)
def test_a_reset_while_paused_shows_after_resuming(loop: str, role: str) -> None:
    async def main() -> None:
        async with paired(role) as pair:
            underlying = pair.transport.underlying_transport
            underlying.pause_reading()
            pair.peer.send(Frame(TEXT, b"last"))
            await pair.peer.writer.drain()
            pair.peer.reset()
            await asyncio.sleep(0)
            assert not pair.transport.is_disconnected
            underlying.resume_reading()
            await pair.listener.until_disconnected()
            assert pair.listener.frames == [Frame(TEXT, b"last")]

    stacks.run(loop, main())


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


@LOOPS
@pytest.mark.parametrize("role", ROLES)
def test_callbacks_run_in_a_context_of_their_connection(loop: str, role: str) -> None:
    """As with asyncio's transports: a copy of the one in which the connection was asked for."""
    seen: list[str] = []

    class Binds(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            seen.append(VARIABLE.get())
            VARIABLE.set(frame.get_payload_as_ascii_text())
            super().on_ws_frame(transport, frame)

    async def main() -> None:
        VARIABLE.set("outside")
        async with paired(role, Binds) as first, paired(role, Binds) as second:
            for pair, text in [(first, b"a"), (second, b"b"), (first, b"c"), (second, b"d")]:
                count = len(pair.listener.frames)
                pair.peer.send(Frame(TEXT, text))
                await pair.listener.until_frames(count + 1)
        assert VARIABLE.get() == "outside"
        assert seen == ["outside", "outside", "a", "b"]

    stacks.run(loop, main())


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "not closed"])
def test_an_abandoned_loop_lets_go_of_its_connections(
    monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    """Nobody closes them: the garbage collector does, and warns once of each.

    A client's socket object warned as well, and what the collector had emptied already made noise:
    sockets, and the timer of handshakes that were not done.
    """
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    alive: list[weakref.ref[Any]] = []

    async def main() -> None:
        server = await ws_create_server(lambda _: WSListener(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for _ in range(2):
            transport, listener = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
            transport.underlying_transport.get_extra_info("socket")
            alive.extend((weakref.ref(transport), weakref.ref(listener)))
        beginner.connect(("127.0.0.1", port))
        await asyncio.sleep(0.01)
        server.close()

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        if is_closed:
            loop.close()

    gc.collect()  # what other tests have left is not to be counted here
    with warnings.catch_warnings(record=True) as caught, socket.socket() as beginner:
        warnings.simplefilter("always")
        abandon()
        gc.collect()
    assert [each() for each in alive] == [None] * 4
    texts = [str(warning.message).partition(",")[0] for warning in caught]
    expected = ["unclosed TCP transport of picows"] * 5
    if not is_closed:
        assert "unclosed event loop" in texts.pop(0)
    assert texts == expected
    assert ignored == []


def test_a_child_of_a_fork_leaves_the_connections_alone() -> None:
    """The set of sockets that the hub watches is shared between the two processes."""

    async def main() -> None:
        async with paired("server") as pair:
            child = os.fork()
            if child == 0:
                pair.transport.disconnect(graceful=False)
                os._exit(0)
            assert (await asyncio.to_thread(os.waitpid, child, 0))[1] == 0
            pair.peer.send(Frame(TEXT, b"to the parent"))
            assert await pair.listener.until_frames(1) == [Frame(TEXT, b"to the parent")]
            pair.transport.send(wire.TEXT, b"from the parent")
            assert await pair.peer.read_frame() == Frame(TEXT, b"from the parent")

    asyncio.run(main())


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


async def test_the_addresses_of_a_name_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        return [(*kind, ("127.0.0.1", port)) for port in found]

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    with pytest.raises(OSError, match=r"the name 'h\.example' has no address"):
        await tcp.connect_tcp(loop, "h.example", 80)
    found += [unused_port(), unused_port()]
    both = rf"no address of 'h\.example' .*{found[0]}.*; .*{found[1]}"
    with pytest.raises(OSError, match=both):
        await tcp.connect_tcp(loop, "h.example", 80)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found.append(listening.getsockname()[1])
        with await tcp.connect_tcp(loop, "h.example", 80) as connected:
            assert connected.getpeername() == listening.getsockname()
