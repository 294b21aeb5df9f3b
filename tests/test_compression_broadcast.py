"""A message to many connections is compressed once for all that can read it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.compressing import MESSAGE, RSV1, Inflater, asked, compressing

from picows import WSMsgType, WSPermessageDeflate, ws_broadcast
from picows.testing import wire
from picows.testing.peers import Peer
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import Frame

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION


class Reader:
    """A peer that inflates, with a window as large as agreed on."""

    def __init__(self, peer: Peer, bits: int | None, takeover: bool) -> None:
        self.peer = peer
        self.bits = bits
        self.takeover = takeover
        self.inflater = Inflater(bits or 15)

    async def read(self) -> tuple[bytes, bytes]:
        """The message, and its payload on the wire."""
        frame = await self.peer.read_frame()
        if not frame.rsv:
            return frame.payload, frame.payload
        assert self.bits
        if not self.takeover:
            self.inflater = Inflater(self.bits)
        return self.inflater.message(frame.payload), frame.payload


@contextlib.asynccontextmanager
async def audience(
    kinds: list[tuple[int | None, bool]], deflate: Any = True
) -> AsyncIterator[tuple[list[Any], list[Reader]]]:
    """Connections of a server of ours: bits of a window, None without compression; takeover."""
    listeners: list[Recorder] = []

    def factory(request: Any) -> Recorder:
        listeners.append(Recorder())
        return listeners[-1]

    readers = []
    async with serving(factory, permessage_deflate=deflate) as port:
        for bits, takeover in kinds:
            offer = (
                "x-none" if bits is None else f"permessage-deflate; server_max_window_bits={bits}"
            )
            if not takeover:
                offer += "; server_no_context_takeover"
            peer, _ = await asked(port, offer)
            readers.append(Reader(peer, bits, takeover))
        yield [listener.transport for listener in listeners], readers
        for reader, listener in zip(readers, listeners, strict=True):
            await reader.peer.close()
            await listener.until_disconnected()


ALL_KINDS: list[tuple[int | None, bool]] = [
    (12, True),
    (None, True),
    (12, False),
    (9, True),
    (9, False),
    (12, True),
]


async def test_all_can_read_it_whatever_they_agreed_on() -> None:
    async with audience(ALL_KINDS) as (transports, readers):
        for number in range(4):
            message = MESSAGE + b"%d" % number
            ws_broadcast(transports, BINARY, message)
            payloads = set()
            for reader in readers:
                received, payload = await reader.read()
                assert received == message
                payloads.add(payload)
            assert len(payloads) == 2, "one for all that compress, and the plain one"


async def test_messages_for_one_before_and_after() -> None:
    """What is sent later refers to nothing that the peer's window has not."""
    async with audience(ALL_KINDS) as (transports, readers):
        for number in range(6):
            own = MESSAGE + b"%d" % number
            for transport in transports[:: 1 + number % 2]:
                transport.send(BINARY, own)
            for reader in readers[:: 1 + number % 2]:
                assert (await reader.read())[0] == own
            ws_broadcast(transports, BINARY, own * 2)
            for reader in readers:
                assert (await reader.read())[0] == own * 2


async def test_clients_send_it_masked() -> None:
    async with (
        compressing("client") as client,
        compressing("server") as server,
        audience([(12, True)]) as (transports, readers),
    ):
        ws_broadcast([*transports, client.transport, server.transport], TEXT, MESSAGE)
        frames = [await pair.peer.read_frame() for pair in (client, server)]
        assert [frame.rsv for frame in frames] == [RSV1, RSV1]
        assert [Inflater().message(frame.payload) for frame in frames] == [MESSAGE] * 2
        assert (await readers[0].read())[0] == MESSAGE


async def test_a_wish_decides_for_all() -> None:
    async with audience([(12, True), (None, True)]) as (transports, readers):
        ws_broadcast(transports, BINARY, MESSAGE, compress=False)
        assert [(await reader.read())[1] for reader in readers] == [MESSAGE] * 2
        ws_broadcast(transports, BINARY, b"a", compress=True)
        assert [(await reader.read())[0] for reader in readers] == [b"a"] * 2
        ws_broadcast(transports, BINARY, b"")
        ws_broadcast(transports, WSMsgType.PING, b"?", compress=True)
        for reader in readers:
            await reader.peer.expect(Frame(wire.BINARY), Frame(wire.PING, b"?"))


async def test_each_has_its_own_threshold() -> None:
    large = WSPermessageDeflate(threshold=len(MESSAGE) + 1)
    async with (
        audience([(12, True)]) as (some, compressed),
        audience([(12, True)], large) as (others, plain),
    ):
        ws_broadcast([*some, *others], BINARY, MESSAGE)
        assert (await compressed[0].read())[1] != MESSAGE
        assert (await plain[0].read())[1] == MESSAGE


async def test_fragments_are_compressed_for_each() -> None:
    async with audience([(12, True), (None, True), (12, False)]) as (transports, readers):
        for transport in transports:
            transport.send(BINARY, MESSAGE)
        for reader in readers:
            assert (await reader.read())[0] == MESSAGE
        ws_broadcast(transports, TEXT, MESSAGE, fin=False, when_full="disconnect")
        transports[0].send(CONTINUATION, b"for one", fin=False)
        ws_broadcast(transports, CONTINUATION, b"end", when_full="disconnect")
        for reader, count in zip(readers, (3, 2, 2), strict=True):
            frames = [await reader.peer.read_frame() for _ in range(count)]
            payload = b"".join(frame.payload for frame in frames)
            if frames[0].rsv:
                if not reader.takeover:
                    reader.inflater = Inflater(12)
                payload = reader.inflater.message(payload)
            assert payload == MESSAGE + (b"for one" if count == 3 else b"") + b"end"


async def test_rsv1_is_refused_before_anything_is_sent() -> None:
    async with audience([(None, True), (12, True)]) as (transports, readers):
        with pytest.raises(ValueError, match="rsv1 must be False"):
            ws_broadcast(transports, BINARY, MESSAGE, rsv1=True)
        ws_broadcast(transports[:1], BINARY, MESSAGE, rsv1=True)
        await readers[0].peer.expect(Frame(wire.BINARY, MESSAGE, rsv=RSV1))
        ws_broadcast(transports, BINARY, b"a")
        for reader in readers:
            await reader.peer.expect(Frame(wire.BINARY, b"a"))


async def test_who_has_no_room_is_skipped_and_reads_on_later() -> None:
    """What counts is the size on the wire."""
    async with audience([(12, True)]) as (transports, readers):
        (transport,) = transports
        transport.send(BINARY, bytes(50_000_000), compress=False)
        assert ws_broadcast(transports, BINARY, MESSAGE, max_queued=0).full == (transport,)
        waiting = transport.underlying_transport.get_write_buffer_size()
        result = ws_broadcast(transports, BINARY, MESSAGE, max_queued=waiting + 200)
        assert result.queued == (transport,)
        assert (await readers[0].read())[0] == bytes(50_000_000)
        assert (await readers[0].read())[0] == MESSAGE
        transport.send(BINARY, MESSAGE)
        assert (await readers[0].read())[0] == MESSAGE
