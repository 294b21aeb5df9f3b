"""WSConnection: messages in and out, the end, and what it says of it."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support import stacks
from support.mailbox import BINARY, CONT, TEXT, Peer, on_all_loops, passes_until

import picows
from picows import WSCloseCode, WSConnection, WSConnectionClosed, WSDisconnectCause
from picows.messages.connection import closed


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[tuple[WSConnection[Any], Peer]]:
    """A connection of `connect`, and the server's end."""
    peers: list[Peer] = []

    def factory(_: Any) -> Peer:
        peers.append(Peer())
        return peers[-1]

    tls = options.pop("tls", False)
    context: dict[str, Any] = {"ssl": stacks.server_tls()} if tls else {}
    server = await picows.ws_create_server(factory, "127.0.0.1", 0, **context)
    port = server.sockets[0].getsockname()[1]
    if tls:
        options["ssl_context"] = stacks.client_tls()
    ws = await picows.connect(f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/", **options)
    try:
        yield ws, peers[0]
    finally:
        for transport in (ws.transport, peers[0].transport):
            transport.disconnect(graceful=False)
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("loop", stacks.LOOPS)
def test_messages_both_ways(loop: str, tls: bool) -> None:
    async def main() -> None:
        async with client(tls=tls) as (ws, peer):
            peer.text("one")
            peer.transport.send(BINARY, bytes(200_000))
            peer.text("three")
            assert [await ws.recv() for _ in range(3)] == ["one", bytes(200_000), "three"]
            assert ws.recv_nowait() is None
            assert ws.send("text") and ws.send(b"bytes") and ws.send("text", text=False)
            await ws.drain()
            await peer.until(3)
            assert peer.frames == [(TEXT, b"text"), (BINARY, b"bytes"), (BINARY, b"text")]

    stacks.run(loop, main())


@on_all_loops
async def test_the_opening_handshake_can_be_read() -> None:
    async with client() as (ws, _):
        assert ws.request.path == b"/"
        assert ws.response.status == 101
        assert ws.transport is ws.ws_transport
        assert ws.disconnect_info is None


@on_all_loops
async def test_iteration_ends_where_both_agree_on_the_end() -> None:
    for code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY, WSCloseCode.NO_INFO):
        async with client() as (ws, peer):
            peer.text("a", "b")
            peer.transport.send_close(code)
            assert [message async for message in ws] == ["a", "b"]
            info = ws.disconnect_info
            assert info is not None and info.cause is WSDisconnectCause.PEER_CLOSE
            await peer.got.wait()
            assert peer.close == (code, None)


@on_all_loops
async def test_iteration_raises_at_another_end_after_what_was_received() -> None:
    async with client() as (ws, peer):
        peer.text("a")
        peer.transport.send_close(WSCloseCode.INTERNAL_ERROR, "broken")
        got = []
        with pytest.raises(WSConnectionClosed) as caught:  # noqa: PT012
            async for message in ws:
                got.append(message)
        assert got == ["a"]
        assert str(caught.value) == (
            "the connection is closed: the peer sent CLOSE(INTERNAL_ERROR, 'broken')"
        )
    async with client() as (ws, peer):
        peer.text("a")
        peer.transport.disconnect(graceful=True)
        assert await ws.recv() == "a"
        with pytest.raises(WSConnectionClosed, match="the peer ended it without a CLOSE") as caught:
            await ws.recv()
        assert caught.value.close_handshake is None
        assert caught.value.disconnect_info == ws.disconnect_info
        assert ws.disconnect_info is not None
        assert ws.disconnect_info.cause is WSDisconnectCause.EOF


@on_all_loops
async def test_a_fault_of_the_peer_is_the_cause() -> None:
    async with client() as (ws, peer):
        peer.transport.send(CONT, b"of nothing")
        with pytest.raises(WSConnectionClosed, match="PROTOCOL_ERROR") as caught:
            await ws.recv()
        assert isinstance(caught.value.__cause__, picows.WSProtocolError)
        with pytest.raises(WSConnectionClosed) as again:
            await ws.recv()
        assert again.value is not caught.value


@on_all_loops
async def test_close_waits_for_the_peer_and_drops_what_comes_meanwhile() -> None:
    async with client(max_queue=1) as (ws, peer):
        peer.text("a", "b")
        await passes_until(lambda: ws.queued == 2)
        assert ws.is_reading_paused
        peer.text("c", "d")
        closing = asyncio.ensure_future(ws.close(4000, "bye"))
        await peer.got.wait()
        assert peer.close == (4000, "bye")
        with pytest.raises(WSConnectionClosed, match=r"is closing: we sent CLOSE\(4000, 'bye'\)"):
            ws.send("late")
        peer.transport.send_close(4000)
        peer.transport.disconnect()
        await closing
        await ws.close()  # again does nothing
        assert ws.dropped == 2
        assert [await ws.recv(), ws.recv_nowait()] == ["a", "b"]
        with pytest.raises(WSConnectionClosed, match=r"is closed: we sent CLOSE\(4000, 'bye'\)"):
            ws.recv_nowait()
        with pytest.raises(WSConnectionClosed):
            await ws.drain()


@on_all_loops
async def test_a_peer_that_does_not_answer_a_close_is_disconnected() -> None:
    async with client(close_timeout=0.05) as (ws, peer):
        peer.transport.underlying_transport.pause_reading()
        await ws.close()
        assert ws.transport.is_disconnected


@on_all_loops
async def test_a_close_that_cannot_be_sent_is_refused() -> None:
    async with client() as (ws, peer):
        with pytest.raises(ValueError, match="close code 1006 may not be sent"):
            await ws.close(WSCloseCode.ABNORMAL_CLOSURE)
        peer.text("still there")
        assert await ws.recv() == "still there"


@on_all_loops
async def test_a_message_may_have_65536_fragments_and_no_more() -> None:
    async with client() as (ws, peer):
        for count in (65_536, 65_537):
            for number in range(count):
                kind = CONT if number else BINARY
                peer.transport.send(kind, b"x", fin=number == count - 1)
            if count == 65_536:
                assert await ws.recv() == b"x" * count
        with pytest.raises(WSConnectionClosed, match="message has more fragments than the limit"):
            await ws.recv()


@on_all_loops
async def test_conflation() -> None:
    async with client(max_queue=1, when_full="drop_oldest", decode=bytes) as (ws, peer):
        peer.text(*map(str, range(50)))
        await passes_until(lambda: ws.dropped == 49)
        assert await ws.recv() == b"49"


def test_the_exception_keeps_what_it_says() -> None:
    async def main() -> WSConnectionClosed:
        async with client() as (ws, peer):
            peer.transport.send_close(4001, "why")
            await ws.wait_closed()
            return closed(ws.transport)

    error = asyncio.run(main())
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is WSConnectionClosed and str(twin) == str(error)
        assert twin.disconnect_info == error.disconnect_info
        assert repr(twin.close_handshake) == repr(error.close_handshake)
