"""KeyboardInterrupt, SystemExit and CancelledError in code that the library calls.

The first two come out of the event loop, once, wherever they are raised; the connection goes on or
ends as after any other exception there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest
from support import stacks

from picows import WSListener, WSTransport, ws_connect
from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded
from picows.testing.recorder import URL, Pair, Recorder, paired, serving
from picows.testing.wire import BINARY, CLOSE, PING, PONG, TEXT, Frame

ROLES = ["client", "server"]
FATAL = [KeyboardInterrupt, SystemExit]
OWN_AND_LOOP = pytest.mark.parametrize("use_aiofastnet", [None, False], ids=["own", "loop"])
LOOPS = pytest.mark.parametrize("loop", stacks.LOOPS)


def run_through(loop_name: str, main: Coroutine[Any, Any, None]) -> list[str]:
    """Run a coroutine to its end. Gives what came out of the event loop meanwhile."""
    came = []
    loop = stacks.LOOPS[loop_name]()
    task = loop.create_task(main)
    while not task.done():
        try:
            loop.run_until_complete(task)
        except (KeyboardInterrupt, SystemExit) as exception:
            came.append(str(exception))
    task.result()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    return came


class Raiser(Recorder):
    """Raises `exception` in one callback, the first time."""

    def __init__(self, where: str, exception: BaseException) -> None:
        super().__init__()
        self._where = where
        self._exception = exception

    def _raise_in(self, where: str) -> None:
        if where == self._where:
            self._where = ""
            raise self._exception

    def pause_writing(self) -> None:
        self._note("pause")
        self._raise_in("pause_writing")

    def resume_writing(self) -> None:
        self._note("resume")
        self._raise_in("resume_writing")

    def is_user_specific_pong(self, frame: Any) -> bool:
        self._raise_in("is_user_specific_pong")
        return super().is_user_specific_pong(frame)

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        self._raise_in("on_ws_connected")

    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        self._raise_in("on_ws_frame")


async def fill(pair: Pair) -> int:
    """Queue so much that one more byte exceeds the high-water mark. Gives the payload's size."""
    underlying = pair.transport.underlying_transport
    underlying.set_write_buffer_limits(high=1 << 30)
    size = 16 << 20
    pair.transport.send(BINARY, bytes(size))
    await asyncio.sleep(0)  # uvloop's transports write at the end of a turn
    underlying.set_write_buffer_limits(high=underlying.get_write_buffer_size())
    return size


@pytest.mark.parametrize("exception", FATAL)
@OWN_AND_LOOP
@LOOPS
def test_in_pause_writing_because_of_an_answer_to_a_ping(
    loop: str, use_aiofastnet: bool | None, exception: type[BaseException]
) -> None:
    """It was handed to sys.unraisablehook, and the program went on."""

    def listener() -> Recorder:
        return Raiser("pause_writing", exception("in pause_writing"))

    async def main() -> None:
        async with paired("server", listener, use_aiofastnet=use_aiofastnet) as pair:
            size = await fill(pair)
            pair.peer.send(Frame(PING, b"?"), Frame(TEXT, b"behind"))
            assert await pair.listener.until_frames(1) == [Frame(TEXT, b"behind")]
            assert "pause" in pair.listener.events
            assert len((await pair.peer.read_frame()).payload) == size
            assert await pair.peer.read_frame() == Frame(PONG, b"?")

    assert run_through(loop, main()) == ["in pause_writing"]


@OWN_AND_LOOP
@LOOPS
def test_in_resume_writing(loop: str, use_aiofastnet: bool | None) -> None:
    def listener() -> Recorder:
        return Raiser("resume_writing", KeyboardInterrupt("in resume_writing"))

    async def main() -> None:
        async with paired("server", listener, use_aiofastnet=use_aiofastnet) as pair:
            size = await fill(pair)
            pair.transport.send(BINARY, bytes(1))
            await pair.listener.until(lambda: "pause" in pair.listener.events)
            assert len((await pair.peer.read_frame()).payload) == size
            await pair.listener.until(lambda: "resume" in pair.listener.events)
            assert await pair.peer.read_frame() == Frame(BINARY, bytes(1))

    assert run_through(loop, main()) == ["in resume_writing"]


class Interrupting(logging.Logger):
    """Raises while it writes the line that contains `text`."""

    def __init__(self, text: str, exception: BaseException) -> None:
        super().__init__("interrupting", logging.DEBUG)
        self._text = text
        self._exception = exception
        self.lines: list[str] = []

    def handle(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if self._text in record.getMessage():
            self._text = "none of this"
            raise self._exception


@pytest.mark.parametrize("text", ["connect", "broke the protocol", "disconnected", "PING received"])
@pytest.mark.parametrize("exception", FATAL)
@pytest.mark.parametrize("role", ROLES)
@LOOPS
def test_in_a_logging_handler(
    loop: str, role: str, exception: type[BaseException], text: str
) -> None:
    """It was handed to sys.unraisablehook; what the line is about happens all the same."""
    logger = Interrupting(text, exception("in a handler"))
    logger.setLevel(1)

    async def main() -> None:
        async with paired(role, logger_name=logger) as pair:
            pair.peer.send(Frame(PING, b"?"), Frame(TEXT, b"good"), Frame(3))
            assert await pair.peer.read_frame() == Frame(PONG, b"?")
            assert (await pair.peer.read_frame()).opcode == CLOSE
            await pair.peer.close()
            await pair.listener.until_disconnected()
            assert pair.listener.events == ["connected", "frame", "disconnected"]

    assert run_through(loop, main()) == ["in a handler"], logger.lines


@pytest.mark.parametrize("where", ["on_ws_connected", "on_ws_frame", "is_user_specific_pong"])
@pytest.mark.parametrize("exception", FATAL)
@OWN_AND_LOOP
@pytest.mark.parametrize("role", ROLES)
@LOOPS
def test_a_callback_interrupts_the_program_once(
    loop: str, role: str, use_aiofastnet: bool | None, exception: type[BaseException], where: str
) -> None:
    """A client's wait_disconnected() raised it again, which ended the program a second time."""

    def listener() -> Recorder:
        return Raiser(where, exception("in a callback"))

    async def main() -> None:
        options: Any = {"use_aiofastnet": use_aiofastnet}
        if where == "is_user_specific_pong":
            options |= {"enable_auto_ping": True}
            options |= {"auto_ping_idle_timeout": 0.02, "auto_ping_reply_timeout": 0.02}
        async with paired(role, listener, **options) as pair:
            if where == "is_user_specific_pong":
                assert (await pair.peer.read_frame()).opcode == PING
            pair.peer.send(Frame(TEXT, b"a"))
            assert (await pair.peer.read_frame()).payload[:2] == wire.close(1011).payload
            await pair.peer.close()
            for _ in range(2):
                if role == "server":
                    await pair.transport.wait_disconnected()
                    continue
                with pytest.raises(RuntimeError, match=f"raised {exception.__name__}") as raised:
                    await pair.transport.wait_disconnected()
                assert type(raised.value.__cause__) is exception
            info = pair.transport.disconnect_info
            assert info and type(info.exception) is exception

    assert run_through(loop, main()) == ["in a callback"]


@pytest.mark.parametrize("exception", FATAL)
@OWN_AND_LOOP
@LOOPS
def test_in_a_servers_factory(
    loop: str, use_aiofastnet: bool | None, exception: type[BaseException]
) -> None:
    """The client got no answer, and the connection stayed until the handshake timed out."""

    def factory(request: Any) -> WSListener:
        raise exception("in the factory")

    async def main() -> None:
        async with serving(factory, use_aiofastnet=use_aiofastnet) as port:
            peer = await open_raw(port)
            peer.send_bytes(wire.request())
            status, _ = await peer.read_head()
            assert status == "HTTP/1.1 500 Internal Server Error"
            await peer.read_to_end()
            await peer.close()

    assert run_through(loop, main()) == ["in the factory"]


@pytest.mark.parametrize(
    "exception", [*FATAL, asyncio.CancelledError, StopIteration, GeneratorExit]
)
@OWN_AND_LOOP
@LOOPS
def test_in_a_clients_factory(
    loop: str, use_aiofastnet: bool | None, exception: type[BaseException]
) -> None:
    """ws_connect waited for its time to be over, or seemed to have been cancelled."""

    def factory() -> WSListener:
        raise exception("in the factory")

    async def main() -> None:
        async with serving(lambda request: Recorder()) as port:
            text = f"the listener factory raised {exception.__name__}"
            with pytest.raises(RuntimeError, match=text) as raised:
                await ws_connect(factory, URL.format(port), use_aiofastnet=use_aiofastnet)
            assert type(raised.value.__cause__) is exception

    assert run_through(loop, main()) == (["in the factory"] if exception in FATAL else [])


async def test_a_cancelled_error_of_a_listener_is_not_the_waiters() -> None:
    """`async with asyncio.timeout()` and task groups took it for a cancellation of their own."""
    exception = asyncio.CancelledError("in a callback")
    async with paired("client", lambda: Raiser("on_ws_frame", exception)) as pair:
        waiting = asyncio.create_task(pair.transport.wait_disconnected())
        pair.peer.send(Frame(TEXT, b"a"))
        assert (await pair.peer.read_frame()).opcode == CLOSE
        await pair.peer.close()
        await asyncio.wait([waiting])
        assert not waiting.cancelled()
        error = waiting.exception()
        assert isinstance(error, RuntimeError)
        assert str(error) == "a callback of the listener raised CancelledError"
        assert error.__cause__ is exception
        info = pair.transport.disconnect_info
        assert info and info.exception is exception


async def test_two_that_interrupt_a_broadcast_are_both_heard() -> None:
    """Only the first of them was raised, the second went to sys.unraisablehook."""
    from picows import ws_broadcast

    loop = asyncio.get_running_loop()
    listeners: list[Raiser] = []

    def factory(request: Any) -> WSListener:
        number = len(listeners)
        exception = KeyboardInterrupt(str(number)) if number else RuntimeError("not fatal")
        listeners.append(Raiser("pause_writing", exception))
        return listeners[-1]

    async with serving(factory) as port:
        peers = [await open_upgraded(port) for _ in range(3)]
        scheduled: list[Any] = []
        original = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *args: scheduled.append(args)  # type: ignore
        try:
            with pytest.raises(KeyboardInterrupt, match="1"):
                ws_broadcast([each.transport for each in listeners], BINARY, bytes(8 << 20))
        finally:
            loop.call_soon_threadsafe = original  # type: ignore[method-assign]
        assert [str(args[-1]) for args in scheduled] == ["2"]
        for each, peer in zip(listeners, peers, strict=True):
            each.transport.disconnect(graceful=False)
            await each.until_disconnected()
            await peer.close()
