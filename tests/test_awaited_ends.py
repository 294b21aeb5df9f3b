"""A listener factory that takes its time: what ends its connection meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support import stacks
from support.gates import KEY, Gate, complaints, waiting

from picows import (
    WSListener,
    WSUpgradeRequest,
    ws_create_server,
)
from picows.testing import wire
from picows.testing.peers import open_raw
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import TEXT, Frame, encode


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize("how", ["end", "reset"])
def test_the_end_of_the_peer_cancels_it(
    stack: stacks.Stack, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        gate = Gate(Recorder())
        async with waiting(gate, **stack.server_options) as peer:
            if how == "reset":
                peer.reset()
            else:
                await peer.close()
            async with asyncio.timeout(10):
                await gate.cancelled.wait()
        assert gate.choice.events == []

    stacks.run(stack.loop, main())
    assert complaints(caplog) == []


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_the_peer_ends_while_the_choice_is_made(stack: stacks.Stack) -> None:
    """Before, in and after the turn of the event loop in which the server hears of it."""
    complained: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complained.append(context))
        for turns in range(20):
            listener = Recorder()
            gate = Gate(listener)
            frame = encode(Frame(TEXT, b"x" * 40_000), KEY)
            # Reading pauses. aiofastnet on uvloop misses an end of the peer that came meanwhile.
            early = frame if turns % 3 == 0 and stack.transport != "aiofastnet" else b""
            async with waiting(gate, early, **stack.server_options) as peer:
                peer.writer.close() if turns % 2 else peer.reset()
                for _ in range(turns // 2):
                    await asyncio.sleep(0)
                gate.opened.set()
            if "connected" in listener.events:
                await listener.until_disconnected()

    stacks.run(stack.loop, main())
    assert complained == []


async def test_the_handshake_timeout_cancels_it(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    async with waiting(gate, websocket_handshake_timeout=0.1) as peer:
        assert await peer.read_to_end() == b""
        await gate.cancelled.wait()
    [record] = complaints(caplog)
    assert "took too long" in record.getMessage()


async def test_who_waits_counts_among_the_pending_handshakes() -> None:
    first = Gate()
    async with serving(first, max_pending_handshakes=1) as port:
        waits = await open_raw(port)
        waits.send_bytes(wire.request())
        await first.called.wait()
        other = await open_raw(port)
        assert await waits.read_to_end() == b""
        await first.cancelled.wait()
        await waits.close()
        await other.close()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("name", ["close_clients", "abort_clients"])
async def test_the_server_cancels_it_with_its_clients(name: str, tls: bool) -> None:
    gate = Gate(Recorder())
    options = {"ssl": stacks.server_tls()} if tls else {}
    server: Any = await ws_create_server(gate, "127.0.0.1", 0, **options)
    peer = await open_raw(server.sockets[0].getsockname()[1], stacks.client_tls() if tls else None)
    peer.send_bytes(wire.request())
    await gate.called.wait()
    server.close()
    getattr(server, name)()
    if name == "abort_clients":
        await gate.cancelled.wait()
    await peer.close()
    await gate.cancelled.wait()
    await server.wait_closed()
    assert gate.choice.events == []


async def test_what_fails_after_the_connection_is_gone_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    called, failed = asyncio.Event(), asyncio.Event()

    async def factory(request: WSUpgradeRequest) -> WSListener:
        called.set()
        try:
            await asyncio.Event().wait()
        finally:
            asyncio.get_running_loop().call_soon(failed.set)
            raise ValueError("of its cleanup")

    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request())
        await called.wait()
        await peer.close()
        await failed.wait()
        await asyncio.sleep(0)
    [record] = complaints(caplog)
    assert "of its cleanup" in str(record.exc_info)
