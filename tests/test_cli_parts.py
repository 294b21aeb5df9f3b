"""What the verbs of the command line are made of; picows.loop.run with them."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys

import pytest

from picows import WSMsgType
from picows.cli import arguments, client, latency, lines, loop, notation, screen
from picows.cli.notation import Notation, NotationError


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("256", 256), ("8k", 8192), ("1M", 1 << 20), ("2g", 2 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert arguments.size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5", "1t", "1kk", "9" * 5000, "\u0661"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no size"):
        arguments.size(text)


def test_whole_numbers_have_limits() -> None:
    read = arguments.whole_number(0, 65535)
    assert [read("0"), read("65535")] == [0, 65535]
    for text in ("65536", "-1", "1.0", "", "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 65535"):
            read(text)


def test_headers_from_the_command_line_and_from_a_file(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "headers")
    with open(path, "w") as file:
        file.write("A: 1\n\nB:2: 3\n")
    parser = argparse.ArgumentParser(exit_on_error=False)
    client.add_client_options(parser)
    options = parser.parse_args(["ws://h/", "-H", "C: 4", "--header", f"@{path}"])
    assert options.header == [[("C", "4")], [("A", "1"), ("B", "2: 3")]]
    for wrong in ("no colon", ": nameless", f"@{path}.missing"):
        with pytest.raises(argparse.ArgumentError):
            parser.parse_args(["ws://h/", "-H", wrong])


def test_a_loop_is_what_its_name_says() -> None:
    async def kind() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert loop.run_in_loop("asyncio", kind()) == "asyncio"
    pytest.importorskip("uvloop")
    assert loop.run_in_loop("uvloop", kind()) == "uvloop"


# Latencies


def test_percentiles_are_right_to_half_a_percent() -> None:
    rng = random.Random(1)
    values = sorted(rng.lognormvariate(-9, 1.5) for _ in range(5000))
    latencies = latency.Latencies()
    for value in rng.sample(values, len(values)):
        latencies.add(value)
    for percent in latency.PERCENTILES:
        exact = values[-(-len(values) * int(percent * 10) // 1000) - 1]
        assert latencies.percentile(percent) == pytest.approx(exact, rel=0.0051)
    summary = latencies.summary()
    assert (summary["min"], summary["max"]) == (values[0], values[-1])
    assert summary["mean"] == pytest.approx(sum(values) / len(values))
    assert sum(count for _, _, count in latencies.histogram()) == len(values)


def test_histogram_rows_adjoin_and_hold_what_they_say() -> None:
    latencies = latency.Latencies()
    for value in [1e-4] * 3 + [1e-3] * 5 + [1e-2] * 2:
        latencies.add(value)
    rows = list(latencies.histogram(rows=10))
    assert all(
        end == pytest.approx(start) for (_, end, _), (start, _, _) in itertools.pairwise(rows)
    )
    for value, count in ((1e-4, 3), (1e-3, 5), (1e-2, 2)):
        (found,) = (row for row in rows if row[0] <= value < row[1])
        assert found[2] == count


def test_nothing_has_no_percentiles() -> None:
    nothing = latency.Latencies()
    assert nothing.summary() == {}
    assert list(nothing.histogram()) == []
    with pytest.raises(ValueError, match="no durations"):
        nothing.percentile(50)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.50 s"), (123.4, "123 s"), (0.0123, "12.3 ms"), (4.2e-7, "0.420 us"), (0, "0 us")],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert latency.readable(seconds) == text


# Notation


@pytest.mark.parametrize(
    ("kind", "line", "payload"),
    [
        (Notation.TEXT, "grüße".encode(), "grüße".encode()),
        (Notation.HEX, b"00 ff 10", b"\x00\xff\x10"),
        (Notation.BASE64, b"AP8Q", b"\x00\xff\x10"),
        (Notation.RAW, b"\xff\n", b"\xff\n"),
    ],
)
def test_a_line_and_its_payload(kind: Notation, line: bytes, payload: bytes) -> None:
    assert kind.read(line) == payload


@pytest.mark.parametrize(
    ("kind", "line"), [(Notation.TEXT, b"\xff"), (Notation.HEX, b"xy"), (Notation.BASE64, b"A")]
)
def test_a_line_that_is_not_in_the_notation(kind: Notation, line: bytes) -> None:
    with pytest.raises(NotationError, match="is not"):
        kind.read(line)


def test_how_messages_are_shown() -> None:
    data = b"\x00\xff"
    assert Notation.TEXT.show(WSMsgType.TEXT, b"hi") == b"hi\n"
    assert Notation.TEXT.show(WSMsgType.BINARY, data) == b"00ff\n"
    assert Notation.BASE64.show(WSMsgType.BINARY, data) == b"AP8=\n"
    assert Notation.RAW.show(WSMsgType.BINARY, data) == data
    assert notation.Notation.HEX.msg_type is WSMsgType.BINARY


# The terminal


def test_a_peer_does_not_drive_the_terminal() -> None:
    assert screen.harmless("a\tb\x1b[2Jc\n\x9b\u202e") == "a\tb\\x1b[2Jc\\n\\x9b\\u202e"


def test_without_rich_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(screen.MissingRichError, match=r"pip install 'picows\[cli\]'"):
        screen.make_console()


# Input


@pytest.mark.parametrize("sizes", [[1] * 40, [40], [7, 3, 30]])
def test_lines_of_any_pieces(sizes: list[int]) -> None:
    reading, writing = os.pipe()
    data = "one\r\n\ntwö\nlast without end".encode()
    with os.fdopen(writing, "wb", buffering=0) as file:
        for size in sizes:
            file.write(data[:size])
            data = data[size:]
    assert list(lines.read_lines(reading)) == [b"one", b"", "twö".encode(), b"last without end"]
    os.close(reading)


async def test_input_is_read_no_further_ahead_than_it_is_taken() -> None:
    produced = []

    def produce() -> object:
        for number in range(1000):
            produced.append(number)
            yield b"%d" % number

    source = lines.Input(produce)  # type: ignore[arg-type]
    assert [await source.next() for _ in range(3)] == [b"0", b"1", b"2"]
    assert len(produced) < 100
    rest = [await source.next() for _ in range(998)]
    assert rest[-2:] == [b"999", None]
