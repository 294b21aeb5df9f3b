"""TLS on our own transport, with either engine: bytes in any pieces and amount, and their end."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import ssl
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks
from support.tls_engines import byte_by_byte, cut_behind, relay
from support.tls_servers import Echo, client_context, ended, listening, server_context

from picows import WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect
from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded
from picows.testing.recorder import Recorder
from picows.testing.wire import Frame

both_loops = pytest.mark.parametrize("loop", stacks.LOOPS)
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def context_of(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = client_context()
    context.minimum_version = context.maximum_version = version
    return context


# Pieces


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
def test_byte_by_byte(loop: str, version: ssl.TLSVersion, own_engine: str) -> None:
    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        async with relay(port, byte_by_byte, byte_by_byte) as there:
            url = f"wss://localhost:{there}/"
            transport, listener = await ws_connect(
                Recorder, url, ssl_context=context_of(version), websocket_handshake_timeout=30
            )
            transport.send(WSMsgType.TEXT, "hi")
            transport.send(WSMsgType.BINARY, bytes(300))
            frames = await listener.until_frames(2)
            assert [frame.payload for frame in frames] == [b"hi", bytes(300)]
            transport.disconnect()
            await listener.until_disconnected()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", ["to the server", "to the client"])
def test_every_cut_of_a_handshake(
    loop: str, version: ssl.TLSVersion, way: str, own_engine: str
) -> None:
    """Who connects gets an OSError, the server forgets the connection; nothing hangs."""

    async def main() -> None:
        unseen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: unseen.append(c))
        server, port = await listening(ssl=server_context())
        client = context_of(version)
        cut = 0
        sizes = [*range(12), *range(12, 700, 43), *range(700, 3000, 131)]
        for size in sizes:
            changes = {way.replace(" the ", "_").replace(" ", "_"): cut_behind(size)}
            async with relay(port, **changes) as there:
                try:
                    transport, _ = await ws_connect(
                        WSListener, f"wss://localhost:{there}/", ssl_context=client
                    )
                except TimeoutError:
                    pytest.fail(f"nobody noticed a cut behind {size} bytes")
                except (OSError, WSHandshakeError):
                    cut += 1
                else:
                    transport.disconnect()
                    await transport.wait_disconnected()
        assert 20 < cut < len(sizes), "those behind the handshake are none of it"
        assert unseen == []
        await ended(server)

    stacks.run(loop, main())


@both_loops
def test_data_that_comes_with_the_end_of_the_handshake(loop: str, own_engine: str) -> None:
    """Finished and the request leave in one segment, and a server may get both and a frame."""

    def held_until(size: int) -> Any:
        held: list[bytes] = []

        def change(data: bytes, before: int) -> list[bytes]:
            nonlocal size
            held.append(data)
            if before == 0:
                return [held.pop()]
            if sum(map(len, held)) <= size:
                return []
            size = 0  # what comes later, the end of TLS among it, is not held
            whole = b"".join(held)
            held.clear()
            return [whole]

        return change

    async def main() -> None:
        listener = Recorder()
        server, port = await listening(lambda _: listener, ssl=server_context())
        async with relay(port, held_until(400)) as there:
            peer = await open_raw(there, client_context())
            peer.send_bytes(wire.request())
            peer.send(Frame(wire.TEXT, b"early"), Frame(wire.BINARY, bytes(1000)))
            await listener.until_frames(2)
            await peer.close()
        await listener.until_disconnected()
        await ended(server)

    stacks.run(loop, main())


@both_loops
@pytest.mark.parametrize("version", VERSIONS)
def test_any_pieces_of_many_messages(loop: str, version: ssl.TLSVersion, own_engine: str) -> None:
    rng = random.Random(own_engine + loop)

    def pieces(data: bytes, _: int) -> list[bytes]:
        found = []
        while data:
            size = rng.choice((1, 3, 5, 17, 1400, 5000, 20_000))
            found.append(data[:size])
            data = data[size:]
        return found

    async def main() -> None:
        server, port = await listening(lambda _: Echo(), ssl=server_context())
        async with relay(port, pieces, pieces) as there:
            url = f"wss://localhost:{there}/"
            transport, listener = await ws_connect(Recorder, url, ssl_context=context_of(version))
            payloads = [
                rng.randbytes(rng.choice((0, 1, 100, 2000, 16_000, 70_000))) for _ in range(60)
            ]
            for payload in payloads:
                transport.send(WSMsgType.BINARY, payload)
            frames = await listener.until_frames(len(payloads))
            assert [frame.payload for frame in frames] == payloads
            transport.disconnect()
            await listener.until_disconnected()
        await ended(server)

    stacks.run(loop, main())


# Amounts


class Pausing(Recorder):
    """Reads no more with each frame, until it is told to."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        super().on_ws_frame(transport, frame)
        transport.underlying_transport.pause_reading()


@both_loops
def test_reading_that_is_paused_and_goes_on(loop: str, own_engine: str) -> None:
    """What was received already is not lost, though the socket has nothing more to say."""

    async def main() -> None:
        listener = Pausing()
        server, port = await listening(lambda _: listener, ssl=server_context())
        peer = await open_upgraded(port, ssl_context=client_context())
        frames = [Frame(wire.BINARY, bytes([n]) * size) for n in range(30) for size in (10, 50_000)]
        for frame in frames:
            peer.send(frame)
        await listener.until_frames(1)
        turns = 0
        underlying = listener.transport.underlying_transport
        while len(listener.frames) < len(frames):
            await listener.until(lambda: not underlying.is_reading())
            await asyncio.sleep(0.01)
            underlying.resume_reading()
            turns += 1
        assert listener.frames == frames
        assert turns > 3
        await peer.close()
        await listener.until_disconnected()
        await ended(server)

    stacks.run(loop, main())


class Counting(Recorder):
    """Knows of flow control."""

    def pause_writing(self) -> None:
        self._note("paused")

    def resume_writing(self) -> None:
        self._note("resumed")


@both_loops
def test_a_peer_that_does_not_read_for_a_while(loop: str, own_engine: str) -> None:
    async def main() -> None:
        listener = Counting()
        server, port = await listening(lambda _: listener, ssl=server_context())
        peer = await open_upgraded(port, ssl_context=client_context())
        peer.writer.transport.pause_reading()
        await listener.until(lambda: "connected" in listener.events)
        transport = listener.transport
        count = 0
        while "paused" not in listener.events:
            transport.send(WSMsgType.BINARY, count.to_bytes(4, "big") * 5000)
            count += 1
            assert count < 10_000
        underlying = transport.underlying_transport
        assert underlying.get_write_buffer_size() > underlying.get_write_buffer_limits()[1]
        transport.send(WSMsgType.TEXT, "last")
        peer.writer.transport.resume_reading()
        for n in range(count):
            await peer.expect(Frame(wire.BINARY, n.to_bytes(4, "big") * 5000))
        await peer.expect(Frame(wire.TEXT, b"last"))
        await listener.until(lambda: "resumed" in listener.events)
        assert underlying.get_write_buffer_size() == 0
        await peer.close()
        await ended(server)

    stacks.run(loop, main())


class Answering(Recorder):
    """Sends inside of pause_writing(): in the middle of what is being sent."""

    def pause_writing(self) -> None:
        self.transport.send(WSMsgType.TEXT, "paused")


@both_loops
def test_what_flow_control_sends_stands_behind_the_frame_that_caused_it(
    loop: str, own_engine: str
) -> None:
    async def main() -> None:
        listener = Answering()
        server, port = await listening(lambda _: listener, ssl=server_context())
        peer = await open_upgraded(port, ssl_context=client_context())
        await listener.until(lambda: "connected" in listener.events)
        payload = bytes(range(256)) * 100_000
        listener.transport.send(WSMsgType.BINARY, payload)
        await peer.expect(Frame(wire.BINARY, payload), Frame(wire.TEXT, b"paused"))
        await peer.close()
        await ended(server)

    stacks.run(loop, main())


# Event loops


def run_loop(until: Callable[[], bool]) -> None:
    """Turns of the running event loop, as nest_asyncio makes them."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(20_000):
        if until():
            return
        loop.call_soon(int)  # so that it does not wait
        loop._run_once()
    raise TimeoutError


def test_a_callback_that_runs_the_event_loop(own_engine: str) -> None:
    """As nest_asyncio lets it: this connection and the others go on inside of it, in order."""

    class Nesting(Echo):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.get_payload_as_bytes() == b"nest":
                run_loop(lambda: len(self.frames) == 20)
            super().on_ws_frame(transport, frame)

    async def main() -> None:
        nesting = Nesting()
        listeners = iter([nesting])
        server, port = await listening(
            lambda _: next(listeners, None) or Echo(), ssl=server_context()
        )
        peers = [await open_upgraded(port, ssl_context=client_context()) for _ in range(2)]
        peers[0].send(Frame(wire.TEXT, b"nest"))
        await nesting.until(lambda: "connected" in nesting.events)

        async def talk() -> None:
            for number in range(20):
                frames = [Frame(wire.BINARY, b"%d" % number * size) for size in (1, 20_000)]
                peers[0].send(frames[0])
                peers[1].send(frames[1])
                await peers[1].expect(frames[1])

        await talk()
        await nesting.until_frames(21)
        assert nesting.frames[-1] == Frame(wire.TEXT, b"nest")
        for number in range(20):
            await peers[0].expect(Frame(wire.BINARY, b"%d" % number))
        await peers[0].expect(Frame(wire.TEXT, b"nest"))
        for peer in peers:
            await peer.close()
        await ended(server)

    stacks.run("asyncio", main())


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "not closed"])
def test_an_abandoned_loop_lets_go_of_its_connections(is_closed: bool, own_engine: str) -> None:
    """The garbage collector takes them, those in their handshake too; it warns once of each."""
    alive: list[weakref.ref[Any]] = []

    async def main() -> None:
        server, port = await listening(ssl=server_context())
        beginner.connect(("127.0.0.1", port))
        for _ in range(2):
            url = f"wss://localhost:{port}/"
            transport, listener = await ws_connect(WSListener, url, ssl_context=client_context())
            ssl_object = transport.underlying_transport.get_extra_info("ssl_object")
            alive.extend((weakref.ref(transport), weakref.ref(listener), weakref.ref(ssl_object)))
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
    assert [each() for each in alive] == [None] * 6
    texts = [str(warning.message).partition(",")[0] for warning in caught]
    assert texts.count("unclosed TCP transport of picows") == 5
