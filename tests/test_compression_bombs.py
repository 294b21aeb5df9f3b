"""A MiB that inflates to a GiB (one byte is 1,032 at the most): the limit is what it costs."""

from __future__ import annotations

import functools
import resource
import subprocess
import sys
import zlib

import pytest
from support.compressing import RSV1, Deflater, compressing

from picows import WSPermessageDeflate
from picows.testing import wire
from picows.testing.wire import Frame

MIB = 1 << 20
LIMIT = MIB
CLOSED = wire.close(1009, "message is larger than the limit")
ROLES = pytest.mark.parametrize("role", ["client", "server"])


@functools.cache
def bomb() -> bytes:
    """A GiB of zeros, 64 MiB at a time: about a MiB."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = deflater.compress(bytes(64 * MIB)) + deflater.flush(zlib.Z_FULL_FLUSH)
    whole = part * 16
    assert len(whole) < 1.03 * MIB
    return whole + b"\0"


def frames(payload: bytes, size: int) -> list[Frame]:
    """A compressed message in fragments of `size` bytes."""
    starts = range(0, len(payload), size)
    return [
        Frame(0 if i else 2, payload[i : i + size], i + size >= len(payload), 0 if i else RSV1)
        for i in starts
    ]


@ROLES
@pytest.mark.parametrize("size", [1 << 21, 64 * 1024, 1024], ids=["whole", "64 KiB", "1 KiB"])
async def test_it_is_refused_at_the_limit(role: str, size: int) -> None:
    options = WSPermessageDeflate(max_message_size=LIMIT)
    async with compressing(role, deflate=options) as pair:
        pair.peer.send(*frames(bomb(), size))
        assert (await pair.peer.read_rest())[-1] == CLOSED
        received = [len(frame.payload) for frame in pair.listener.frames]
        assert sum(received) <= LIMIT


@ROLES
@pytest.mark.parametrize("size", [1 << 21, 300], ids=["whole", "fragments"])
async def test_the_limit_is_exact(role: str, size: int) -> None:
    for more in (-1, 0, 1):
        options = WSPermessageDeflate(max_message_size=LIMIT)
        payload = Deflater().message(bytes(LIMIT + more))
        async with compressing(role, deflate=options) as pair:
            sent = frames(payload, size)
            pair.peer.send(*sent)
            if more > 0:
                assert (await pair.peer.read_rest())[-1] == CLOSED
            else:
                received = await pair.listener.until_frames(len(sent))
                assert b"".join(frame.payload for frame in received) == bytes(LIMIT + more)


async def measure(limit: int, size: int) -> int:
    """How many bytes the process has grown by while the bomb came."""
    options = WSPermessageDeflate(max_message_size=limit)
    sent = frames(bomb(), size)
    async with compressing("server", deflate=options) as pair:
        pair.peer.send(Frame(2, bytes(MIB)))
        await pair.listener.until_frames(1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pair.peer.send(*sent)
        assert (await pair.peer.read_rest())[-1] == CLOSED
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize("mebibytes", [1, 16])
@pytest.mark.parametrize("size", [1 << 21, 16 * 1024], ids=["whole", "fragments"])
def test_the_memory_is_that_of_the_limit(mebibytes: int, size: int) -> None:
    """In a process of its own: what others have used before would hide it."""
    program = (
        "import asyncio; from test_compression_bombs import MIB, bomb, measure; bomb();"
        f"print(asyncio.run(measure({mebibytes} * MIB, {size})))"
    )
    folder = __file__.rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    # What was sent and received of the bomb is a MiB each; output grows by doubling.
    assert int(done.stdout) < (2 * mebibytes + 6) * MIB
