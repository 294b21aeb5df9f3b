"""How a connection ends: close_handshake, and waiting for the end."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks
from support.stacks import STACKS, Stack

from picows import WSCloseCode, WSDisconnectCause, ws_connect
from picows.closing import WSCloseHandshake, WSCloseInfo
from picows.testing import wire
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import CLOSE, TEXT, Frame

ROLES = ["client", "server"]


class Answering(Recorder):
    """Echoes a CLOSE and disconnects, as most listeners do."""

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        if frame.msg_type == CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


@pytest.mark.parametrize("role", ROLES)
async def test_no_close_no_close_handshake(role: str) -> None:
    async with paired(role) as pair:
        assert pair.transport.close_handshake is None
        pair.transport.disconnect()
        await pair.transport.wait_disconnected()
        assert pair.transport.close_handshake is None


@pytest.mark.parametrize("role", ROLES)
async def test_the_peer_closes_first(role: str) -> None:
    async with paired(role) as pair:
        pair.peer.send(wire.close(1001, "going"))
        await pair.listener.until_frames(1)
        handshake = pair.transport.close_handshake
        assert isinstance(handshake, WSCloseHandshake)
        assert isinstance(handshake.recv, WSCloseInfo)
        assert (handshake.recv.code, handshake.recv.reason) == (1001, "going")
        assert handshake.recv.code is WSCloseCode.GOING_AWAY
        assert handshake.sent is None
        assert handshake.recv_then_sent is True
        assert not pair.transport.is_close_frame_sent

        pair.transport.send_close(1000, "bye")
        assert (handshake.sent.code, handshake.sent.reason) == (1000, "bye")
        assert handshake.recv_then_sent is True
        assert pair.transport.is_close_frame_sent
        assert pair.transport.close_handshake is handshake
        assert await pair.peer.read_frame() == wire.close(1000, "bye")


@pytest.mark.parametrize("role", ROLES)
async def test_we_close_first(role: str) -> None:
    async with paired(role) as pair:
        pair.transport.send_close(3000, b"first")
        handshake = pair.transport.close_handshake
        assert (handshake.sent.code, handshake.sent.reason) == (3000, "first")
        assert type(handshake.sent.code) is int  # nobody's name: RFC 6455 7.4.2
        assert handshake.recv is None
        assert handshake.recv_then_sent is False

        assert await pair.peer.read_frame() == wire.close(3000, "first")
        pair.peer.send(wire.close(3000, ""))
        await pair.listener.until_frames(1)
        assert (handshake.recv.code, handshake.recv.reason) == (3000, None)
        assert handshake.recv_then_sent is False
        # Neither a CLOSE sent nor one received disconnects: that is the listener's to decide.
        assert not pair.transport.is_disconnected


@pytest.mark.parametrize("role", ROLES)
async def test_a_code_with_nothing_behind_it_gives_no_reason(role: str) -> None:
    """88 02 03 e8 had the reason "", which nobody gave."""
    async with paired(role) as pair:
        pair.transport.send_close(1000)
        assert pair.transport.close_handshake.sent.reason is None
        assert await pair.peer.read_frame() == wire.close(1000)
        pair.peer.send(wire.close(1000))
        await pair.listener.until_frames(1)
        assert pair.transport.close_handshake.recv.reason is None


@pytest.mark.parametrize("role", ROLES)
async def test_no_info_is_a_close_without_payload(role: str) -> None:
    async with paired(role, Answering) as pair:
        pair.peer.send(Frame(CLOSE))
        assert await pair.peer.read_rest() == [Frame(CLOSE)]
        handshake = pair.transport.close_handshake
        for info in (handshake.recv, handshake.sent):
            assert info.code is WSCloseCode.NO_INFO
            assert info.reason is None


@pytest.mark.parametrize(
    ("arguments", "frame"),
    [
        ((), Frame(CLOSE)),
        ((WSCloseCode.NO_INFO,), Frame(CLOSE)),
        ((0, ""), Frame(CLOSE)),
        ((0, None), Frame(CLOSE)),
        ((1000,), wire.close(1000)),
        ((WSCloseCode.OK, None), wire.close(1000)),
        ((1014, "é"), wire.close(1014, "é")),
        ((4999, b"x" * 123), wire.close(4999, "x" * 123)),
    ],
)
@pytest.mark.parametrize("role", ROLES)
async def test_send_close_on_the_wire(role: str, arguments: tuple[Any, ...], frame: Frame) -> None:
    async with paired(role) as pair:
        pair.transport.send_close(*arguments)
        pair.transport.disconnect()
        assert await pair.peer.read_rest() == [frame]


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, *range(1010, 1015), 3000, 3999, 4000, 4999]
)
async def test_every_code_that_may_be_sent_is_echoed(code: int) -> None:
    async with paired("server", Answering) as pair:
        pair.peer.send(wire.close(code, "why"))
        assert await pair.peer.read_rest() == [wire.close(code, "why")]
        assert pair.transport.close_handshake.recv.code == code


@pytest.mark.parametrize("role", ROLES)
async def test_a_peers_close_is_not_answered_by_itself(role: str) -> None:
    async with paired(role) as pair:
        pair.peer.send(wire.close(1000))
        await pair.listener.until_frames(1)
        pair.transport.send(TEXT, "sending goes on")
        assert await pair.peer.read_frame() == Frame(TEXT, b"sending goes on")


def test_reprs_say_everything() -> None:
    handshake = WSCloseHandshake(recv_then_sent=True)
    handshake.recv = WSCloseInfo(4000, "why")
    assert repr(handshake) == (
        "WSCloseHandshake(recv=WSCloseInfo(code=4000, reason='why'), "
        "sent=None, recv_then_sent=True)"
    )


@pytest.mark.parametrize("role", ROLES)
async def test_waiting_ends_after_on_ws_disconnected(role: str) -> None:
    async with paired(role) as pair:
        waiter = asyncio.create_task(pair.transport.wait_disconnected())
        waiter.add_done_callback(lambda _: pair.listener.events.append("waited"))
        pair.transport.disconnect()
        assert not pair.transport.is_disconnected
        await waiter
        assert pair.transport.is_disconnected
        assert pair.listener.events == ["connected", "disconnected", "waited"]


@pytest.mark.parametrize("role", ROLES)
async def test_waiting_after_the_end_returns_at_once(role: str) -> None:
    async with paired(role) as pair:
        pair.transport.disconnect()
        for _ in range(3):
            await pair.transport.wait_disconnected()


@pytest.mark.parametrize("role", ROLES)
async def test_a_cancelled_waiter_disturbs_nobody(role: str) -> None:
    async with paired(role) as pair:
        waiters = [asyncio.create_task(pair.transport.wait_disconnected()) for _ in range(3)]
        await asyncio.sleep(0)  # all of them wait
        waiters[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiters[1]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pair.transport.wait_disconnected(), 0.001)
        assert len(pair.transport._waiters or ()) == 2  # those who gave up are forgotten
        assert not pair.transport.is_disconnected
        pair.transport.send(TEXT, "still here")
        assert await pair.peer.read_frame() == Frame(TEXT, b"still here")
        assert not waiters[0].done() and not waiters[2].done()
        pair.transport.disconnect()
        await waiters[0]
        await waiters[2]


@pytest.mark.filterwarnings("error")
async def test_a_waiter_that_is_never_awaited_is_the_usual_warning() -> None:
    async with paired("client") as pair:
        waiting = pair.transport.wait_disconnected()
        assert asyncio.iscoroutine(waiting)
        waiting.close()


async def test_every_waiter_of_a_client_gets_the_exception() -> None:
    async with paired("client") as pair:
        waiters = [asyncio.create_task(pair.transport.wait_disconnected()) for _ in range(3)]
        pair.peer.send(Frame(3))
        results = await asyncio.gather(*waiters, return_exceptions=True)
        assert {type(result).__name__ for result in results} == {"WSProtocolError"}


@pytest.mark.parametrize("role", ROLES)
async def test_disconnect_sends_what_is_queued_and_abort_does_not(role: str) -> None:
    payload = bytes(8 << 20)
    async with paired(role) as pair:
        pair.transport.send(TEXT, payload)
        pair.transport.disconnect()
        [frame] = await pair.peer.read_rest()
        assert frame.payload == payload
    async with paired(role) as pair:
        pair.transport.send(TEXT, payload)
        pair.transport.disconnect(graceful=False)
        with contextlib.suppress(ConnectionResetError):
            assert len(await pair.peer.read_to_end()) < len(payload)


def close_first(transport: Any) -> None:
    transport.send_close(1000, "done")


def disconnect_first(transport: Any) -> None:
    transport.disconnect()


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("end", [close_first, disconnect_first])
def test_both_ends_hear_of_the_end_on_every_stack(stack: Stack, end: Callable[[Any], None]) -> None:
    async def main() -> None:
        servers: list[Recorder] = []

        def factory(request: Any) -> Recorder:
            servers.append(Answering())
            return servers[-1]

        async with serving(factory, **stack.server_options) as port:
            transport, listener = await ws_connect(
                Recorder, stack.url(port), **stack.client_options
            )
            end(transport)
            await transport.wait_disconnected()
            await servers[0].until_disconnected()
            await servers[0].transport.wait_disconnected()
            assert listener.events[-1] == "disconnected"
            if end is close_first:
                assert listener.frames == [wire.close(1000, "done")]
                assert transport.close_handshake.recv.reason == "done"

    stacks.run(stack.loop, main())


async def test_waiting_again_and_again_keeps_one_traceback() -> None:
    """Each waiter added its frames to the exception's traceback: 200 of them kept 191 MiB."""

    class Raises(Recorder):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            raise KeyError("mine")

    def depth(error: BaseException) -> int:
        return len(list(traceback.walk_tb(error.__traceback__)))

    async with paired("client", Raises) as pair:
        pair.peer.send(Frame(TEXT, b"a"))
        depths = set()
        for _ in range(20):
            with pytest.raises(KeyError, match="mine") as raised:
                await pair.transport.wait_disconnected()
            depths.add(depth(raised.value))
            names = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
            assert names.count("on_ws_frame") == 1  # where it came from
        assert len(depths) == 1


@pytest.mark.parametrize("role", ["client", "server"])
async def test_the_answer_to_our_close_ends_the_connection(role: str) -> None:
    async with paired(role) as pair:
        pair.transport.send_close(1000, "bye", answer_timeout=60)
        await pair.peer.expect(wire.close(1000, "bye"))
        pair.peer.send(wire.Frame(wire.TEXT, b"crossing"), wire.close(1000))
        assert await pair.peer.read_to_end() == b""
        await pair.listener.until_disconnected()
        assert [frame.opcode for frame in pair.listener.frames] == [wire.TEXT, wire.CLOSE]
        assert pair.transport.disconnect_info.cause is WSDisconnectCause.OWN_CLOSE


@pytest.mark.parametrize("use_aiofastnet", [None, False], ids=["own", "loop"])
async def test_the_answer_to_our_close_is_waited_for_so_long(use_aiofastnet: Any) -> None:
    async with paired("server", use_aiofastnet=use_aiofastnet) as pair:
        pair.transport.send_close(1000, answer_timeout=0.05)
        assert await pair.peer.read_rest() == [wire.close(1000)]
        await pair.listener.until_disconnected()


async def test_our_close_is_the_answer_already() -> None:
    async with paired("server") as pair:
        pair.peer.send(wire.close(1001))
        await pair.listener.until_frames(1)
        pair.transport.send_close(1001, answer_timeout=60)
        assert await pair.peer.read_rest() == [wire.close(1001)]
        await pair.listener.until_disconnected()
        pair.transport.send_close(1001, answer_timeout=1)  # does nothing


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e10])
async def test_no_time_for_an_answer(seconds: float) -> None:
    async with paired("server") as pair:
        with pytest.raises(ValueError, match="answer_timeout must be None, or at least 0"):
            pair.transport.send_close(1000, answer_timeout=seconds)
        assert not pair.transport.is_close_frame_sent
        pair.transport.send_close(1000, answer_timeout=None)
        await pair.peer.expect(wire.close(1000))
        assert not pair.transport.is_disconnected
