"""WSTransport: what is sent as seen by the peer, what is refused, attributes, the end."""

from __future__ import annotations

import array
import asyncio
import gc
import mmap
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks
from support.stacks import Stack

from picows import (
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,
)
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

ROLES = ["client", "server"]
role = pytest.mark.parametrize("role", ROLES)


class Bytes(bytes):
    pass


class Str(str):
    __slots__ = ()


def mapped(data: bytes) -> mmap.mmap:
    result = mmap.mmap(-1, len(data))
    result[:] = data
    return result


MESSAGES: dict[str, tuple[Any, bytes]] = {
    "None": (None, b""),
    "empty str": ("", b""),
    "ASCII str": ("abc\0", b"abc\0"),
    "str": ("grün 水 🙂", "grün 水 🙂".encode()),
    "str of a subclass": (Str("水"), "水".encode()),
    "bytes": (b"abc\xff", b"abc\xff"),
    "bytes of a subclass": (Bytes(b"abc"), b"abc"),
    "bytearray": (bytearray(b"abc"), b"abc"),
    "empty bytearray": (bytearray(), b""),
    "memoryview": (memoryview(b"abc")[1:], b"bc"),
    "empty memoryview": (memoryview(b"abc")[3:], b""),
    "memoryview of two dimensions": (memoryview(b"abcdef").cast("B", (2, 3)), b"abcdef"),
    "array": (array.array("H", [0x0101, 0x0202]), b"\1\1\2\2"),
    "mmap": (mapped(b"abc"), b"abc"),
}


@role
@pytest.mark.parametrize("name", MESSAGES)
async def test_messages(name: str, role: str) -> None:
    message, payload = MESSAGES[name]
    async with ours.paired(role) as pair:
        pair.transport.send(WSMsgType.BINARY, message)
        pair.transport.send_ping(message)
        pair.transport.send_pong(message)
        assert await pair.peer.read_frame() == Frame(wire.BINARY, payload)
        assert await pair.peer.read_frame() == Frame(wire.PING, payload)
        assert await pair.peer.read_frame() == Frame(wire.PONG, payload)
        if isinstance(message, bytearray):
            message += b"more"  # no export of it is left
            del message[-4:]


@role
@pytest.mark.parametrize("size", [0, 1, 125, 126, 4095, 4096, 65_535, 65_536, 200_000, 5_000_000])
async def test_sizes(size: int, role: str) -> None:
    payload = (bytes(range(251)) * (size // 251 + 1))[:size]
    async with ours.paired(role) as pair:
        for message in (payload, bytearray(payload), memoryview(payload)):
            pair.transport.send(WSMsgType.BINARY, message)
            assert await pair.peer.read_frame() == Frame(wire.BINARY, payload)


@role
async def test_types_and_flags(role: str) -> None:
    expected = []
    async with ours.paired(role) as pair:
        for msg_type in (WSMsgType.CONTINUATION, WSMsgType.TEXT, WSMsgType.BINARY, 2):
            for fin in (True, False):
                for rsv in range(8):
                    rsv1, rsv2, rsv3 = (bool(rsv & bit) for bit in (4, 2, 1))
                    pair.transport.send(msg_type, b"x", fin, rsv1, rsv2, rsv3)
                    pair.transport.send(
                        message=b"y", msg_type=msg_type, rsv3=rsv3, rsv2=rsv2, rsv1=rsv1, fin=fin
                    )
                    expected += [Frame(int(msg_type), data, fin, rsv) for data in (b"x", b"y")]
        for msg_type in (WSMsgType.PING, WSMsgType.PONG):
            pair.transport.send(msg_type, b"z" * 125, rsv2=True)
            expected.append(Frame(int(msg_type), b"z" * 125, rsv=2))
        assert [await pair.peer.read_frame() for _ in expected] == expected


class Broken:
    def __index__(self) -> int:
        raise LookupError("index")

    def __bool__(self) -> bool:
        raise LookupError("bool")


BINARY = WSMsgType.BINARY
REFUSED: dict[str, tuple[Callable[[WSTransport], object], type[Exception], str]] = {
    "int": (lambda t: t.send(BINARY, 5), TypeError, "str, bytes-like or None"),
    "list": (lambda t: t.send(BINARY, [1]), TypeError, "str, bytes-like or None"),
    "not contiguous": (lambda t: t.send(BINARY, memoryview(b"abcd")[::2]), BufferError, "contig"),
    "released": (lambda t: t.send(BINARY, released()), ValueError, "released"),
    "surrogate": (lambda t: t.send(WSMsgType.TEXT, "\ud800"), UnicodeEncodeError, "surrogates"),
    "close": (lambda t: t.send(WSMsgType.CLOSE, b""), ValueError, "send_close"),
    "opcode 3": (lambda t: t.send(3, b""), ValueError, "WSMsgType"),
    "opcode 16": (lambda t: t.send(16, b""), ValueError, "WSMsgType"),
    "opcode -1": (lambda t: t.send(-1, b""), ValueError, "WSMsgType"),
    "huge opcode": (lambda t: t.send(1 << 70, b""), OverflowError, "too large"),
    "opcode that is no number": (lambda t: t.send("TEXT", b""), TypeError, "integer"),
    "opcode that raises": (lambda t: t.send(Broken(), b""), LookupError, "index"),
    "flag that raises": (lambda t: t.send(BINARY, b"", Broken()), LookupError, "bool"),
    "ping too large": (lambda t: t.send(WSMsgType.PING, b"x" * 126), ValueError, "125"),
    "ping in pieces": (lambda t: t.send(WSMsgType.PING, b"", False), ValueError, "fragment"),
    "send_ping": (lambda t: t.send_ping(b"x" * 126), ValueError, "125"),
    "send_pong": (lambda t: t.send_pong("ü" * 63), ValueError, "125"),
    "no arguments": (lambda t: t.send(), TypeError, "msg_type"),
    "one argument": (lambda t: t.send(BINARY), TypeError, "message"),
    "too many": (lambda t: t.send(BINARY, b"", *range(6)), TypeError, "at most 7"),
    "twice": (lambda t: t.send(BINARY, b"", message=b""), TypeError, "two values"),
    "unknown": (lambda t: t.send(BINARY, b"", rsv4=1), TypeError, "rsv4"),
}


def released() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


@role
@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_sent(name: str, role: str) -> None:
    call, error, message = REFUSED[name]
    async with ours.paired(role) as pair:
        with pytest.raises(error, match=message):
            call(pair.transport)
        # Nothing of it was sent, and the connection is as it was.
        pair.transport.send(WSMsgType.TEXT, "next")
        assert await pair.peer.read_frame() == Frame(wire.TEXT, b"next")


async def test_masking_keys_differ() -> None:
    async with ours.paired("client") as pair:
        count = 2000
        for _ in range(count):
            pair.transport.send(WSMsgType.BINARY, b"")
        data = await pair.peer.reader.readexactly(6 * count)
    keys = {data[i + 2 : i + 6] for i in range(0, len(data), 6)}
    assert data[::6] == b"\x82" * count and data[1::6] == b"\x80" * count
    assert len(keys) > count - 5
    assert all(len({key[i] for key in keys}) > 200 for i in range(4))


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_attributes(stack: Stack) -> None:
    class Server(ours.Recorder):
        pass

    listeners: list[Server] = []

    def factory(request: WSUpgradeRequest) -> Server:
        listeners.append(Server())
        return listeners[0]

    def check(transport: WSTransport, is_client: bool) -> None:
        assert type(transport) is WSTransport
        assert transport.is_client_side is is_client
        assert transport.is_secure is stack.tls
        assert transport.is_close_frame_sent is False
        assert transport.is_disconnected is False
        assert transport.close_handshake is None
        assert isinstance(transport.request, WSUpgradeRequest)
        assert isinstance(transport.response, WSUpgradeResponse)
        assert transport.response.status == 101
        assert transport.request.path == b"/"
        assert not transport.underlying_transport.is_closing()
        assert transport.underlying_transport.get_extra_info("peername")[0] == "127.0.0.1"
        for name in ("request", "response", "underlying_transport", "close_handshake"):
            with pytest.raises(AttributeError):
                setattr(transport, name, None)
        for name in ("is_client_side", "is_secure", "is_close_frame_sent", "is_disconnected"):
            with pytest.raises(AttributeError):
                setattr(transport, name, True)

    async def main() -> None:
        async with ours.serving(factory, **stack.server_options) as port:
            transport, listener = await ws_connect(
                ours.Recorder, stack.url(port), **stack.client_options
            )
            assert isinstance(listener, ours.Recorder)
            assert listener.transport is transport
            check(transport, True)
            check(listeners[0].transport, False)
            transport.send_close(1000, "bye")
            assert transport.is_close_frame_sent is True
            await listeners[0].until_frames(1)
            listeners[0].transport.disconnect()
            await transport.wait_disconnected()
            for each in (transport, listeners[0].transport):
                await each.wait_disconnected()
                assert each.is_disconnected is True
                assert each.underlying_transport.is_closing()
                handshake = each.close_handshake
                info = handshake.sent if each is transport else handshake.recv
                assert (info.code, info.reason) == (1000, "bye")

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_weak_references(stack: Stack) -> None:
    """Nothing of ours keeps a connection alive that has ended."""

    async def main() -> None:
        dead: list[weakref.ref[Any]] = []
        async with ours.serving(lambda request: WSListener(), **stack.server_options) as port:
            transport, listener = await ws_connect(
                WSListener, stack.url(port), **stack.client_options
            )
            references = [
                weakref.ref(transport, dead.append),
                weakref.ref(listener, dead.append),
            ]
            assert [reference() for reference in references] == [transport, listener]
            assert len(weakref.getweakrefs(transport)) == 1
            transport.disconnect()
            await transport.wait_disconnected()
            del transport, listener
        for _ in range(3):  # what the event loop still holds for its own sake
            await asyncio.sleep(0)
        gc.collect()
        assert {id(reference) for reference in dead} == {id(reference) for reference in references}

    stacks.run(stack.loop, main())


@role
async def test_disconnect_is_idempotent(role: str) -> None:
    async with ours.paired(role) as pair:
        for graceful in (True, True, False, False, True):
            pair.transport.disconnect(graceful)
        pair.transport.disconnect(graceful=True)
        pair.transport.send(WSMsgType.TEXT, "dropped")
        pair.transport.send_ping()
        pair.transport.send_close(1000)
        assert not pair.transport.is_close_frame_sent
        await pair.transport.wait_disconnected()
        await pair.transport.wait_disconnected()
        assert pair.transport.is_disconnected
        assert pair.listener.events == ["connected", "disconnected"]
        pair.transport.disconnect()
        pair.transport.disconnect(False)
        pair.transport.send(WSMsgType.TEXT, "dropped")


@role
async def test_nothing_is_sent_after_a_close(role: str) -> None:
    async with ours.paired(role) as pair:
        pair.transport.send_close(1001, b"why")
        pair.transport.send(WSMsgType.TEXT, "dropped")
        pair.transport.send_ping(b"dropped")
        buffer = bytearray(b"h" * 14 + b"dropped")
        pair.transport.send_reuse_external_bytearray(WSMsgType.TEXT, buffer, 14)
        assert buffer == b"h" * 14 + b"dropped"
        pair.transport.send_close(1000)
        # Misuse is still an error.
        with pytest.raises(TypeError):
            pair.transport.send(WSMsgType.TEXT, 5)
        pair.transport.disconnect()
        assert await pair.peer.read_rest() == [wire.close(1001, "why")]


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_a_graceful_disconnect_sends_everything(stack: Stack) -> None:
    sizes = [0, 10, 3000, 5000, 70_000, 1_000_000] * 8

    class Server(ours.Recorder):
        def on_ws_connected(self, transport: WSTransport) -> None:
            super().on_ws_connected(transport)
            for number, size in enumerate(sizes):
                transport.send(BINARY, bytes([number]) * size)
            transport.send_close(1000)
            transport.disconnect(graceful=True)

        def pause_writing(self) -> None:
            pass

        resume_writing = pause_writing

    async def main() -> None:
        async with ours.serving(lambda request: Server(), **stack.server_options) as port:
            ssl_context = stacks.client_tls() if stack.tls else None
            peer = await ours.open_upgraded(port, ssl_context=ssl_context)
            frames = await peer.read_rest()
            expected = [Frame(wire.BINARY, bytes([i]) * size) for i, size in enumerate(sizes)]
            assert frames == [*expected, wire.close(1000)]
            await peer.close()

    stacks.run(stack.loop, main())
