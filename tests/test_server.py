"""The server over our own transport behaves as an asyncio.Server does."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import scripts, stacks

from picows import (
    WSDisconnectCause,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)
from picows.server.listening import TcpServer
from picows.testing.peers import SECONDS_MAX, open_upgraded
from picows.testing.recorder import Recorder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the transport is Linux's")


async def listening(
    factory: Callable[[WSUpgradeRequest], WSListener] = lambda _: Recorder(), **options: Any
) -> tuple[TcpServer, int]:
    server: Any = await ws_create_server(factory, "127.0.0.1", 0, **options)
    assert isinstance(server, TcpServer)
    return server, server.sockets[0].getsockname()[1]


async def test_life() -> None:
    server, port = await listening(start_serving=False)
    assert server.get_loop() is asyncio.get_running_loop()
    assert not server.is_serving()
    assert str(port) in repr(server)
    with pytest.raises(ConnectionRefusedError):
        await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
    await server.start_serving()
    await server.start_serving()
    assert server.is_serving()
    transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
    server.close()
    server.close()
    assert not server.is_serving()
    assert server.sockets == ()
    with pytest.raises(RuntimeError, match="is closed"):
        await server.start_serving()
    with pytest.raises(ConnectionRefusedError):
        await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
    waiter = asyncio.create_task(server.wait_closed())
    transport.send_ping(b"still open")
    assert not waiter.done()
    transport.disconnect()
    await waiter
    await server.wait_closed()


async def test_cancelling_a_waiter_disturbs_no_other() -> None:
    server, _ = await listening()
    first = asyncio.create_task(server.wait_closed())
    second = asyncio.create_task(server.wait_closed())
    await asyncio.sleep(0)
    first.cancel()
    server.close()
    await second
    assert first.cancelled()


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_serving_for_ever(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(start_serving=False)
        forever = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already being awaited"):
            await server.serve_forever()
        transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
        transport.disconnect()
        await transport.wait_disconnected()
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        assert server.sockets == ()
        with pytest.raises(RuntimeError, match="is closed"):
            await server.serve_forever()

    stacks.run(loop, main())


async def test_closing_ends_serve_forever() -> None:
    server, _ = await listening()
    forever = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0)
    server.close()
    with pytest.raises(asyncio.CancelledError):
        await forever


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_cancelling_serve_forever_ends_its_connections(loop: str) -> None:
    """It hung until the last client left, and so did Ctrl-C: nobody was told to end."""

    async def main() -> None:
        server, port = await listening()
        forever = asyncio.create_task(server.serve_forever())
        transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
        forever.cancel()
        async with asyncio.timeout(SECONDS_MAX):
            with pytest.raises(asyncio.CancelledError):
                await forever
            await transport.wait_disconnected()

    stacks.run(loop, main())


class Flood(Recorder):
    """Has more to say than a client takes that does not read."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        transport.send(WSMsgType.BINARY, bytes(FLOOD_SIZE))


FLOOD_SIZE = 32 << 20


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_client_that_does_not_read_does_not_keep_serve_forever(loop: str) -> None:
    """Ctrl-C waited for ever until it had taken what was queued for it."""

    async def main() -> None:
        listener = Flood()
        server, port = await listening(lambda _: listener)
        forever = asyncio.create_task(server.serve_forever())
        peer = await open_upgraded(port)
        forever.cancel()
        async with asyncio.timeout(SECONDS_MAX):
            with pytest.raises(asyncio.CancelledError):
                await forever
        assert listener.events == ["connected", "disconnected"]
        peer.writer.transport.abort()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_client_that_reads_gets_all_when_serve_forever_is_cancelled(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(lambda _: Flood())
        forever = asyncio.create_task(server.serve_forever())
        transport, listener = await ws_connect(
            Recorder, f"ws://127.0.0.1:{port}/", max_frame_size=FLOOD_SIZE
        )
        forever.cancel()
        assert [frame.payload for frame in await listener.until_frames(1)] == [bytes(FLOOD_SIZE)]
        with pytest.raises(asyncio.CancelledError):
            await forever
        await transport.wait_disconnected()

    stacks.run(loop, main())


async def test_a_second_cancellation_does_not_wait() -> None:
    listener = Flood()
    server, port = await listening(lambda _: listener)
    forever = asyncio.create_task(server.serve_forever())
    peer = await open_upgraded(port)
    forever.cancel()
    await asyncio.sleep(0)
    assert not server.is_serving()
    forever.cancel()
    await asyncio.wait([forever])
    # Without a turn of the event loop in which time could pass.
    assert listener.transport.underlying_transport.is_closing()
    assert listener.transport.underlying_transport.get_write_buffer_size() == 0
    await server.wait_closed()
    peer.writer.transport.abort()


async def test_cancelled_while_a_closed_server_waits_for_its_clients() -> None:
    """The connections were left to the garbage collector."""
    listener = Flood()
    server, port = await listening(lambda _: listener)
    forever = asyncio.create_task(server.serve_forever())
    peer = await open_upgraded(port)
    server.close()
    await asyncio.sleep(0)
    forever.cancel()
    with pytest.raises(asyncio.CancelledError):
        await forever
    assert listener.events == ["connected", "disconnected"]
    peer.writer.transport.abort()


SERVE = """
import asyncio, sys
from picows import WSListener, WSMsgType, ws_create_server

class Flood(WSListener):
    def on_ws_connected(self, transport):
        transport.send(WSMsgType.BINARY, bytes(32 << 20))

async def main():
    server = await ws_create_server(lambda _: Flood(), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    asyncio.get_running_loop().call_later(0.01, tell, server)
    async with server:
        await server.serve_forever()

def tell(server):
    if server.is_serving():
        asyncio.get_running_loop().call_later(0.01, tell, server)
    else:
        print("waiting for clients", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("count", [1, 2])
async def test_ctrl_c_ends_the_program(count: int, root: Path) -> None:
    """The second one comes when the event loop waits.

    Python may be interrupted anywhere; within the first cancellation, asyncio loses a wake-up.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-c", SERVE),
        env=dict(os.environ, PYTHONPATH=str(root)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout
    port = int(await program.stdout.readline())
    peer = await open_upgraded(port)
    async with asyncio.timeout(SECONDS_MAX):
        program.send_signal(signal.SIGINT)
        assert await program.stdout.readline() == b"waiting for clients\n"
        if count == 2:
            program.send_signal(signal.SIGINT)
        _, errors = await program.communicate()
    assert program.returncode == -signal.SIGINT, errors.decode()
    assert errors.decode().rstrip().endswith("KeyboardInterrupt")
    assert "ResourceWarning" not in errors.decode()
    peer.writer.transport.abort()


async def test_closing_ends_serve_forever_and_no_connection() -> None:
    """Whoever closes may have something to say to the clients first."""
    server, port = await listening()
    forever = asyncio.create_task(server.serve_forever())
    transport, _ = await ws_connect(Recorder, f"ws://127.0.0.1:{port}/")
    server.close()
    assert len(await transport.measure_roundtrip_time(1)) == 1
    assert not forever.done()
    transport.disconnect()
    with pytest.raises(asyncio.CancelledError):
        await forever


@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
async def test_ending_all_clients(how: str) -> None:
    """The information about the end said that the peer had ended the connection."""
    listeners: list[Recorder] = []

    def factory(request: WSUpgradeRequest) -> Recorder:
        listeners.append(Recorder())
        return listeners[-1]

    server, port = await listening(factory)
    transports = [(await ws_connect(WSListener, f"ws://127.0.0.1:{port}/"))[0] for _ in range(3)]
    server.close()
    getattr(server, how)()
    await server.wait_closed()
    for transport in transports:
        await transport.wait_disconnected()
    for listener in listeners:
        info = listener.transport.disconnect_info
        assert info is not None and info.cause is WSDisconnectCause.OWN_DISCONNECT


async def test_no_room_for_another_connection() -> None:
    """accept() fails while the process has no file descriptors left, and works again after."""
    server, port = await listening()
    loop = asyncio.get_running_loop()
    reported: asyncio.Future[dict[str, Any]] = loop.create_future()
    loop.set_exception_handler(lambda _, context: reported.set_result(context))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    reader, writer = None, None
    try:
        # The client's socket takes the last descriptor.
        probe = socket.socket()
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe.fileno() + 1, limits[1]))
        probe.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        context = await reported
        assert isinstance(context["exception"], OSError)
        assert "accept() lacks file descriptors or memory" in context["message"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
    assert reader is not None and writer is not None
    writer.close()
    transport.disconnect()
    server.close()
    await server.wait_closed()


NO_EPOLL_SET = """
import asyncio, errno, resource, socket, sys
from support import stacks
from picows import ws_create_server
from picows.server import listening as servers
from picows.testing import wire
from picows.testing.recorder import Recorder

servers._RETRY_SECONDS = 0.05

async def main():
    server = await ws_create_server(lambda _: Recorder(), "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    reported = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    address = server.sockets[0].getsockname()
    clients = [socket.create_connection(address) for _ in range(6)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = socket.socket()
    # One descriptor is left: for the connection, or for the set that would watch it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe.fileno() + 1, limits[1]))
    probe.close()
    await asyncio.sleep(0.5)
    assert len(reported) == 1, reported
    assert reported[0]["exception"].errno == errno.EMFILE
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    for client in clients:
        client.setblocking(False)
        await loop.sock_sendall(client, wire.request())
        assert (await loop.sock_recv(client, 12)) == b"HTTP/1.1 101"
        client.close()
    server.close()
    await server.wait_closed()

stacks.run(sys.argv[1], main())
"""


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_no_room_for_the_first_epoll_set(loop: str) -> None:
    """Each of the connections was accepted and dropped, with an OSError without errno."""
    scripts.run(NO_EPOLL_SET, loop)
