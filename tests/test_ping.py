"""Auto-ping: a silent peer is pinged, one that does not answer is given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from picows import WSAutoPingStrategy, WSDisconnectCause, WSTransport, ws_broadcast
from picows.testing import wire
from picows.testing.recorder import Recorder, paired
from picows.testing.wire import BINARY, CLOSE, PING, PONG, TEXT, Frame

ROLES = ["client", "server"]
PERIODICALLY = WSAutoPingStrategy.PING_PERIODICALLY


def pinging(role: str, listener: Any = Recorder, idle: float = 0.05, **options: Any) -> Any:
    options.setdefault("auto_ping_reply_timeout", idle)
    return paired(role, listener, enable_auto_ping=True, auto_ping_idle_timeout=idle, **options)


@pytest.mark.parametrize("role", ROLES)
async def test_a_silent_peer_is_pinged_and_its_pong_is_used_up(role: str) -> None:
    async with pinging(role) as pair:
        for _ in range(3):
            assert await pair.peer.read_frame() == Frame(PING)
            pair.peer.send(Frame(PONG))
        pair.peer.send(Frame(TEXT, b"seen"))
        await pair.listener.until_frames(1)
        assert pair.listener.frames == [Frame(TEXT, b"seen")]
        assert not pair.transport.is_disconnected


@pytest.mark.parametrize("role", ROLES)
async def test_a_peer_that_does_not_answer_is_given_up(
    role: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pinging(role) as pair:
        frames = await pair.peer.read_rest()
        assert frames[0] == Frame(PING)
        assert len(frames) == 2
        assert frames[1].opcode == CLOSE
        assert frames[1].payload[:2] == (1001).to_bytes(2, "big")
        await pair.listener.until_disconnected()
        info = pair.transport.disconnect_info
        assert info is not None
        assert info.cause is WSDisconnectCause.PING_TIMEOUT
        await pair.transport.wait_disconnected()  # raises nothing: the peer was not at fault
    complaints = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(complaints) == 1


async def test_who_sends_is_not_pinged_when_idle() -> None:
    async with pinging("client", idle=0.2) as pair:
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.5
        while loop.time() < end:
            pair.peer.send(Frame(BINARY, b"data"))
            await pair.listener.until_frames(len(pair.listener.frames) + 1)
            await asyncio.sleep(0.01)
        pair.transport.send(TEXT, b"last")
        assert await pair.peer.read_frame() == Frame(TEXT, b"last")
        assert await pair.peer.read_frame() == Frame(PING)


async def test_who_sends_is_pinged_periodically() -> None:
    async with pinging("client", auto_ping_strategy=PERIODICALLY) as pair:
        busy = asyncio.create_task(chatter(pair))
        for _ in range(3):
            assert await pair.peer.read_frame() == Frame(PING)
            pair.peer.send(Frame(PONG))
        busy.cancel()


async def chatter(pair: Any) -> None:
    while True:
        pair.peer.send(Frame(BINARY, b"data"))
        await asyncio.sleep(0.005)


class OwnPing(Recorder):
    """Pings and is answered with messages."""

    def send_user_specific_ping(self, transport: Any) -> None:
        transport.send(TEXT, "ping?")

    def is_user_specific_pong(self, frame: Any) -> bool:
        return bool(frame.get_payload_as_bytes() == b"pong!")


@pytest.mark.parametrize("role", ROLES)
async def test_a_listener_may_ping_in_its_own_way(role: str) -> None:
    async with pinging(role, OwnPing) as pair:
        for _ in range(2):
            assert await pair.peer.read_frame() == Frame(TEXT, b"ping?")
            pair.peer.send(Frame(TEXT, b"not this"), Frame(TEXT, b"pong!"))
        await pair.listener.until_frames(2)
        assert pair.listener.frames == [Frame(TEXT, b"not this")] * 2


class Notifier(Recorder):
    """Finds the answer in on_ws_frame."""

    def is_user_specific_pong(self, frame: Any) -> bool:
        return False

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        transport.notify_user_specific_pong_received()


async def test_a_listener_may_find_the_answer_in_on_ws_frame() -> None:
    async with pinging("client", Notifier) as pair:
        for _ in range(3):
            assert await pair.peer.read_frame() == Frame(PING)
            pair.peer.send(Frame(BINARY, b"an answer"))
        assert not pair.transport.is_disconnected


async def test_notify_without_a_ping_does_nothing() -> None:
    async with paired("client") as pair:
        pair.transport.notify_user_specific_pong_received()
        assert not pair.transport.is_disconnected


class Broken(Recorder):
    def send_user_specific_ping(self, transport: Any) -> None:
        raise ValueError("cannot ping")


@pytest.mark.parametrize("role", ROLES)
async def test_a_ping_that_raises_ends_the_connection(role: str) -> None:
    async with pinging(role, Broken) as pair:
        frames = await pair.peer.read_rest()
        assert frames == [wire.close(1011)]
        if role == "client":
            with pytest.raises(ValueError, match="cannot ping"):
                await pair.transport.wait_disconnected()
        await pair.listener.until_disconnected()
        assert isinstance(pair.transport.disconnect_info.exception, ValueError)


async def test_no_ping_after_the_end() -> None:
    async with pinging("client", idle=0.02) as pair:
        pair.peer.send(wire.close(1000))
        await pair.listener.until_frames(1)
        await asyncio.sleep(0.1)  # five times the idle timeout: nothing must come
        pair.transport.disconnect()
        assert await pair.peer.read_rest() == []


USER_PINGS: dict[str, Callable[[WSTransport], Any]] = {
    "send_ping": lambda t: t.send_ping(b"mine"),
    "send": lambda t: t.send(PING, b"mine"),
    "reuse": lambda t: t.send_reuse_external_bytearray(PING, bytearray(14) + b"mine", 14),
    "broadcast": lambda t: ws_broadcast([t], PING, b"mine"),
}


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("way", USER_PINGS)
async def test_the_answer_to_a_later_ping_of_the_users_stands_for_it_too(
    way: str, role: str
) -> None:
    """It did not if the PING was sent by ws_broadcast or send_reuse_external_bytearray."""
    async with paired(role) as pair:
        measuring = asyncio.create_task(pair.transport.measure_roundtrip_time(1))
        ping = await pair.peer.read_frame()
        assert ping.opcode == PING and ping.payload
        USER_PINGS[way](pair.transport)
        assert await pair.peer.read_frame() == Frame(PING, b"mine")
        pair.peer.send(Frame(PONG, b"mine"))
        await asyncio.wait_for(measuring, 30)
        # Which the user waits for.
        assert await pair.listener.until_frames(1) == [Frame(PONG, b"mine")]


@pytest.mark.parametrize(
    ("code", "reason"), [(1011, b"keepalive ping timeout"), (4000, b"no answer to a ping")]
)
async def test_the_close_code_is_a_choice(code: int, reason: bytes) -> None:
    async with pinging("server", auto_ping_close_code=code) as pair:
        await pair.peer.expect(Frame(PING))
        await pair.peer.expect(Frame(CLOSE, code.to_bytes(2, "big") + reason))


@pytest.mark.parametrize("strategy", WSAutoPingStrategy)
async def test_a_reply_timeout_above_the_idle_timeout(strategy: WSAutoPingStrategy) -> None:
    """Who answers is pinged each time that is due; who does not has all of its time."""
    options = {"auto_ping_strategy": strategy, "auto_ping_reply_timeout": 0.4}
    async with pinging("server", idle=0.02, **options) as pair:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(4):
            await pair.peer.expect(Frame(PING))
            pair.peer.send(Frame(PONG))
        took = loop.time() - begun
        await pair.peer.expect(Frame(PING))
        silent_since = loop.time()
        (last,) = await pair.peer.read_rest()
        assert last.opcode == CLOSE
        assert loop.time() - silent_since > 0.35
        assert took < 1.2, "waited the reply timeout out for each"
