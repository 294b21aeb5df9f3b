"""The same bytes to us and to the `websockets` package: the same frames, then the same failure.

Theirs is the sans-I/O protocol that its own connections are built on, ours a connection over a
driven transport with `strict=True`. Where the two differ on purpose, `DIFFERENCES` says so, with
the section of RFC 6455; anything else fails.

`PICOWS_DIFFERENTIAL_STREAMS=100000 pytest tests/test_differential.py` compares more streams.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass

import pytest
from support import driven, model, streams
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from picows.testing import wire
from picows.testing.recorder import Recorder
from picows.testing.wire import CLOSE, CONTINUATION, PING, TEXT, Frame

pytestmark = pytest.mark.slow

STREAMS = int(os.environ.get("PICOWS_DIFFERENTIAL_STREAMS", "1200"))
LIMIT = 5000  # of one frame's payload
ROLES = ["client", "server"]

DIFFERENCES = {
    "header": (
        "5.2",
        "a header is judged when it is complete: they judge opcode, MASK bit and size as they come",
    ),
    "length": (
        "5.2",
        "a length that is not in its shortest form, or has its top bit set, is 1002: they take the"
        " one and report the other as 1009, after the MASK bit",
    ),
    "early": (
        "5.2, 5.4, 5.5",
        "reserved bits, control frames and the order of fragments are judged on the header: they"
        " wait for the payload, or find it too large first",
    ),
    "text": (
        "8.1",
        "TEXT that is not UTF-8 is 1007 at its first wrong byte: they decode a message when its"
        " last frame is there, and leave it to the layer above",
    ),
    "close in fragments": (
        "5.4",
        "a CLOSE may be injected in the middle of a fragmented message: they report 1002",
    ),
    "close payload": (
        "7.4",
        "a code that may not be sent is reported before a reason that is not UTF-8: they decode the"
        " reason first (1007)",
    ),
}


@dataclass(frozen=True)
class Result:
    frames: list[Frame]
    failure: int | None


async def ours(role: str, pieces: list[bytes]) -> Result:
    listener = Recorder()
    transport = await driven.open_as(
        role, listener, strict=True, max_frame_size=LIMIT, enable_auto_pong=False
    )
    for piece in pieces:
        transport.feed(piece)
    answers = model.receive(bytes(transport.written), is_server=role == "client").frames
    assert len(answers) <= 1
    failure = int.from_bytes(answers[0].payload[:2], "big") if answers else None
    return Result(listener.frames, failure)


def theirs(role: str, pieces: list[bytes]) -> Result:
    limits = (None, LIMIT)  # of a message and of a frame
    protocol: ClientProtocol | ServerProtocol
    if role == "client":
        protocol = ClientProtocol(parse_uri("ws://a/"), state=State.OPEN, max_size=limits)
    else:
        protocol = ServerProtocol(state=State.OPEN, max_size=limits)
    for piece in pieces:
        protocol.receive_data(piece)
    frames = []
    for event in protocol.events_received():
        rsv = event.rsv1 << 2 | event.rsv2 << 1 | event.rsv3
        frames.append(Frame(int(event.opcode), bytes(event.data), event.fin, rsv))
    if protocol.parser_exc is None:
        return Result(frames, None)
    assert protocol.close_sent is not None
    return Result(frames, int(protocol.close_sent.code))


def difference(role: str, data: bytes, our: Result, their: Result) -> str | None:
    """Which of the differences explains that the two results are not the same."""
    count = min(len(our.frames), len(their.frames))
    if our.frames[:count] != their.frames[:count]:
        return None
    # The frame at which they part is the next one.
    rest = data[sum(sizes_of(data)[:count]) :]
    header = model.read_header(rest)
    if header is None:
        they_are_early = their in (Result(our.frames, 1002), Result(our.frames, 1009))
        return "header" if our.failure is None and they_are_early else None
    shown = (len(our.frames) - count, our.failure, len(their.frames) - count, their.failure)
    if shown[:2] == (0, 1002):
        if not header.is_minimal or header.size >= 1 << 63:
            return "length"
        if is_wrong_on_header(header, is_open(our.frames)) and shown[2:] in ((0, None), (0, 1009)):
            return "early"
        if header.opcode == CLOSE and shown[2:] == (0, 1007):
            return "close payload"
    if shown[:2] == (0, 1007) and header.opcode in (TEXT, CONTINUATION):
        wanted = model.receive(data, is_server=role == "server", strict=True, max_frame_size=LIMIT)
        return "text" if wanted.failure == 1007 else None
    is_close = header.opcode == CLOSE and shown == (1, None, 0, 1002)
    return "close in fragments" if is_close and is_open(their.frames) else None


def is_wrong_on_header(header: model.Header, is_inside: bool) -> bool:
    if header.opcode in model.CONTROL:
        return bool(header.rsv) or not header.is_fin or header.size > 125
    return bool(header.rsv) or (header.opcode == CONTINUATION) != is_inside


def sizes_of(data: bytes) -> list[int]:
    """Of the frames that stand one after the other, whatever they are."""
    sizes = []
    while (header := model.read_header(data)) is not None:
        sizes.append(header.header_size + header.size)
        data = data[sizes[-1] :]
    return sizes


def is_open(frames: list[Frame]) -> bool:
    data_frames = [frame for frame in frames if frame.opcode < 8]
    return bool(data_frames) and not data_frames[-1].fin


async def compare(role: str, pieces: list[bytes]) -> str | None:
    """None if there is no difference."""
    our, their = await ours(role, pieces), theirs(role, pieces)
    if our == their:
        return None
    data = b"".join(pieces)
    found = difference(role, data, our, their)
    assert found is not None, f"as {role}: {data.hex()}\nours {our}\ntheirs {their}"
    return found


PING_OF_126 = wire.encode(Frame(PING, bytes(126)), wire.MASKING_KEY)
EXAMPLES = [
    # An unknown opcode, and a header without its key.
    ("header", bytes.fromhex("83 80")),
    ("length", bytes.fromhex("82 fe 0001 00000000 ff")),
    ("length", bytes.fromhex("82 ff 8000000000000000 00000000")),
    # A payload that has not arrived, behind a reserved bit and a CONTINUATION of nothing.
    ("early", bytes.fromhex("c1 85 00000000")),
    ("early", bytes.fromhex("80 85 00000000")),
    ("early", PING_OF_126[:-1]),
    ("text", bytes.fromhex("81 82 00000000 61ff")),
    ("close in fragments", bytes.fromhex("01 80 00000000 88 80 00000000")),
    # 1006, and a reason that begins with FF.
    ("close payload", bytes.fromhex("88 83 00000000 03eeff")),
]


@pytest.mark.parametrize(("name", "data"), EXAMPLES)
def test_each_difference_is_there(name: str, data: bytes) -> None:
    async def main() -> None:
        assert await compare("server", [data]) == name

    driven.run(main())


def test_each_difference_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == DIFFERENCES.keys()


@pytest.mark.parametrize("role", ROLES)
def test_the_same_bytes_mean_the_same(role: str) -> None:
    found: Counter[str | None] = Counter()

    async def main() -> None:
        for number in range(STREAMS // len(ROLES)):
            rng = random.Random(f"{role} {number}")
            data = streams.Generator(rng, is_masked=role == "server", is_large=False).stream()
            found[await compare(role, streams.cuts(rng, data))] += 1

    driven.run(main())
    # Most streams need nothing of the list.
    assert found[None] > sum(found.values()) * 2 / 3, found
