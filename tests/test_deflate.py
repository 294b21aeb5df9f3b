"""The core's inflate and deflate against zlib, in both directions (zig/core/deflate)."""

from __future__ import annotations

import ctypes
import json
import random
import subprocess
import sys
import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from support.deflating import NONE, SYNC, Deflater, Inflater, build

pytestmark = pytest.mark.slow

TAIL = b"\x00\x00\xff\xff"
STRATEGIES = {
    "default": zlib.Z_DEFAULT_STRATEGY,
    "filtered": zlib.Z_FILTERED,
    "huffman-only": zlib.Z_HUFFMAN_ONLY,
    "rle": zlib.Z_RLE,
    "fixed": zlib.Z_FIXED,
}


@pytest.fixture(scope="module")
def lib(setup_py: ModuleType, root: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build(setup_py, root, tmp_path_factory.mktemp("deflate"))


def records(rng: random.Random, count: int) -> bytes:
    rows = [
        {"id": rng.randrange(10**6), "price": f"{rng.uniform(1, 99):.2f}", "side": rng.choice("BS")}
        for _ in range(count)
    ]
    return json.dumps(rows).encode()


@cache
def texts() -> list[bytes]:
    """Of every kind: what repeats near and far, what does not, what is nearly nothing."""
    rng = random.Random(1951)
    noise = rng.randbytes(40_000)
    return [
        b"",
        b"a",
        b"Hello",
        b"\0" * 70_000,
        b"abc" * 300,
        bytes(range(256)) * 20,
        noise[:3_000],
        noise[:32_768] + noise[:300],
        noise[:32_767] + noise[:32_767],
        records(rng, 15),
        records(rng, 600),
        bytes(rng.choice(b"ab") for _ in range(20_000)),
        bytes(min(255, int(rng.expovariate(0.1))) for _ in range(20_000)),
    ]


def cuts(rng: random.Random, data: bytes, size_max: int) -> list[bytes]:
    places = [0]
    while places[-1] < len(data):
        places.append(min(len(data), places[-1] + rng.randint(1, size_max)))
    return [data[a:b] for a, b in pairwise(places)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_zlib_makes_at_all_levels_with_all_windows(lib: ctypes.CDLL, strategy: str) -> None:
    for level in range(10):
        for window_bits in range(9, 16):
            memory = 1 + (level + window_bits) % 9
            deflater = zlib.compressobj(
                level, zlib.DEFLATED, -window_bits, memory, STRATEGIES[strategy]
            )
            inflater = Inflater(lib, window_bits)
            for text in texts()[:10]:
                data = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
                assert inflater.all(data, 1 + len(text)) == text
                assert inflater.is_between_blocks


@pytest.mark.parametrize(
    "flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK]
)
def test_streams_cut_anywhere_with_any_room(lib: ctypes.CDLL, flush: int) -> None:
    rng = random.Random(flush)
    for round_number in range(60):
        window_bits = rng.randint(9, 15)
        deflater = zlib.compressobj(rng.randrange(10), zlib.DEFLATED, -window_bits)
        data, expected = b"", b""
        for _ in range(3):
            text = rng.choice(texts())[: rng.randrange(4_000)]
            data += deflater.compress(text) + deflater.flush(flush)
            expected += text
        data += deflater.flush(zlib.Z_SYNC_FLUSH)
        inflater = Inflater(lib, window_bits)
        found = b""
        for piece in cuts(rng, data, rng.choice([1, 2, 10, 1000])):
            found += inflater.all(piece, rng.choice([1, 2, 3, 100, 5000]))
            assert not inflater.has_failed, round_number
        assert found == expected
        assert inflater.is_between_blocks


@pytest.mark.parametrize("level", range(1, 10))
def test_zlib_reads_what_we_make_with_all_windows(lib: ctypes.CDLL, level: int) -> None:
    """8 bits among them, which zlib itself cannot deflate."""
    rng = random.Random(level)
    for window_bits in range(8, 16):
        for takes_over in (True, False):
            deflater = Deflater(lib, level, window_bits)
            inflater = zlib.decompressobj(-window_bits)
            for text in texts():
                if not takes_over:
                    deflater.forget()
                    inflater = zlib.decompressobj(-window_bits)
                pieces = [text] if rng.random() < 0.7 else cuts(rng, text, 9_000)
                data = b"".join(deflater.run(piece, NONE) for piece in pieces[:-1])
                data += deflater.run(pieces[-1] if pieces else b"", SYNC)
                assert data.endswith(TAIL)
                assert inflater.decompress(data) == text


def test_both_say_the_same_of_streams_that_are_wrong(lib: ctypes.CDLL) -> None:
    """And of some that are right: zlib stops where a final block ends, we go on."""
    rng = random.Random(7692)
    wrong = 0
    for _ in range(2_000):
        text = rng.choice(texts())[: rng.randrange(700)]
        deflater = zlib.compressobj(
            rng.randrange(10), zlib.DEFLATED, -15, 9, rng.choice([*STRATEGIES.values()])
        )
        data = bytearray(deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))
        for _ in range(rng.randrange(4)):
            # Often at the beginning, where the codes are.
            place = rng.randrange(min(len(data), rng.choice([2, 60, 1000])))
            data[place] ^= 1 << rng.randrange(8)
        inflater = zlib.decompressobj(-15)
        try:
            expected = inflater.decompress(data)
        except zlib.error:
            expected = None
            wrong += 1
        ours = Inflater(lib, 15)
        found = ours.all(bytes(data))
        if expected is None:
            assert ours.has_failed
        elif inflater.eof:
            assert found.startswith(expected)
        elif ours.has_failed:
            # A code of code lengths without a symbol: zlib reads on until it misses one.
            with pytest.raises(zlib.error):
                inflater.decompress(bytes(100))
        else:
            assert found == expected
    assert wrong > 200


def test_json_is_nearly_as_small_as_zlib_makes_it(lib: ctypes.CDLL) -> None:
    """Within three points of level 6 at the default level, and at level 9 of level 9."""
    rng = random.Random(33)
    for rows in (20, 600):
        messages = [records(rng, rows) for _ in range(20)]
        for level in (6, 9):
            for window_bits in (12, 15):
                deflater = Deflater(lib, level, window_bits)
                theirs = zlib.compressobj(level, zlib.DEFLATED, -window_bits, 8)
                ours_size = theirs_size = 0
                for message in messages:
                    ours_size += len(deflater.run(message))
                    theirs_size += len(theirs.compress(message) + theirs.flush(zlib.Z_SYNC_FLUSH))
                assert ours_size - theirs_size <= 0.03 * sum(map(len, messages))


def test_a_connection_keeps_a_quarter_of_what_zlib_keeps(lib: ctypes.CDLL) -> None:
    """The setting of `websockets`: 12 bits, a memory level of 5; measured 51 and 28 KiB."""
    size = lib.deflater_memory(6, 12) + lib.inflater_memory(12)
    assert size <= 0.25 * (51 + 28) * 1024


def test_the_benchmark_has_figures(root: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.deflate", "--tiny"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    header, line, *rows = done.stdout.splitlines()
    assert len(rows) == 18
    assert {row.count("|") for row in [header, line, *rows]} == {13}
