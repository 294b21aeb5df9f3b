"""permessage-deflate (RFC 7692): messages that are sent."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.compressing import HELLO, MESSAGE, RSV1, Deflater, Inflater, compressing

from picows import WSMsgType, WSPermessageDeflate
from picows.testing import wire
from picows.testing.recorder import Recorder
from picows.testing.wire import Frame

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
ROLES = pytest.mark.parametrize("role", ["client", "server"])


@ROLES
async def test_messages_are_compressed_from_the_threshold_on(role: str) -> None:
    inflater = Inflater()
    async with compressing(role, deflate=WSPermessageDeflate(threshold=100)) as pair:
        pair.transport.send(TEXT, MESSAGE[:99])
        assert await pair.peer.read_frame() == Frame(wire.TEXT, MESSAGE[:99])
        pair.transport.send(TEXT, MESSAGE[:100])
        frame = await pair.peer.read_frame()
        assert frame.rsv == RSV1
        assert inflater.message(frame.payload) == MESSAGE[:100]
        pair.transport.send(BINARY, b"a", compress=True)
        frame = await pair.peer.read_frame()
        assert (frame.rsv, inflater.message(frame.payload)) == (RSV1, b"a")
        pair.transport.send(BINARY, MESSAGE, compress=False)
        assert await pair.peer.read_frame() == Frame(wire.BINARY, MESSAGE)
        pair.transport.send(BINARY, "", compress=True)
        assert await pair.peer.read_frame() == Frame(wire.BINARY, b"\0", rsv=RSV1)


@ROLES
async def test_the_first_frame_of_a_message_decides(role: str) -> None:
    inflater = Inflater()
    async with compressing(role) as pair:
        pair.transport.send(TEXT, MESSAGE, fin=False)
        pair.transport.send_ping(b"?")
        pair.transport.send(CONTINUATION, b"a", fin=False, compress=False)
        pair.transport.send(CONTINUATION, b"b")
        frames = [await pair.peer.read_frame() for _ in range(4)]
        assert [frame.rsv for frame in frames] == [RSV1, 0, 0, 0]
        del frames[1]
        payload = b"".join(frame.payload for frame in frames)
        assert inflater.message(payload) == MESSAGE + b"ab"
        pair.transport.send(TEXT, b"a", fin=False)
        pair.transport.send(CONTINUATION, MESSAGE)
        await pair.peer.expect(Frame(1, b"a", fin=False), Frame(0, MESSAGE))


@ROLES
async def test_each_frame_can_be_read_when_it_is_there(role: str) -> None:
    inflater = Inflater()
    async with compressing(role) as pair:
        pair.transport.send(TEXT, MESSAGE, fin=False)
        frame = await pair.peer.read_frame()
        assert inflater.zlib.decompress(frame.payload) == MESSAGE


@ROLES
@pytest.mark.parametrize("takeover", [True, False])
async def test_context_takeover(role: str, takeover: bool) -> None:
    agreed = "" if takeover else "; server_no_context_takeover; client_no_context_takeover"
    deflate = WSPermessageDeflate(
        server_no_context_takeover=not takeover, client_no_context_takeover=not takeover
    )
    async with compressing(role, agreed, deflate=deflate) as pair:
        sizes = []
        inflater = Inflater()
        for _ in range(3):
            pair.transport.send(BINARY, MESSAGE)
            frame = await pair.peer.read_frame()
            sizes.append(len(frame.payload))
            if not takeover:
                inflater = Inflater()
            assert inflater.message(frame.payload) == MESSAGE
        assert (sizes[1] < sizes[0] / 2) == takeover
        if not takeover:  # a peer that does not keep to it
            peers = Deflater()
            pair.peer.send(Frame(2, peers.message(MESSAGE), rsv=RSV1))
            pair.peer.send(Frame(2, peers.message(MESSAGE), rsv=RSV1))
            assert (await pair.peer.read_rest())[-1].payload[:2] == (1002).to_bytes(2, "big")


@ROLES
@pytest.mark.parametrize("bits", [9, 12, 15])
async def test_no_match_reaches_beyond_the_window(role: str, bits: int) -> None:
    """The peer keeps a window of just that size; 8 bits are more than zlib can be told."""
    rng = random.Random(bits)
    block = rng.randbytes(600)
    deflate = WSPermessageDeflate(server_max_window_bits=bits, client_max_window_bits=bits)
    agreed = f"; server_max_window_bits={bits}; client_max_window_bits={bits}"
    async with compressing(role, agreed, deflate=deflate) as pair:
        inflater = Inflater(bits)
        for _ in range(200):
            message = block + rng.randbytes(rng.randrange(2000)) + block
            pair.transport.send(BINARY, message)
            assert inflater.message((await pair.peer.read_frame()).payload) == message


@ROLES
async def test_rsv1_is_not_the_users_where_compression_is_on(role: str) -> None:
    async with compressing(role) as pair:
        with pytest.raises(ValueError, match="rsv1 must be False"):
            pair.transport.send(TEXT, HELLO, rsv1=True)
        with pytest.raises(ValueError, match="rsv1 must be False"):
            pair.transport.send_reuse_external_bytearray(TEXT, bytearray(20), 14, rsv1=True)
        pair.transport.send(TEXT, b"a", rsv2=True)
        assert await pair.peer.read_frame() == Frame(1, b"a", rsv=2)


@ROLES
async def test_a_buffer_that_is_reused_is_compressed_too(role: str) -> None:
    async with compressing(role) as pair:
        buffer = bytearray(14) + MESSAGE
        pair.transport.send_reuse_external_bytearray(BINARY, buffer, 14)
        assert Inflater().message((await pair.peer.read_frame()).payload) == MESSAGE


@ROLES
async def test_sends_that_are_gathered(role: str) -> None:
    class Answering(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            for i in range(3):
                transport.send(BINARY, MESSAGE[i:])
                transport.send(BINARY, b"plain")

    async with compressing(role, listener_class=Answering, coalesce_sends=True) as pair:
        pair.peer.send(Frame(2, b"?"))
        inflater = Inflater()
        for i in range(3):
            assert inflater.message((await pair.peer.read_frame()).payload) == MESSAGE[i:]
            await pair.peer.expect(Frame(2, b"plain"))


async def test_nothing_is_compressed_after_close() -> None:
    async with compressing("server") as pair:
        pair.transport.send(BINARY, MESSAGE)
        pair.transport.send_close(1000)
        pair.transport.send(BINARY, MESSAGE)
        assert Inflater().message((await pair.peer.read_frame()).payload) == MESSAGE
        await pair.peer.expect(wire.close(1000))


async def test_a_higher_level_makes_smaller_messages() -> None:
    message = b"".join(b'{"id":%d,"price":%d}' % (i, i * i % 9973) for i in range(500))
    sizes = []
    for level in (1, 6, 9):
        async with compressing("server", deflate=WSPermessageDeflate(level=level)) as pair:
            pair.transport.send(BINARY, message)
            payload = (await pair.peer.read_frame()).payload
            assert Inflater().message(payload) == message
            sizes.append(len(payload))
    assert sizes[0] > sizes[1] >= sizes[2]
