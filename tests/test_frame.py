"""WSFrame: what its members say, and that what it shows stays what it was."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable, Iterator

import pytest
from support import driven
from support.driven import DrivenTransport

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport
from picows.testing import recorder as ours
from picows.testing import wire
from picows.testing.wire import Frame

TYPES = [WSMsgType.CONTINUATION, WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG]
Look = Callable[[WSFrame], object]


class Looker(WSListener):
    """Calls `look` with each frame while its callback lasts."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self.seen: list[object] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.seen.append(self._look(frame))


def look_at(look: Look, *frames: Frame, role: str = "client") -> list[object]:
    """What `look` returned for each of the frames, which arrive in one read."""
    listener = Looker(look)

    async def main() -> None:
        transport = await driven.open_as(role, listener, enable_auto_pong=False)
        transport.feed_frames(*frames)

    driven.run(main())
    return listener.seen


def look_once(look: Look, frame: Frame, role: str = "client") -> object:
    (seen,) = look_at(look, frame, role=role)
    return seen


def every_header() -> Iterator[tuple[WSMsgType, bool, int]]:
    for msg_type, fin, rsv in itertools.product(TYPES, (True, False), range(8)):
        if fin or msg_type < WSMsgType.CLOSE:
            yield msg_type, fin, rsv


@pytest.mark.parametrize("role", ["client", "server"])
def test_type_and_flags(role: str) -> None:
    headers = list(every_header())
    frames = [Frame(int(msg_type), b"abc", fin, rsv) for msg_type, fin, rsv in headers]

    def look(frame: WSFrame) -> object:
        return frame.msg_type, frame.fin, frame.rsv1, frame.rsv2, frame.rsv3, frame.payload_size

    expected = [
        (msg_type, fin, bool(rsv & 0b100), bool(rsv & 0b010), bool(rsv & 0b001), 3)
        for msg_type, fin, rsv in headers
    ]
    seen = look_at(look, *frames, role=role)
    assert seen == expected
    for values in seen:
        assert isinstance(values, tuple)
        assert [type(value) for value in values] == [WSMsgType, *[bool] * 4, int]


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 300_000, 2_000_000])
def test_payload(size: int, role: str) -> None:
    payload = (b"0123456789abc" * (size // 13 + 1))[:size]

    def look(frame: WSFrame) -> object:
        assert frame.payload_size == size
        assert frame.get_payload_as_bytes() == payload
        assert frame.get_payload_as_utf8_text() == payload.decode()
        assert frame.get_payload_as_ascii_text() == payload.decode()
        view = frame.get_payload_as_memoryview()
        assert view == payload
        assert view.readonly and view.contiguous and view.format == "B" and view.nbytes == size
        return type(frame.get_payload_as_bytes()), type(frame.get_payload_as_utf8_text())

    assert look_once(look, Frame(wire.TEXT, payload), role) == (bytes, str)


def test_text_that_is_not_ascii() -> None:
    text = "grün 水 🙂 \0"
    frame = Frame(wire.TEXT, text.encode())
    assert look_once(WSFrame.get_payload_as_utf8_text, frame) == text

    def look(frame: WSFrame) -> object:
        with pytest.raises(UnicodeDecodeError):
            frame.get_payload_as_ascii_text()
        return frame.get_payload_as_bytes()

    assert look_once(look, frame) == text.encode()


@pytest.mark.parametrize("payload", [b"\xff", b"abc\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_text_that_is_not_utf8(payload: bytes) -> None:
    def look(frame: WSFrame) -> object:
        with pytest.raises(UnicodeDecodeError):
            frame.get_payload_as_utf8_text()
        return frame.get_payload_as_bytes()

    assert look_once(look, Frame(wire.TEXT, payload)) == payload


def test_a_payload_cannot_be_written_to() -> None:
    def look(frame: WSFrame) -> object:
        view = frame.get_payload_as_memoryview()
        with pytest.raises(TypeError, match="read-only"):
            view[0] = 0
        with pytest.raises(TypeError, match="read-only"):
            memoryview(frame)[0] = 0
        return bytes(view)

    assert look_once(look, Frame(wire.BINARY, b"abc")) == b"abc"


SHOWN = ["msg_type", "fin", "rsv1", "rsv2", "rsv3", "last_in_buffer", "tail_size", "payload_size"]
MEMBERS = [*SHOWN, "received_at", "kernel_time_ns"]


@pytest.mark.parametrize("name", MEMBERS)
def test_members_are_read_only(name: str) -> None:
    def look(frame: WSFrame) -> object:
        value = getattr(frame, name)
        with pytest.raises(AttributeError):
            setattr(frame, name, value)
        with pytest.raises(AttributeError):
            delattr(frame, name)
        return getattr(frame, name) == value

    assert look_once(look, Frame(wire.BINARY, b"abc"))


def test_members_are_documented() -> None:
    public = [name for name in vars(WSFrame) if not name.startswith("_")]
    assert set(MEMBERS) < set(public)
    assert all(getattr(WSFrame, name).__doc__ for name in public)


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", WSCloseCode.NO_INFO, None),
        (b"\x03\xe8", WSCloseCode.OK, None),
        (b"\x03\xf3" + "schön".encode(), WSCloseCode.INTERNAL_ERROR, "schön"),
        (b"\x0b\xb8why", 3000, "why"),
        (b"\x13\x87" + b"x" * 123, 4999, "x" * 123),
    ],
)
def test_close(payload: bytes, code: int, reason: str | None) -> None:
    def look(frame: WSFrame) -> object:
        return frame.get_close_code(), frame.get_close_message(), frame.get_close_reason()

    message = None if reason is None else reason.encode()
    seen = look_once(look, Frame(wire.CLOSE, payload))
    assert seen == (code, message, reason)
    assert isinstance(seen, tuple) and type(seen[0]) is type(code)


@pytest.mark.parametrize("msg_type", TYPES)
@pytest.mark.parametrize(
    "method", [WSFrame.get_close_code, WSFrame.get_close_message, WSFrame.get_close_reason]
)
def test_only_close_frames_have_a_close_code(method: Look, msg_type: WSMsgType) -> None:
    def look(frame: WSFrame) -> object:
        with pytest.raises(ValueError, match="CLOSE"):
            method(frame)
        return True

    assert look_once(look, Frame(int(msg_type), b"\x03\xe8"))


def test_str_shows_what_is_on_the_wire() -> None:
    frames = [Frame(wire.TEXT, b"abc", fin=False, rsv=0b101), Frame(wire.CLOSE)]
    assert look_at(str, *frames) == [
        "WSFrame(msg_type=TEXT, fin=0, rsv1=1, rsv2=0, rsv3=1, "
        "last_in_buffer=0, payload_size=3, tail_size=2)",
        "WSFrame(msg_type=CLOSE, fin=1, rsv1=0, rsv2=0, rsv3=0, "
        "last_in_buffer=1, payload_size=0, tail_size=0)",
    ]
    (shown,) = look_at(str, frames[0])
    assert all(f"{name}=" in str(shown) for name in SHOWN)


class Kept(ours.Recorder):
    """Keeps the frames themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[WSFrame] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.kept.append(frame)
        super().on_ws_frame(transport, frame)


@pytest.mark.parametrize("role", ["client", "server"])
async def test_frames_packed_into_one_segment(role: str) -> None:
    frames = [Frame(wire.BINARY, b"x" * size) for size in (0, 5, 126, 70_000, 1)]
    cut_off = Frame(wire.BINARY, b"y" * 10)
    async with ours.paired(role, Kept) as pair:
        data = [wire.encode(frame, pair.peer.key) for frame in frames]
        start = wire.encode(cut_off, pair.peer.key)[:-1]
        # One segment of loopback's maximum size of 64 KiB would not do: the first read has to
        # see everything, so the listener's first look is after everything was sent.
        pair.peer.send_bytes(b"".join(data) + start)
        await pair.peer.writer.drain()
        await pair.listener.until_frames(len(frames))
        kept = pair.listener.kept
        assert [frame.payload_size for frame in kept] == [0, 5, 126, 70_000, 1]
        for i, frame in enumerate(kept):
            behind = sum(map(len, data[i + 1 :])) + len(start)
            assert frame.tail_size <= behind
            if frame.last_in_buffer:
                following = len(data[i + 1]) if i + 1 < len(data) else len(start) + 1
                assert frame.tail_size < following
        small = [frame for frame in kept[:3] if frame.tail_size]
        assert small, "the first frames arrived together"
        assert not small[0].last_in_buffer


@pytest.mark.parametrize("role", ["client", "server"])
def test_tail_size_and_last_in_buffer(role: str) -> None:
    # All small enough to be completed in the chunk that all connections share.
    sizes = [0, 5, 126, 60_000, 1]
    frames = [Frame(wire.BINARY, b"x" * size) for size in sizes]

    for cut in range(1, 12):
        listener = Looker(lambda frame: (frame.tail_size, frame.last_in_buffer))

        async def main(cut: int = cut, listener: Looker = listener) -> None:
            transport = await driven.open_as(role, listener)
            data = [wire.encode(frame, transport.key) for frame in frames]
            whole = b"".join(data)
            transport.feed(whole[:-cut])
            transport.feed(whole[-cut:])
            ends = list(itertools.accumulate(map(len, data)))
            first = [
                (len(whole) - cut - end, later > len(whole) - cut)
                for end, later in zip(ends, [*ends[1:], len(whole)], strict=True)
                if end <= len(whole) - cut
            ]
            second = [(len(whole) - end, end == ends[-1]) for end in ends[len(first) :]]
            assert listener.seen == first + second

        driven.run(main())


def _pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def payloads(count: int, size: int) -> list[bytes]:
    """Different ones, whose every byte says where it belongs."""
    return [
        (number.to_bytes(4, "big") * (size // 4 + 1))[: max(0, size - number % 7)]
        for number in range(count)
    ]


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("size", [1, 10, 200, 70_000, 300_000])
def test_frames_cut_at_every_offset_around_the_end_of_the_chunk(size: int, role: str) -> None:
    """The frame behind the first one begins `offset` bytes before the end of the first read."""
    payload, after = payloads(2, size)

    async def one(transport: DrivenTransport, listener: Kept, offset: int) -> None:
        head_size = len(wire.encode(Frame(wire.BINARY, b"x" * 70_000), transport.key)) - 70_000
        first = b"x" * (driven.READ_SIZE_MAX - head_size - offset)
        transport.feed_frames(
            Frame(wire.BINARY, first), Frame(wire.BINARY, payload), Frame(wire.TEXT, after)
        )
        frames, listener.kept = listener.kept, []
        # Another read full of other bytes: what was kept does not notice.
        transport.feed_frames(Frame(wire.BINARY, b"z" * 100_000))
        assert listener.kept.pop().get_payload_as_bytes() == b"z" * 100_000
        for frame, sent in zip(frames, (first, payload, after), strict=True):
            assert frame.get_payload_as_memoryview() == sent

    async def main() -> None:
        listener = Kept()
        transport = await driven.open_as(role, listener)
        for offset in range(size + 20 if size <= 200 else 30):
            await one(transport, listener, offset)
        # One byte more than a large frame shows that a read took all there was.
        assert max(transport.read_sizes) <= max(driven.READ_SIZE_MAX, size + 14 + 1)

    driven.run(main())


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("first", [Kept, ours.Recorder])
@pytest.mark.parametrize("read_size_max", [100_000, 400_000, 1_500_000])
def test_large_frames_one_after_the_other(
    read_size_max: int, first: type[ours.Recorder], role: str
) -> None:
    """Whole in one read or in pieces, in turns with another connection, kept or not."""
    messages = payloads(8, 1_000_000)
    small = Frame(wire.TEXT, b"small")

    async def main() -> None:
        listeners = first(), ours.Recorder()
        transports = [await driven.open_as(role, listener) for listener in listeners]
        for number, message in enumerate(messages):
            data = wire.encode(Frame(wire.BINARY, message), transports[0].key)
            between = wire.encode(small, transports[0].key)
            # The first part is what one read gets: alone, or behind a small frame.
            if is_behind := number % 2:
                data = between + data
            cut = len(data) * (number + 1) // 9
            for transport in transports:
                transport.feed(data[:cut], read_size_max)
            for transport in transports:
                transport.feed(data[cut:], read_size_max)
                if not is_behind:
                    transport.feed(between)
        for listener in listeners:
            received = [frame.payload for frame in listener.frames]
            assert [payload for payload in received if payload != small.payload] == messages
            assert received.count(small.payload) == len(messages)
        if isinstance(listeners[0], Kept):
            kept = [frame.get_payload_as_bytes() for frame in listeners[0].kept]
            assert kept == [frame.payload for frame in listeners[0].frames]
        assert max(transports[0].read_sizes) <= 1_000_000 + 14 + 1

    driven.run(main())


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("read_size_max", [1, 2, 3, 7, 13, 64, 4096])
def test_small_reads(read_size_max: int, role: str) -> None:
    sizes = [0, 1, 125, 126, 127, 300, 65_535, 65_536] if read_size_max > 5 else [0, 1, 125, 126]
    frames = [Frame(wire.BINARY, _pattern(size)) for size in sizes]

    async def main() -> None:
        listener = Kept()
        transport = await driven.open_as(role, listener)
        transport.feed_frames(*frames, read_size_max=read_size_max)
        assert listener.frames == frames
        assert [frame.get_payload_as_bytes() for frame in listener.kept] == [
            frame.payload for frame in frames
        ]

    driven.run(main())


@pytest.mark.parametrize("class_", [WSFrame, WSTransport])
def test_instances_come_from_the_library_only(class_: type) -> None:
    with pytest.raises(TypeError):
        class_()
    with pytest.raises(TypeError):
        object.__new__(class_)
    with pytest.raises(TypeError):
        class_.__new__(class_)
    with pytest.raises(TypeError):
        type("Derived", (class_,), {})


def test_a_frame_is_not_copied() -> None:
    def look(frame: WSFrame) -> object:
        for make in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                make(frame)
        return True

    assert look_once(look, Frame(wire.BINARY, b"abc"))
