"""Connections that somebody else accepted: from streams, as sockets, or byte by byte."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks
from support.stacks import LOOPS

import picows
from picows import WSEndpoint, ws_create_server, ws_endpoint
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, Peer, open_raw
from picows.testing.recorder import Recorder
from picows.testing.wire import BINARY, TEXT, Frame


class Echo(Recorder):
    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        if frame.msg_type < wire.CLOSE:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


class Host:
    """Accepts, reads as much as it wants, and hands over."""

    def __init__(self, factory: Any = None, **options: Any) -> None:
        self.listeners: list[Echo] = []
        self.endpoint = ws_endpoint(factory or self.choose, **options)
        self.transports: list[Any] = []

    def choose(self, request: Any) -> Echo:
        self.listeners.append(Echo())
        return self.listeners[-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.before(reader, writer)
        head = await reader.readuntil(b"\r\n\r\n")
        reader.feed_eof()
        rest = await reader.read()
        transport = self.endpoint.attach(writer.transport, received=head + rest)
        self.transports.append(transport)
        await transport.wait_disconnected()

    async def before(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async def start(self, **options: Any) -> int:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, **options)
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        self.server.close()
        await self.server.wait_closed()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():  # noqa: ASYNC110 - the event loop of streams tells nobody
            await asyncio.sleep(0)


def encoded(*frames: Frame) -> bytes:
    return b"".join(wire.encode(frame, wire.MASKING_KEY) for frame in frames)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_a_frame_in_the_segment_of_the_head_is_not_lost(loop: str, tls: bool) -> None:
    async def main() -> None:
        host = Host()
        port = await host.start(ssl=stacks.server_tls() if tls else None)
        peer = await open_raw(port, stacks.client_tls() if tls else None)
        first, second = Frame(TEXT, b"first"), Frame(BINARY, b"second")
        cut = encoded(second)
        peer.send_bytes(wire.request() + encoded(first) + cut[:5])
        await peer.read_head()
        await peer.expect(first)
        peer.send_bytes(cut[5:])
        await peer.expect(second)
        (transport,) = host.transports
        assert transport.is_secure is tls
        assert transport.request.path == b"/"
        transport.send_close(1000)
        transport.disconnect()
        assert await peer.read_rest() == [wire.close(1000)]
        await peer.close()
        await host.listeners[0].until_disconnected()
        await host.stop()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
def test_bytes_that_wait_in_the_transport_leave_first(loop: str) -> None:
    size = 8 * 1024 * 1024  # more than sockets take

    class Chatty(Host):
        async def before(self, reader: Any, writer: Any) -> None:
            writer.write(b"-" * size)
            assert writer.transport.get_write_buffer_size() > 0

    async def main() -> None:
        host = Chatty()
        peer = await open_raw(await host.start())
        peer.send_bytes(wire.request() + encoded(Frame(TEXT, b"now")))
        await until(lambda: host.listeners)
        # Whatever room the socket has for it by then.
        (listener,) = host.listeners
        await listener.until_frames(1)
        listener.transport.send(BINARY, b"last")
        await peer.expect_bytes(b"-" * size)
        await peer.read_head()
        await peer.expect(Frame(TEXT, b"now"), Frame(BINARY, b"last"))
        listener.transport.disconnect()
        await peer.close()
        await listener.until_disconnected()
        await host.stop()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_paused_transport_is_resumed(loop: str) -> None:
    """A StreamReader pauses its transport when it has more than twice its limit."""

    class Slow(Host):
        async def before(self, reader: Any, writer: Any) -> None:
            await until(lambda: not writer.transport.is_reading())

    async def main() -> None:
        host = Slow()
        peer = await open_raw(await host.start(limit=2048))
        large, after = Frame(BINARY, bytes(300_000)), Frame(TEXT, b"after")
        peer.send_bytes(wire.request() + encoded(large, after))
        await peer.read_head()
        await peer.expect(large, after)
        host.transports[0].disconnect()
        await peer.close()
        await host.listeners[0].until_disconnected()
        await host.stop()

    stacks.run(loop, main())


@pytest.mark.parametrize("answer", [101, 403])
async def test_the_request_may_be_answered_later(answer: int) -> None:
    """What comes meanwhile is kept; the connection is there, but not open."""
    allowed = asyncio.Event()
    listener = Echo()

    async def authenticate(request: Any) -> Any:
        await allowed.wait()
        if answer == 101:
            return listener
        response = picows.WSUpgradeResponse.create_error_response(403, b"no")
        return picows.WSUpgradeResponseWithListener(response, None)

    host = Host(authenticate)
    peer = await open_raw(await host.start())
    peer.send_bytes(wire.request() + encoded(Frame(TEXT, b"early")))
    await until(lambda: host.transports)
    assert not host.transports[0].is_disconnected
    assert listener.events == []
    allowed.set()
    status, _ = await peer.read_head()
    assert status.split(" ")[1] == str(answer)
    if answer == 101:
        await peer.expect(Frame(TEXT, b"early"))
    else:
        assert await peer.read_to_end() == b"no"
    await peer.close()
    await host.transports[0].wait_disconnected()
    await host.stop()


async def test_a_head_that_never_ends_is_bounded_in_time() -> None:
    host = Host(websocket_handshake_timeout=0.05)
    ours, theirs = socket.socketpair()
    transport = host.endpoint.attach_socket(ours, received=b"GET / HTTP/1.1\r\n")
    async with asyncio.timeout(SECONDS_MAX):
        await transport.wait_disconnected()
    assert theirs.recv(100) == b""
    theirs.close()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.skipif(not hasattr(picows._native, "TcpTransport"), reason="no transport of our own")
def test_a_socket_runs_on_our_own_transport(loop: str) -> None:
    async def main() -> None:
        host = Host()
        listening = socket.create_server(("127.0.0.1", 0))
        peer = await open_raw(listening.getsockname()[1])
        peer.send_bytes(wire.request() + encoded(Frame(TEXT, b"a"), Frame(TEXT, b"b")))
        accepted, _ = listening.accept()
        received = b""
        while b"\r\n\r\n" not in received:
            received += accepted.recv(100)
        transport = host.endpoint.attach_socket(accepted, received=received)
        await peer.read_head()
        await peer.expect(Frame(TEXT, b"a"), Frame(TEXT, b"b"))
        assert type(transport.underlying_transport).__name__ == "TcpTransport"
        assert transport.underlying_transport.get_extra_info("peername")[0] == "127.0.0.1"
        transport.disconnect()
        await transport.wait_disconnected()
        assert accepted.fileno() == -1, "it belongs to the connection"
        await peer.close()
        listening.close()

    stacks.run(loop, main())


async def test_sockets_that_cannot_be_taken() -> None:
    host = Host()
    with socket.socket() as unconnected, pytest.raises(OSError, match="not connected"):
        host.endpoint.attach_socket(unconnected)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(ValueError, match="not a stream socket"),
    ):
        host.endpoint.attach_socket(datagrams)
    with pytest.raises(ValueError, match="closed"):
        host.endpoint.attach_socket(unconnected)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TypeError, match="received must be bytes-like"):
        host.endpoint.attach_socket(ours, received="text")  # type: ignore[arg-type]


class OwnLoop(asyncio.SelectorEventLoop):
    """Might make transports itself."""


def test_an_event_loop_without_our_transport_says_what_to_do() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, pytest.raises(RuntimeError, match="connect_accepted_socket"):
            Host().endpoint.attach_socket(ours)
        ours, theirs = socket.socketpair()
        host = Host()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_accepted_socket(host.endpoint, ours)
        assert isinstance(protocol, asyncio.BufferedProtocol)
        peer = Peer(*await asyncio.open_connection(sock=theirs), wire.MASKING_KEY)
        peer.send_bytes(wire.request() + encoded(Frame(TEXT, b"hello")))
        await peer.read_head()
        await peer.expect(Frame(TEXT, b"hello"))
        transport.close()
        await peer.close()
        await host.listeners[0].until_disconnected()

    with asyncio.Runner(loop_factory=OwnLoop) as runner:
        runner.run(main())


async def test_a_transport_that_closes_is_refused() -> None:
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    writer.close()
    with pytest.raises(ValueError, match="transport is closing"):
        Host().endpoint.attach(writer.transport)
    theirs.close()
    await writer.wait_closed()


def test_it_needs_a_running_event_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        ws_endpoint(lambda request: None)


async def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="ws_listener_factory must be a function"):
        ws_endpoint(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_pending_handshakes must be at least 1"):
        ws_endpoint(lambda request: None, max_pending_handshakes=0)
    with pytest.raises(ValueError, match="close code 5 may not be sent"):
        ws_endpoint(lambda request: None, enable_auto_ping=True, auto_ping_close_code=5)


async def test_an_endpoint_is_a_protocol_factory(socket_path: str) -> None:
    host = Host()
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(host.endpoint, socket_path)
    peer = Peer(*await asyncio.open_unix_connection(socket_path), wire.MASKING_KEY)
    peer.send_bytes(wire.request() + encoded(Frame(TEXT, b"hello")))
    await peer.read_head()
    await peer.expect(Frame(TEXT, b"hello"))
    await peer.close()
    await host.listeners[0].until_disconnected()
    server.close()
    await server.wait_closed()


async def test_the_options_are_those_of_a_server() -> None:
    """And each of them reaches the connections."""
    parameters = inspect.signature(ws_create_server).parameters
    for name, parameter in inspect.signature(ws_endpoint).parameters.items():
        assert parameter == parameters[name]
    here_only = {"host", "port", "read_buffer_init_size", "use_aiofastnet", "kwargs"}
    assert parameters.keys() - inspect.signature(ws_endpoint).parameters == here_only
    transport, theirs = socket.socketpair()
    host = Host(max_frame_size=10, logger_name="mine")
    received = wire.request() + encoded(Frame(BINARY, bytes(11)))
    connection = host.endpoint.attach_socket(transport, received=received)
    assert connection.close_handshake.sent.code == 1009
    theirs.close()
    await connection.wait_disconnected()
    assert isinstance(host.endpoint, WSEndpoint)
    assert WSEndpoint.__module__ == "picows"
