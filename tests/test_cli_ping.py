"""`python -m picows ping`, as a process."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest
from support import command

from picows import WSListener
from picows.testing.peers import raw_server
from picows.testing.recorder import URL, serving
from picows.testing.wire import PING, PONG, Frame, close


async def ping(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(command.run, "ping", *arguments, **environment)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "█"), ("ascii", "#")])
async def test_lines_as_they_come_and_a_histogram(encoding: str, bar: str) -> None:
    """In ASCII it ended with a UnicodeEncodeError of the histogram."""
    pytest.importorskip("rich")
    async with serving(lambda _: WSListener()) as port:
        arguments = [URL.format(port), "--count", "3", "--interval", "0.01"]
        status, out, err = await ping(*arguments, PYTHONIOENCODING=encoding)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].split() == ["number", "time", "p50", "p90", "p99", "max"]
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert "3 answered, 0 missing" in out
    assert "p99.9" in out
    assert bar * 40 in out


async def test_only_the_answer_to_its_own_ping_counts() -> None:
    async with raw_server() as server:
        url = URL.format(server.port)
        running = asyncio.create_task(
            ping(url, "--json", "--count", "2", "--interval", "0.01", "--wait", "0.2")
        )
        peer = await server.accept_upgraded()
        first = await peer.read_frame()
        assert first.opcode == PING
        peer.send(Frame(PONG), Frame(PONG, b"another"))  # and then nothing
        second = await peer.read_frame()
        assert second.payload != first.payload
        peer.send(Frame(PONG, first.payload), Frame(PONG, second.payload))
        assert await peer.read_frame() == close(1000)
        peer.send(close(1000))
        await peer.close()
        status, out, _ = await running
    result = json.loads(out)
    assert (status, result["answered"], result["missing"]) == (4, 1, 1)
    assert result["seconds"]["min"] == result["seconds"]["max"] > 0


@pytest.mark.parametrize(("code", "status"), [(None, 4), (1001, 4), (1011, 5)])
async def test_the_end_of_the_connection(code: int | None, status: int) -> None:
    async with raw_server() as server:
        running = asyncio.create_task(ping(URL.format(server.port), "--json"))
        peer = await server.accept_upgraded()
        await peer.read_frame()
        if code:
            peer.send(close(code))
        await peer.close()
        assert (await running)[0] == status


@pytest.mark.parametrize(("more", "status"), [([], 0), (["--count", "9999"], 130)])
async def test_ctrl_c(more: list[str], status: int) -> None:
    pytest.importorskip("rich")
    async with serving(lambda _: WSListener()) as port:
        arguments = ["ping", URL.format(port), "--interval", "0.01", *more]
        with command.started(*arguments) as process:
            assert process.stdout is not None
            line = ""
            while line.split()[:1] != ["3"]:
                line = await asyncio.to_thread(process.stdout.readline)
            process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(process.wait, command.SECONDS_MAX) == status
            assert "answered, 0 missing" in process.stdout.read()


async def test_no_connection() -> None:
    status, out, err = await ping("ws://127.0.0.1:1/", "--json")
    assert (status, out) == (1, "")
    assert err.startswith("no connection: ")
