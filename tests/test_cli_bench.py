"""`python -m picows bench`, as a process, and the load that it makes (picows.cli.load)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support import command

from picows import WSFrame, WSListener, WSTransport
from picows.testing.recorder import URL, serving
from picows.testing.wire import CLOSE

SHORT = ["--duration", "0.3", "--warmup", "0.05"]


class Echo(WSListener):
    """Changes what a test wants changed."""

    def __init__(self, change: Any = bytes) -> None:
        super().__init__()
        self.change = change
        self.count = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        self.count += 1
        payload = self.change(frame.get_payload_as_bytes())
        if payload is None:
            transport.disconnect(graceful=False)
        else:
            transport.send(frame.msg_type, payload)


async def bench(port: int, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(command.run, "bench", URL.format(port), *SHORT, *arguments)
    return done.returncode, done.stdout, done.stderr


async def test_as_fast_as_echoes_come() -> None:
    listeners: list[Echo] = []

    def factory(request: object) -> Echo:
        listeners.append(Echo())
        return listeners[-1]

    async with serving(factory) as port:
        options = ["--connections", "3", "--size", "1k", "--window", "2", "--json"]
        status, out, err = await bench(port, *options)
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert len(listeners) == 3
    assert 6 <= result["messages"] <= sum(listener.count for listener in listeners)
    assert result["messages_per_second"] == pytest.approx(result["messages"] / 0.3)
    assert (result["size"], result["window"], result["rate"]) == (1024, 2, None)
    seconds = result["seconds"]
    order = ["min", "p50", "p90", "p99", "p99.9", "max"]
    assert [seconds[name] for name in order] == sorted(seconds[name] for name in order)


async def test_at_a_rate_and_as_a_table() -> None:
    pytest.importorskip("rich")
    async with serving(lambda _: Echo()) as port:
        status, out, err = await bench(port, "--rate", "200", "--connections", "2", "--size", "0")
    assert (status, err) == (0, "")
    assert "60 in 0.3 s" in out
    assert "200 messages/s" in out
    assert "latency p99.9" in out


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda payload: payload[:-1], "no echo of what was sent"),
        (lambda payload: bytes(len(payload)), "no echo of what was sent"),
        (lambda payload: None, "a connection was lost"),
    ],
    ids=["shorter", "different", "lost"],
)
async def test_what_is_no_echo_is_found(change: Any, reason: str) -> None:
    async with serving(lambda _: Echo(change)) as port:
        status, out, err = await bench(port, "--json")
    assert (status, out) == (4, "")
    assert reason in err
    assert "Traceback" not in err


async def test_no_connection() -> None:
    status, out, err = await bench(1, "--json")
    assert (status, out) == (1, "")
    assert err.startswith("no connection: ")


async def test_compressed() -> None:
    received: list[int] = []

    class Sizes(Echo):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type != CLOSE:
                received.append(frame.payload_size)
            super().on_ws_frame(transport, frame)

    async with serving(lambda _: Sizes(), permessage_deflate=True) as port:
        status, out, err = await bench(port, "--compress", "--size", "3k", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["compressed"] is True
    assert set(received) == {3 * 1024}
    async with serving(lambda _: Echo()) as port:
        status, out, err = await bench(port, "--compress", "--json")
    assert json.loads(out)["compressed"] is False
