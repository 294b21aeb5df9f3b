"""How a TLS server and its connections end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
import warnings
from typing import Any

import pytest
from support import stacks
from support.tls_servers import connected, ended, listening, read_to_end

from picows import (
    WSDisconnectCause,
    WSMsgType,
    WSTransport,
)
from picows.testing.peers import SECONDS_MAX, open_raw, open_upgraded
from picows.testing.recorder import Recorder

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the server is Linux's"),
    pytest.mark.usefixtures("engine"),
]


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("use_aiofastnet", [None, False])
def test_life(loop: str, use_aiofastnet: bool | None) -> None:
    async def main() -> None:
        server, port = await listening(start_serving=False, use_aiofastnet=use_aiofastnet)
        assert server.get_loop() is asyncio.get_running_loop()
        assert not server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await connected(port)
        await server.start_serving()
        assert server.is_serving()
        transport, _ = await connected(port)
        assert transport.is_secure
        server.close()
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await connected(port)
        waiter = asyncio.create_task(server.wait_closed())
        assert len(await transport.measure_roundtrip_time(1)) == 1  # its connections go on
        assert not waiter.done()
        transport.disconnect()
        async with asyncio.timeout(SECONDS_MAX):
            await waiter

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
def test_ending_all_clients(loop: str, how: str) -> None:
    async def main() -> None:
        listeners: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            listeners.append(Recorder())
            return listeners[-1]

        server, port = await listening(factory)
        transports = [(await connected(port))[0] for _ in range(3)]
        in_handshake = await open_raw(port)
        await ended(server, how)
        for transport in transports:
            await transport.wait_disconnected()
        for listener in listeners:
            info = listener.transport.disconnect_info
            assert info is not None and info.cause is WSDisconnectCause.OWN_DISCONNECT
        assert await read_to_end(in_handshake) == b""
        await in_handshake.close()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_cancelled_serve_forever_ends(loop: str) -> None:
    """It hung while there were TLS clients."""

    async def main() -> None:
        server, port = await listening()
        forever = asyncio.create_task(server.serve_forever())
        transport, _ = await connected(port)
        in_handshake = await open_raw(port)
        forever.cancel()
        async with asyncio.timeout(SECONDS_MAX):
            with pytest.raises(asyncio.CancelledError):
                await forever
            await transport.wait_disconnected()
        assert await read_to_end(in_handshake) == b""
        await in_handshake.close()

    stacks.run(loop, main())


class Flood(Recorder):
    """Has more to say than a client takes that does not read."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        transport.send(WSMsgType.BINARY, bytes(FLOOD_SIZE))

    def pause_writing(self) -> None:
        pass


FLOOD_SIZE = 8 << 20


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_client_that_does_not_read_does_not_keep_serve_forever(loop: str, count: int) -> None:
    """It has three seconds; a second cancellation does not wait."""

    async def main() -> None:
        listener = Flood()
        server, port = await listening(lambda _: listener)
        forever = asyncio.create_task(server.serve_forever())
        peer = await open_upgraded(port, ssl_context=stacks.client_tls())
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(count):
            forever.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(SECONDS_MAX):
            with pytest.raises(asyncio.CancelledError):
                await forever
            await listener.until_disconnected()
        peer.writer.transport.abort()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_a_client_that_reads_gets_all_when_serve_forever_is_cancelled(loop: str) -> None:
    async def main() -> None:
        server, port = await listening(lambda _: Flood())
        forever = asyncio.create_task(server.serve_forever())
        transport, listener = await connected(port, Recorder)
        forever.cancel()
        frames = await listener.until_frames(1)
        assert [frame.payload for frame in frames] == [bytes(FLOOD_SIZE)]
        with pytest.raises(asyncio.CancelledError):
            await forever
        await transport.wait_disconnected()

    stacks.run(loop, main())


@pytest.mark.parametrize("loop", stacks.LOOPS)
@pytest.mark.parametrize("turns", range(4))
def test_an_event_loop_that_ends_takes_tls_handshakes_with_it(
    loop: str, turns: int, engine: str
) -> None:
    """Also those of which it has not seen the socket yet."""
    sock = socket.socket()

    async def main() -> None:
        server, port = await listening()
        sock.connect(("127.0.0.1", port))
        for _ in range(turns):
            await asyncio.sleep(0)
        server.close()

    with sock:
        stacks.run(loop, main())
        if engine != "loop":  # it is left to who collects garbage, as plain TCP is
            with warnings.catch_warnings(action="ignore", category=ResourceWarning):
                gc.collect()
        sock.settimeout(SECONDS_MAX)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""


@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_cancelling_all_tasks_of_the_event_loop(loop: str, engine: str) -> None:
    """As programs do that end: also the task that has not begun ends its connection."""
    if engine != "loop":
        pytest.skip("has no tasks")

    async def main() -> None:
        server, port = await listening()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            for _ in range(10):
                await asyncio.sleep(0)
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
            server.close()
            async with asyncio.timeout(SECONDS_MAX):
                await server.wait_closed()
            sock.settimeout(SECONDS_MAX)
            assert sock.recv(1) == b""

    stacks.run(loop, main())
