"""A listener factory that takes its time: what happens until it has chosen, and after."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import pytest
from support import stacks
from support.gates import KEY, Gate, complaints, waiting

from picows import (
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.testing import wire
from picows.testing.peers import Peer, open_raw
from picows.testing.recorder import Recorder, serving
from picows.testing.wire import PING, TEXT, Frame, encode


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_it_is_accepted_later_and_no_frame_is_lost(stack: stacks.Stack) -> None:
    async def main() -> None:
        listener = Recorder()
        gate = Gate(listener)
        first, second, third = (Frame(TEXT, text) for text in (b"one", b"two", b"three"))
        async with waiting(gate, encode(first, KEY), **stack.server_options) as peer:
            peer.send_bytes(encode(second, KEY))
            await asyncio.sleep(0.05)  # nothing tells when the server has read it
            assert listener.events == []
            gate.opened.set()
            line, headers = await peer.read_head()
            assert line == "HTTP/1.1 101 Switching Protocols"
            assert headers["sec-websocket-accept"] == wire.accept(wire.HANDSHAKE_KEY)
            peer.send_bytes(encode(third, KEY))
            assert await listener.until_frames(3) == [first, second, third]
        await listener.until_disconnected()

    stacks.run(stack.loop, main())


@pytest.mark.parametrize(
    ("choice", "status"),
    [
        (None, 404),
        (
            WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(401), None),
            401,
        ),
        (
            WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(b"fine"), None),
            200,
        ),
        ("a str", 500),
        (ValueError("secret"), 500),
    ],
)
@pytest.mark.parametrize("use_aiofastnet", [None, False])
async def test_it_is_refused_later(choice: Any, status: int, use_aiofastnet: bool | None) -> None:
    gate = Gate(choice)
    async with waiting(gate, use_aiofastnet=use_aiofastnet) as peer:
        gate.opened.set()
        line, headers = await peer.read_head()
        assert line.startswith(f"HTTP/1.1 {status} ")
        body = await peer.read_to_end()
        assert len(body) == int(headers["content-length"])
        assert b"secret" not in body


async def test_a_response_of_its_own_is_sent_later() -> None:
    response = WSUpgradeResponse.create_101_response({"X-User": "me"})
    listener = Recorder()
    gate = Gate(WSUpgradeResponseWithListener(response, listener))
    async with waiting(gate) as peer:
        gate.opened.set()
        line, headers = await peer.read_head()
        assert line.startswith("HTTP/1.1 101 ")
        assert headers["x-user"] == "me"
    await listener.until_disconnected()


async def test_a_bad_upgrade_is_refused_later() -> None:
    gate = Gate(Recorder())
    async with serving(gate) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request({"Sec-WebSocket-Version": "8"}))
        await gate.called.wait()
        gate.opened.set()
        assert (await peer.read_head())[0].startswith("HTTP/1.1 426 ")
        await peer.close()
    assert gate.choice.events == []


async def test_a_future_does_as_well_and_a_second_awaitable_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Recorder()
    future = asyncio.get_running_loop().create_future()
    async with serving(lambda _: future) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request())
        await asyncio.sleep(0)
        future.set_result(listener)
        assert (await peer.read_head())[0].startswith("HTTP/1.1 101 ")
        await peer.close()
        await listener.until_disconnected()

    async def twice(request: WSUpgradeRequest) -> Any:
        return future

    async with serving(twice) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request())
        assert (await peer.read_head())[0].startswith("HTTP/1.1 500 ")
        await peer.close()
    [record] = complaints(caplog)
    assert "a listener factory must return" in str(record.exc_info)


async def test_an_exception_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(ValueError("mine"))
    async with waiting(gate) as peer:
        gate.opened.set()
        assert (await peer.read_head())[0].startswith("HTTP/1.1 500 ")
    [record] = complaints(caplog)
    assert record.levelno == logging.ERROR
    assert "mine" in str(record.exc_info)


async def test_a_cancellation_of_the_users_own_is_a_500_and_no_noise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate(asyncio.CancelledError())
    async with waiting(gate) as peer:
        gate.opened.set()
        assert (await peer.read_head())[0].startswith("HTTP/1.1 500 ")
    assert complaints(caplog) == []


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_what_a_client_sends_meanwhile_is_bounded_and_all_there(stack: stacks.Stack) -> None:
    """The peer cannot get rid of 30 MB until it is accepted."""
    frames = [Frame(TEXT, bytes([ord("a") + i % 26]) * 60_000) for i in range(500)]

    async def send(peer: Peer) -> None:
        for frame in frames:
            peer.send_bytes(encode(frame, KEY))
            await peer.writer.drain()

    async def main() -> None:
        listener = Recorder()
        gate = Gate(listener)
        async with waiting(gate, **stack.server_options) as peer:
            sender = asyncio.ensure_future(send(peer))
            await asyncio.sleep(0.3)  # far more than a loopback takes for what it can buffer
            assert not sender.done()
            gate.opened.set()
            assert (await peer.read_head())[0].startswith("HTTP/1.1 101 ")
            await sender
            assert await listener.until_frames(len(frames)) == frames
        await listener.until_disconnected()

    stacks.run(stack.loop, main(), 30)


async def test_a_refusal_reaches_a_client_that_sent_much_meanwhile() -> None:
    gate = Gate(None)
    async with waiting(gate, bytes(8_000_000)) as peer:
        await asyncio.sleep(0.1)
        gate.opened.set()
        line, headers = await peer.read_head()
        assert line.startswith("HTTP/1.1 404 ")
        assert len(await peer.read_to_end()) == int(headers["content-length"])


async def test_a_ping_that_came_meanwhile_is_answered_after_the_101() -> None:
    listener = Recorder()
    gate = Gate(listener)
    async with waiting(gate, encode(Frame(PING, b"early"), KEY)) as peer:
        gate.opened.set()
        await peer.read_head()
        assert (await peer.read_frame()).payload == b"early"
    await listener.until_disconnected()


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.mark.parametrize("use_aiofastnet", [None, False])
async def test_it_sees_the_context_of_the_server(use_aiofastnet: bool | None) -> None:
    seen: list[str] = []

    async def factory(request: WSUpgradeRequest) -> None:
        await asyncio.sleep(0)
        seen.append(variable.get())
        variable.set("its own")

    variable.set("the server's")
    async with serving(factory, use_aiofastnet=use_aiofastnet) as port:
        for _ in range(2):
            peer = await open_raw(port)
            peer.send_bytes(wire.request())
            await peer.read_head()
            await peer.close()
    assert seen == ["the server's"] * 2


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="CPython 3.12")
@pytest.mark.parametrize("waits", [False, True])
async def test_eager_tasks(waits: bool) -> None:
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
    listener = Recorder()

    async def factory(request: WSUpgradeRequest) -> WSListener:
        if waits:
            await asyncio.sleep(0)
        return listener

    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request() + encode(Frame(TEXT, b"one"), KEY))
        assert (await peer.read_head())[0].startswith("HTTP/1.1 101 ")
        await listener.until_frames(1)
        await peer.close()
        await listener.until_disconnected()


async def test_an_awaitable_that_is_done_at_once() -> None:
    """What an eager task is, with every version of CPython."""
    listener = Recorder()

    def factory(request: WSUpgradeRequest) -> asyncio.Future[WSListener]:
        done: asyncio.Future[WSListener] = asyncio.get_running_loop().create_future()
        done.set_result(listener)
        return done

    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(wire.request() + encode(Frame(TEXT, b"one"), KEY))
        assert (await peer.read_head())[0].startswith("HTTP/1.1 101 ")
        await listener.until_frames(1)
        await peer.close()
        await listener.until_disconnected()


async def test_a_hundred_clients_wait_side_by_side() -> None:
    gate = Gate()
    listeners: list[Recorder] = []

    async def factory(request: WSUpgradeRequest) -> WSListener:
        await gate(request)
        listeners.append(Recorder())
        return listeners[-1]

    async with serving(factory) as port:
        peers = [await open_raw(port) for _ in range(100)]
        for peer in peers:
            peer.send_bytes(wire.request() + encode(Frame(TEXT, b"x"), KEY))
        await gate.called.wait()
        gate.opened.set()
        for peer in peers:
            assert (await peer.read_head())[0].startswith("HTTP/1.1 101 ")
        for listener in listeners:
            await listener.until_frames(1)
        for peer in peers:
            await peer.close()
        for listener in listeners:
            await listener.until_disconnected()
