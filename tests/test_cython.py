"""picows.pxd: listeners written in Cython, over the structs and tables of the compiled types."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import building, driven
from support.compressing import RSV1, compressing
from support.driven import sent

import picows
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

pytest.importorskip("Cython")
pytestmark = [pytest.mark.slow, building.needs_headers]

SOURCE = Path(__file__).parent / "native" / "listeners.pyx"


@pytest.fixture(scope="module")
def native(root: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return building.load(building.compile_cython(SOURCE, tmp_path_factory.mktemp("cython"), root))


@pytest.mark.parametrize("role", ["client", "server"])
def test_echo(native: ModuleType, role: str) -> None:
    frames = [
        Frame(wire.TEXT, b"hello"),
        Frame(wire.BINARY, bytes(300), fin=False),
        Frame(wire.CONTINUATION, b"rest", rsv=0b101),
        Frame(wire.PONG, b"unasked"),
        wire.close(3001, "bye"),
    ]
    listener = native.Echo()

    async def main() -> None:
        transport = await driven.open_as(role, listener)
        before = time.monotonic()
        transport.feed_frames(*frames)
        (received_at,) = {saw["received_at"] for saw in listener.seen[1:]}
        assert before <= received_at <= time.monotonic()
        assert sent(transport, role) == [*frames[:3], frames[4]]

    driven.run(main())
    seen = listener.seen
    assert (seen[0], seen[-1]) == ("connected", "disconnected")
    for frame, saw in zip(frames, seen[1:-1], strict=True):
        assert saw["payload"] == frame.payload
        assert saw["payload_size"] == len(frame.payload)
        assert saw["msg_type"] is WSMsgType(frame.opcode)
        assert saw["fin"] == frame.fin
        assert saw["kernel_time_ns"] == 0
        assert [saw["rsv1"], saw["rsv2"], saw["rsv3"]] == [frame.rsv >> i & 1 for i in (2, 1, 0)]
    assert [saw["last_in_buffer"] for saw in seen[1:-1]] == [0, 0, 0, 0, 1]
    close_size = len(wire.encode(frames[4], wire.MASKING_KEY if role == "server" else None))
    assert [saw["tail_size"] for saw in seen[1:-1]][-2:] == [close_size, 0]


def test_the_library_calls_without_looking_up(native: ModuleType) -> None:
    listener = native.Echo()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"hello"), wire.close(1000))

    driven.run(main())
    assert not {"on_ws_connected", "on_ws_frame", "on_ws_disconnected"} & set(listener.lookups)


class Keeper(ours.Recorder):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.kept = frame


def test_methods_of_frames(native: ModuleType) -> None:
    listener = Keeper()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"abc"))
        assert native.results(listener.kept) == (b"abc", "abc", "abc", b"abc")
        with pytest.raises(ValueError, match="CLOSE"):
            native.close_results(listener.kept)
        transport.feed_frames(Frame(wire.TEXT, b"\xff"))
        with pytest.raises(UnicodeDecodeError):
            native.results(listener.kept)
        transport.feed_frames(wire.close(1001, "bye"))
        code, message, reason = native.close_results(listener.kept)
        assert code is WSCloseCode.GOING_AWAY and (message, reason) == (b"bye", "bye")

    driven.run(main())


@pytest.mark.parametrize("code", [3000, 4999])
def test_private_close_codes_become_objects(native: ModuleType, code: int) -> None:
    listener = Keeper()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(wire.close(code))

    driven.run(main())
    found = native.close_results(listener.kept)[0]
    assert found == code and isinstance(found, WSCloseCode)


@pytest.mark.parametrize("role", ["client", "server"])
def test_methods_of_transports(native: ModuleType, role: str) -> None:
    listener = ours.Recorder()

    async def main() -> None:
        transport = await driven.open_as(role, listener)
        native.send_everything(listener.transport)
        assert sent(transport, role) == [
            Frame(wire.TEXT, b"text"),
            Frame(wire.BINARY, b"", fin=False),
            Frame(wire.CONTINUATION, b"rest", rsv=0b101),
            Frame(wire.BINARY, b"in place"),
            Frame(wire.TEXT, b"place", fin=False, rsv=0b010),
            Frame(wire.CONTINUATION, b"abc"),
            Frame(wire.PING),
            Frame(wire.PING, b"ping"),
            Frame(wire.PONG, b"pong"),
            wire.close(1001, "bye"),
        ]
        found = native.attributes(listener.transport)
        assert found["is_client_side"] is (role == "client")
        assert found["is_close_frame_sent"] is True
        for name, value in found.items():
            assert value == getattr(listener.transport, name)
        native.disconnect(listener.transport)

    driven.run(main())
    assert (
        listener.transport.is_disconnected
        and native.attributes(listener.transport)["is_disconnected"]
    )


@pytest.mark.parametrize("graceful", [None, True, False])
def test_disconnect(native: ModuleType, graceful: bool | None) -> None:
    listener = ours.Recorder()

    async def main() -> None:
        transport = await driven.connect(listener)
        native.send_close(listener.transport)
        assert sent(transport) == [Frame(wire.CLOSE)]
        native.disconnect(listener.transport, graceful)
        await listener.until_disconnected()

    driven.run(main())


METHODS = [
    "send",
    "send_reuse_external_buffer",
    "send_reuse_external_bytearray",
    "send_ping",
    "send_close",
]


async def test_a_message_says_whether_it_is_compressed(native: ModuleType) -> None:
    """None leaves it to the threshold."""
    async with compressing("server") as pair:
        for compress, size, is_compressed in (
            (None, 63, False),
            (None, 64, True),
            (False, 64, False),
            (True, 1, True),
        ):
            native.send_compressed(pair.transport, bytes(size), compress)
            assert (await pair.peer.read_frame()).rsv == (RSV1 if is_compressed else 0)


@pytest.mark.parametrize("how", METHODS)
def test_misuse_raises(native: ModuleType, how: str) -> None:
    listener = ours.Recorder()

    async def main() -> None:
        transport = await driven.connect(listener)
        with pytest.raises(ValueError, match=r"."):
            native.misuse(listener.transport, how)
        assert not transport.written

    driven.run(main())


def test_another_thread_is_refused(native: ModuleType) -> None:
    listener = ours.Recorder()

    async def main() -> None:
        await driven.connect(listener)
        with pytest.raises(RuntimeError, match="thread"):
            await asyncio.to_thread(native.send_everything, listener.transport)

    driven.run(main())


@pytest.mark.parametrize("where", ["on_ws_connected", "on_ws_frame", "on_ws_disconnected"])
async def test_an_exception_goes_the_way_of_a_python_one(native: ModuleType, where: str) -> None:
    async with ours.serving(lambda request: native.Echo()) as port:
        transport, _ = await picows.ws_connect(lambda: native.Raises(where), ours.URL.format(port))
        if where == "on_ws_frame":
            transport.send(WSMsgType.TEXT, "x")
        elif where == "on_ws_disconnected":
            transport.disconnect()
        with pytest.raises(WSProtocolError, match=where):
            await transport.wait_disconnected()
        if where != "on_ws_disconnected":
            assert transport.close_handshake.sent.code == 4000
            assert transport.close_handshake.sent.reason == where


def test_base_class_and_the_callbacks_that_answer(native: ModuleType) -> None:
    listener = native.Answers()

    async def main() -> None:
        transport = await driven.connect(listener)
        assert listener.seen == [None, None]
        measuring = asyncio.create_task(transport.protocol.transport.measure_roundtrip_time(1))
        await asyncio.sleep(0)  # it begins
        assert sent(transport) == [Frame(wire.TEXT, b"are you there")]
        transport.feed_frames(Frame(wire.PONG), Frame(wire.TEXT, b"yes"))
        assert len(await measuring) == 1
        transport.protocol.pause_writing()
        transport.protocol.resume_writing()

    driven.run(main())
    assert listener.seen[2:] == ["ping", True, False, "pause", "resume"]


def python_class(base: type[WSListener]) -> type[Any]:
    class Derived(base):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any) -> None:
            self.frames: list[int] = []

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            self.frames.append(frame.payload_size)
            super().on_ws_frame(transport, frame)

    return Derived


@pytest.mark.parametrize("name", ["Echo", "Answers", "Plain"])
def test_python_class_over_a_cython_class(native: ModuleType, name: str) -> None:
    listener = python_class(getattr(native, name))()

    async def main() -> None:
        transport = await driven.connect(listener)
        transport.feed_frames(Frame(wire.TEXT, b"hello"), Frame(wire.TEXT, b"!"))
        echoed = [Frame(wire.TEXT, b"hello"), Frame(wire.TEXT, b"!")]
        assert sent(transport) == (echoed if name == "Echo" else [])

    driven.run(main())
    assert listener.frames == [5, 1]


def test_instances_give_back_their_class(native: ModuleType) -> None:
    """A static class is not counted; one made in Python over it is, once."""

    classes: list[type[Any]] = [native.Echo, native.Answers, native.Plain, WSListener]
    classes += [python_class(cls) for cls in classes]
    classes.append(python_class(classes[-2]))
    make_and_drop(classes)  # caches fill
    before = list(map(sys.getrefcount, classes))
    for _ in range(10):
        make_and_drop(classes)
    assert list(map(sys.getrefcount, classes)) == before


def make_and_drop(classes: list[type[Any]]) -> None:
    for cls in classes:
        instance = cls()
        gone = weakref.ref(instance)
        del instance
        assert gone() is None


def test_cycles_are_collected(native: ModuleType) -> None:
    gone = cycle(native.Echo())
    gc.collect()
    assert gone() is None


def cycle(listener: Any) -> weakref.ref[Any]:
    async def main() -> None:
        await driven.connect(listener)

    driven.run(main())
    listener.seen.append(listener)
    assert listener.transport is not None
    return weakref.ref(listener)


def test_enums(native: ModuleType) -> None:
    assert native.enums() == (10, 1000, 2)


PROBE = """\
from picows.picows cimport WSListener
cdef class L(WSListener):
    pass
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "void* _chunk",
            "void* _chunk\n        void* more",
            r"WSFrame size changed.*\b(88|104)\b.*\b(80|96)\b",
        ),
        (
            "cdef class WSFrame:",
            "cdef class MemoryBuffer:\n    cdef char* data\n\ncdef class WSFrame:",
            "compiled for another picows.*compile it again",
        ),
    ],
    ids=["another layout", "the Cython library"],
)
def test_a_module_compiled_for_another_pxd_is_refused(
    old: str, new: str, message: str, root: Path, tmp_path: Path
) -> None:
    text = (root / "picows/picows.pxd").read_text("utf-8")
    assert old in text
    (tmp_path / "picows").mkdir()
    (tmp_path / "picows/__init__.py").touch()
    (tmp_path / "picows/picows.pxd").write_text(text.replace(old, new), "utf-8")
    source = tmp_path / "probe.pyx"
    source.write_text(PROBE)
    path = building.compile_cython(source, tmp_path, tmp_path)
    with pytest.raises((ValueError, AttributeError), match=message):
        building.load(path)
