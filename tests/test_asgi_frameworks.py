"""picows.asgi in processes of uvicorn, with the frameworks that people use it with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.stacks import LOOPS
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

pytest.importorskip("uvicorn")

TESTS = Path(__file__).parent
FACTORIES = {
    "starlette": "starlette",
    "fastapi": "fastapi",
    "channels": "channels",
    "litestar": "litestar",
    "quart": "quart",
}
APPS = ["raw", *FACTORIES]


@contextlib.asynccontextmanager
async def served(app: str, loop: str, *options: str) -> AsyncIterator[tuple[int, Any]]:
    """uvicorn in a process of its own; gives its port, and the process."""
    if app in FACTORIES:
        pytest.importorskip(FACTORIES[app])
        options = ("--factory", *options)
    command = ["--ws", "picows.asgi:PicowsProtocol", "--loop", loop, "--port", "0", *options]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", f"support.asgi_apps:{app}", *command),
        cwd=TESTS,
        env=os.environ | {"PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        async with asyncio.timeout(60):
            while b"running on" not in (line := await process.stderr.readline()):
                assert line, "it did not start"
        yield int(line.split(b"127.0.0.1:")[1].split(b" ")[0]), process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("app", APPS)
async def test_each_framework(app: str) -> None:
    """The client is of the package websockets, and compresses."""
    async with served(app, "asyncio") as (port, _):
        url = f"ws://127.0.0.1:{port}/"
        async with connect(url, subprotocols=["feed"]) as ws:
            assert ws.subprotocol == "feed"
            assert [each.name for each in ws.protocol.extensions] == ["permessage-deflate"]
            await ws.send("hello")
            assert await ws.recv() == "HELLO"
            await ws.send(b"\0" * 70_000)
            assert await ws.recv() == b"\0" * 70_000
            await ws.send("bye")
            await ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (4001, "as you like")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}refused")
        assert refused.value.response.status_code in (403, 404)


@pytest.mark.parametrize("loop", LOOPS)
async def test_each_event_loop_and_the_end_of_the_server(loop: str) -> None:
    """SIGTERM: the peer gets CLOSE(1012), and uvicorn ends."""
    async with served("raw", loop) as (port, process):
        async with connect(f"ws://127.0.0.1:{port}/", compression=None) as ws:
            for i in range(100):
                await ws.send(f"x{i}")
            assert [await ws.recv() for _ in range(100)] == [f"X{i}" for i in range(100)]
            process.send_signal(signal.SIGTERM)
            await ws.wait_closed()
            assert ws.close_code == 1012
        async with asyncio.timeout(30):
            await process.wait()
