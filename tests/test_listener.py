"""WSListener: subclasses in Python, the defaults, and exceptions that no library may swallow."""

from __future__ import annotations

import asyncio
import copy
import dis
import gc
import logging
import pickle
import sys
import weakref
from abc import ABC, abstractmethod
from typing import Any

import pytest
from support import driven

from picows import WSFrame, WSListener, WSTransport, ws_connect
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

CALLBACKS = ["on_ws_connected", "on_ws_frame", "on_ws_disconnected"]


class Initialised(WSListener):
    def __init__(self, number: int, *names: str, **options: int) -> None:
        super().__init__()
        self.given = (number, names, options)


class Slots(WSListener):
    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Mixin:
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.mixed = frame.payload_size


class Mixed(Mixin, WSListener):
    pass


def test_init_with_arguments() -> None:
    assert Initialised(1, "a", "b", c=3).given == (1, ("a", "b"), {"c": 3})
    assert Slots(5).number == 5
    with pytest.raises(TypeError):
        Initialised()
    # Code written for the Cython library passes arguments to super().__init__() now and then.
    assert isinstance(WSListener(), WSListener)


@pytest.mark.skipif(
    sys.version_info[:2] not in [(3, 11), (3, 12)],
    reason="newer versions have no place for attributes in instances of types written in C",
)
def test_the_interpreter_specialises_the_attributes_of_a_listener() -> None:
    class Counter(WSListener):
        def __init__(self) -> None:
            self.count = 0

        def read(self) -> int:
            return self.count

    counter = Counter()
    for _ in range(100):
        counter.read()
    names = [step.opname for step in dis.get_instructions(Counter.read, adaptive=True)]
    assert "LOAD_ATTR_INSTANCE_VALUE" in names
    counter.__dict__["count"] = 2
    assert counter.read() == 2


def test_an_abstract_listener_is_not_made() -> None:
    class Abstract(WSListener, ABC):
        @abstractmethod
        def answer(self) -> str: ...

    class Concrete(Abstract):
        def answer(self) -> str:
            return "yes"

    with pytest.raises(TypeError, match="abstract"):
        Abstract()
    assert Concrete().answer() == "yes"


def test_an_init_that_never_calls_super() -> None:
    class Plain(WSListener):
        def __init__(self) -> None:
            self.frames: list[int] = []

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            self.frames.append(frame.payload_size)

    listener = Plain()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"abc"))

    driven.run(main())
    assert listener.frames == [3]


def test_an_override_from_a_mixin() -> None:
    listener = Mixed()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"abc"))

    driven.run(main())
    assert listener.mixed == 3


def test_an_override_put_on_the_instance() -> None:
    """Tests of users do that, with mocks."""
    seen: list[Any] = []
    listener = ours.Recorder()
    listener.on_ws_frame = lambda transport, frame: seen.append(frame.payload_size)  # type: ignore[method-assign]
    listener.pause_writing = lambda: seen.append("pause")  # type: ignore[method-assign]
    listener.resume_writing = lambda: seen.append("resume")  # type: ignore[method-assign]

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"abc"))
        transport.protocol.pause_writing()
        transport.protocol.resume_writing()

    driven.run(main())
    assert seen == [3, "pause", "resume"]


def test_super_calls_of_every_default() -> None:
    returned: dict[str, Any] = {}

    class Calls(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            returned["on_ws_connected"] = super().on_ws_connected(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            returned["on_ws_frame"] = super().on_ws_frame(transport, frame)
            returned[f"is pong {frame.msg_type}"] = self.is_user_specific_pong(frame)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            returned["on_ws_disconnected"] = super().on_ws_disconnected(transport)

        def send_user_specific_ping(self, transport: WSTransport) -> None:
            returned["send_user_specific_ping"] = super().send_user_specific_ping(transport)

        def is_user_specific_pong(self, frame: WSFrame) -> bool:
            return super().is_user_specific_pong(frame)

        def pause_writing(self) -> None:
            returned["pause_writing"] = super().pause_writing()

        def resume_writing(self) -> None:
            returned["resume_writing"] = super().resume_writing()

    listener = Calls()

    async def main() -> None:
        transport = await driven.connect(listener, enable_auto_pong=False)
        transport.feed_frames(Frame(wire.PONG, b"abc"), Frame(wire.PING), Frame(wire.TEXT))
        listener.send_user_specific_ping(transport.protocol.transport)
        assert bytes(transport.written[:2]) == b"\x89\x80"  # a PING without payload, masked
        transport.protocol.pause_writing()
        transport.protocol.resume_writing()
        ws_transport = transport.protocol.transport
        ws_transport.disconnect()
        await ws_transport.wait_disconnected()

    driven.run(main())
    is_pong = {f"is pong {n}": n == wire.PONG for n in (wire.PONG, wire.PING, wire.TEXT)}
    names = [*CALLBACKS, "send_user_specific_ping", "pause_writing", "resume_writing"]
    assert returned == dict.fromkeys(names) | is_pong


def test_a_listener_without_overrides(caplog: pytest.LogCaptureFixture) -> None:
    """The defaults do nothing, but that those about flow control write a warning."""

    async def main() -> None:
        transport = await driven.connect(WSListener())
        transport.feed_frames(Frame(wire.TEXT, b"abc"), Frame(wire.PING, b"ping"))
        with caplog.at_level(logging.WARNING):
            transport.protocol.pause_writing()
            transport.protocol.resume_writing()
        assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
        transport.protocol.transport.disconnect()
        await transport.protocol.transport.wait_disconnected()

    driven.run(main())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("on_ws_connected", 1),
        ("on_ws_frame", 2),
        ("on_ws_disconnected", 1),
        ("send_user_specific_ping", 1),
        ("is_user_specific_pong", 1),
        ("pause_writing", 0),
        ("resume_writing", 0),
    ],
)
def test_wrong_number_of_arguments(name: str, count: int) -> None:
    method = getattr(WSListener(), name)
    for wrong in {0, 1, 2, 3} - {count}:
        with pytest.raises(TypeError, match=name):
            method(*[None] * wrong)
    with pytest.raises(TypeError):
        method(*[None] * count, extra=1)
    assert method.__doc__


def test_defaults_take_objects_of_other_types_without_a_crash() -> None:
    listener = WSListener()
    assert listener.on_ws_frame(None, None) is None  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        listener.send_user_specific_ping(object())  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        listener.is_user_specific_pong(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        WSListener.on_ws_frame(object(), None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("callback", CALLBACKS)
def test_an_override_of_the_wrong_arity(callback: str) -> None:
    """A TypeError like that of any call; on a client wait_disconnected() raises it."""
    listener = type("Wrong", (WSListener,), {callback: lambda self: None})()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT))
        ws_transport = transport.protocol.transport
        ws_transport.disconnect()
        with pytest.raises(TypeError, match="positional argument"):
            await ws_transport.wait_disconnected()

    driven.run(main())


def test_weak_references_and_cycles() -> None:
    class Node(WSListener):
        pass

    for class_ in (WSListener, Node, Slots):
        listener = class_(1) if class_ is Slots else class_()
        reference = weakref.ref(listener)
        assert reference() is listener
        del listener
        assert reference() is None

    node = Node()
    node.node = node  # type: ignore[attr-defined]
    reference = weakref.ref(node)
    del node
    gc.collect()
    assert reference() is None


def test_a_cycle_of_connection_and_listener_is_collected() -> None:
    """Abandoned in the middle of the connection, with nothing of it closed."""

    async def main() -> weakref.ref[Any]:
        listener = ours.Recorder()  # keeps the transport, which keeps the listener
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"abc"))
        transport.feed(wire.encode(Frame(wire.TEXT, b"x" * 300_000))[:-1])
        return weakref.ref(listener)

    with asyncio.Runner(loop_factory=driven.DrivenLoop) as runner:
        reference = runner.run(main())
    gc.collect()
    assert reference() is None


def test_copies_and_pickles() -> None:
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            make(WSListener())


def test_a_class_that_is_no_listener() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="WSListener"):
            await driven.connect(object())  # type: ignore[arg-type]

    driven.run(main())


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("callback", ["on_ws_frame", "on_ws_disconnected"])
def test_a_fatal_exception_reaches_the_event_loop(
    callback: str, exception: type[BaseException]
) -> None:
    def override(self: WSListener, *args: Any) -> None:
        raise exception("stop")

    listener = type("Fatal", (WSListener,), {callback: override})()

    async def main() -> None:
        # On a server: a client's wait_disconnected() would raise it again, through the event loop.
        transport = await driven.open_as("server", listener)
        ws_transport = transport.protocol.transport
        waiting = asyncio.create_task(ws_transport.wait_disconnected())
        await asyncio.sleep(0)
        feed, lose = transport.feed_frames, transport.protocol.connection_lost
        with pytest.raises(exception, match="stop"):
            feed(Frame(wire.TEXT)) if callback == "on_ws_frame" else lose(None)
        if callback == "on_ws_frame":
            lose(None)
        async with asyncio.timeout(1):
            await waiting

    driven.run(main())


async def test_a_factory_that_raises() -> None:
    def factory() -> WSListener:
        raise LookupError("no listener")

    async with ours.serving(lambda request: WSListener()) as port:
        with pytest.raises(LookupError, match="no listener"):
            await ws_connect(factory, ours.URL.format(port))
