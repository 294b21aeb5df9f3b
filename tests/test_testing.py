"""picows.testing: connections in memory (picows.testing.memory), and raw peers in them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import stacks

from picows import (
    WSCloseCode,
    WSDisconnectCause,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
    ws_create_server,
)
from picows.testing import (
    Frame,
    MemoryNetwork,
    Recorder,
    memory_pair,
    open_raw,
    open_upgraded,
    raw_server,
    wire,
)
from picows.testing.peers import Peer, RawServer
from picows.testing.recorder import paired
from picows.testing.wire import BINARY, PING, PONG, TEXT

HAS_AIOFASTNET = find_spec("aiofastnet") is not None


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes(), fin=frame.fin)


async def exchange(read_size: int) -> None:
    rng = random.Random(1)
    sizes = [0, 1, 125, 126, 65_536, 300_000] if read_size > 1 else [0, 1, 125, 126, 3000]
    frames = [Frame(BINARY, rng.randbytes(size)) for size in sizes]
    async with memory_pair(server_factory=Echo, read_size=read_size) as pair:
        (client, listener), (server, _) = pair
        assert client.is_client_side and not server.is_client_side
        assert client.underlying_transport.get_extra_info("socket") is None
        for frame in frames:
            client.send(WSMsgType.BINARY, frame.payload)
        assert await listener.until_frames(len(frames)) == frames
        client.send_close(WSCloseCode.OK)
        client.disconnect()
        await client.wait_disconnected()
        await server.wait_disconnected()
        assert server.disconnect_info is not None
        assert server.disconnect_info.cause is WSDisconnectCause.PEER_CLOSE


@pytest.mark.parametrize("read_size", [1, 7, 1 << 18])
@pytest.mark.parametrize("loop", list(stacks.LOOPS))
def test_a_pair_talks(loop: str, read_size: int) -> None:
    stacks.run(loop, exchange(read_size))


async def test_programs_under_test_run_unchanged() -> None:
    async with MemoryNetwork() as network:
        any_host = await ws_create_server(lambda request: Echo(), port=443)
        await ws_create_server(lambda request: Echo(), "feed.example", 80)
        await ws_create_server(lambda request: Echo(), path="/run/feed.sock")
        free = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
        port = free.sockets[0].getsockname()[1]
        for url, options in (
            ("ws://feed.example/a", {}),
            ("wss://anything.example/", {}),
            ("ws://localhost/", {"path": "/run/feed.sock"}),
            (f"ws://127.0.0.1:{port}/", {"use_aiofastnet": HAS_AIOFASTNET}),
        ):
            transport, listener = await ws_connect(Recorder, url, **options)  # type: ignore[arg-type]
            assert isinstance(listener, Recorder)
            assert transport.is_secure == url.startswith("wss")
            transport.send(WSMsgType.TEXT, "hi")
            assert await listener.until_frames(1) == [Frame(TEXT, b"hi")]
            transport.disconnect()
            await transport.wait_disconnected()
        with pytest.raises(ConnectionRefusedError, match=r"nobody listens at \('other', 80\)"):
            await ws_connect(Recorder, "ws://other/")
        with pytest.raises(OSError, match="already"):
            await ws_create_server(lambda request: Echo(), "feed.example", 80)
        assert any_host.is_serving()
        any_host.close()
        await any_host.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await ws_connect(Recorder, "wss://anything.example/")
        with pytest.raises(RuntimeError, match="leave that one first"):
            await MemoryNetwork().__aenter__()
    assert all(transport.is_closed for transport in network.transports)
    with pytest.raises(OSError):  # noqa: PT011 (the machine's network says why)
        await ws_connect(Recorder, "ws://127.0.0.1:1/")


async def test_leaving_the_network_ends_what_is_in_it() -> None:
    async with memory_pair() as pair:
        pass
    for transport, listener in pair:
        assert transport.is_disconnected
        assert listener.events[-1] == "disconnected"


async def test_a_broken_connection() -> None:
    async with MemoryNetwork() as network:
        await ws_create_server(lambda request: Recorder(), port=80)
        transport, listener = await ws_connect(Recorder, "ws://h/")
        network.break_connections()
        await listener.until_disconnected()  # type: ignore[attr-defined]
        assert transport.disconnect_info is not None
        assert transport.disconnect_info.cause is WSDisconnectCause.RESET
        transport, _ = await ws_connect(Recorder, "ws://h/")  # the network goes on
        assert not transport.is_disconnected


async def test_the_server_of_a_network_is_one_of_asyncio() -> None:
    async with MemoryNetwork():
        server = await ws_create_server(lambda request: Recorder(), "h", 80)
        assert server.is_serving() and server.get_loop() is asyncio.get_running_loop()
        serving = asyncio.create_task(server.serve_forever())
        await ws_connect(Recorder, "ws://h/")
        serving.cancel()  # ends it, as Ctrl-C does
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert not server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await ws_connect(Recorder, "ws://h/")
        near, far = socket.socketpair()
        with near, far, pytest.raises(ValueError, match="leave out socket_factory"):
            await ws_connect(Recorder, "ws://h/", socket_factory=lambda url: near)
        near = socket.socket()
        with pytest.raises(ValueError, match="leave out socket_factory"):
            await ws_connect(Recorder, "ws://h/", socket_factory=lambda url: near)


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({}, (16 << 10, 64 << 10)),
        ({"high": 400}, (100, 400)),
        ({"low": 100}, (100, 400)),
        ({"high": 300, "low": 0}, (0, 300)),
    ],
)
async def test_write_limits_are_those_of_asyncio(given: dict[str, int], limits: object) -> None:
    async with memory_pair() as ((client, _), _server):
        transport = client.underlying_transport
        transport.set_write_buffer_limits(**given)
        assert transport.get_write_buffer_limits() == limits
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(b"x")


class Paused(Recorder):
    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")


async def test_backpressure() -> None:
    async with memory_pair(client_factory=Paused) as ((client, listener), (server, far)):
        server.underlying_transport.pause_reading()
        for _ in range(3):
            client.send(WSMsgType.BINARY, bytes(100_000))
        assert listener.events == ["connected", "paused"]
        assert client.underlying_transport.get_write_buffer_size() > 200_000
        for _ in range(5):
            await asyncio.sleep(0)
        assert far.frames == []
        server.underlying_transport.resume_reading()
        assert len(await far.until_frames(3)) == 3
        assert listener.events == ["connected", "paused", "resumed"]


@pytest.mark.parametrize("in_memory", [False, True])
async def test_raw_peers_in_both_places(in_memory: bool) -> None:
    async def talk() -> None:
        for role in ("client", "server"):
            async with paired(role) as pair:
                assert isinstance(pair.peer, Peer)
                pair.peer.send(Frame(TEXT, b"hi"), Frame(PING, b"?"))
                await pair.peer.expect(Frame(PONG, b"?"))
                assert pair.listener.frames == [Frame(TEXT, b"hi")]
                pair.transport.send(TEXT, b"a")
                with pytest.raises(AssertionError, match="expected Frame"):
                    await pair.peer.expect(Frame(TEXT, b"b"))

    if not in_memory:
        await talk()
        return
    async with MemoryNetwork() as network:
        await talk()
        assert len(network.transports) >= 2


async def test_exact_bytes_both_ways() -> None:
    async with MemoryNetwork():
        await ws_create_server(lambda request: Echo(), "h", 80)
        peer = await open_upgraded(80, host="h")
        peer.send_bytes(bytes.fromhex("818537fa213d7f9f4d5158"))  # RFC 6455 5.7
        await peer.expect_bytes(bytes.fromhex("810548656c6c6f"))
        peer.send_bytes(b"\xff")
        await peer.close()
        other = await open_raw(80, host="h")
        other.send_bytes(b"BREW / HTTP/1.1\r\n\r\n")
        with pytest.raises(AssertionError, match="expected"):
            await other.expect_bytes(b"HTTP/1.1 200")
        await other.close()


async def test_a_scripted_server() -> None:
    async with MemoryNetwork(), raw_server(host="feed.example", port=80) as server:
        assert isinstance(server, RawServer)
        connecting = asyncio.create_task(ws_connect(Recorder, "ws://feed.example/x"))
        peer = await server.accept()
        line, headers = await peer.read_head()
        assert (line, headers["host"]) == ("GET /x HTTP/1.1", "feed.example")
        peer.send_bytes(wire.response(headers["sec-websocket-key"]) + b"\x83\x00")
        _, listener = await connecting
        assert isinstance(listener, Recorder)
        assert (await peer.read_rest())[0].payload[:2] == (1002).to_bytes(2, "big")
        await listener.until_disconnected()


def examples() -> list[str]:
    text = (Path(__file__).parent.parent / "docs/testing.md").read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.S)


@pytest.mark.parametrize("number", range(len(examples())))
def test_the_examples_in_the_docs(number: int) -> None:
    """The last one is a test: it has to compile, tests/test_pytest_picows.py runs its like."""
    exec(compile(examples()[number], "docs/testing.md", "exec"), {})


@pytest.mark.parametrize("size", [0, -1])
def test_reads_bring_something(size: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        MemoryNetwork(read_size=size)


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("turns", [0, 1, 3])  # after two asyncio's own server loses it
def test_a_raw_server_that_closes_ends_a_connection_that_just_came(loop: str, turns: int) -> None:
    """It stayed open if it was accepted in the same turn of the event loop."""

    async def main() -> None:
        async with raw_server() as server:
            sock = socket.create_connection(("127.0.0.1", server.port))
            for _ in range(turns):
                await asyncio.sleep(0)
        with sock, contextlib.suppress(ConnectionResetError):
            sock.setblocking(False)
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""

    stacks.run(loop, main())
