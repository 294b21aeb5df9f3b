"""Chromium without a screen, driven through its DevTools protocol: JSON over a WebSocket of ours.

https://chromedevtools.github.io/devtools-protocol has its methods and events.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

SECONDS_MAX = 60
NAMES = ("chromium", "chromium-browser", "google-chrome")
#: It runs as root in a container, asks nobody else for anything, and leaves nothing behind.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class DevTools(WSListener):
    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[tuple[str, str], asyncio.Event] = {}

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            transport.disconnect()
            return
        message = json.loads(frame.get_payload_as_utf8_text())
        if "id" in message:
            self._results.pop(message["id"]).set_result(message)
        else:
            self.event(message.get("sessionId", ""), message["method"]).set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for result in self._results.values():
            result.set_exception(ConnectionResetError("Chromium is gone"))

    def event(self, session: str, name: str) -> asyncio.Event:
        """Set when an event of this name has come."""
        return self._events.setdefault((session, name), asyncio.Event())

    async def call(self, method: str, session: str = "", **arguments: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._results[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": arguments}
        if session:
            message["sessionId"] = session
        self._transport.send(WSMsgType.TEXT, json.dumps(message))
        answer: dict[str, Any] = await self._results[number]
        assert "error" not in answer, answer["error"]
        result: dict[str, Any] = answer["result"]
        return result


class Page:
    """A tab."""

    def __init__(self, tools: DevTools, session: str) -> None:
        self._tools = tools
        self._session = session

    async def evaluate(self, javascript: str) -> Any:
        """The value of an expression; one that is a promise is awaited."""
        answer = await self._tools.call(
            "Runtime.evaluate",
            self._session,
            expression=javascript,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression is true; looked at whenever the document changes."""
        await self.evaluate(
            f"""new Promise(resolve => {{
                const observer = new MutationObserver(look);
                function look() {{
                    if ({condition}) {{ observer.disconnect(); resolve(); }}
                }}
                observer.observe(document, {{subtree: true, childList: true, attributes: true}});
                look();
            }})"""
        )

    async def screenshot(self) -> bytes:
        """What the tab shows, as PNG."""
        answer = await self._tools.call("Page.captureScreenshot", self._session)
        return base64.b64decode(answer["data"])


class Browser:
    def __init__(self, tools: DevTools) -> None:
        self._tools = tools

    async def open(self, url: str) -> Page:
        """A new tab that has loaded the page."""
        target = await self._tools.call("Target.createTarget", url="about:blank")
        attached = await self._tools.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        session = attached["sessionId"]
        await self._tools.call("Page.enable", session)
        await self._tools.call("Page.navigate", session, url=url)
        await self._tools.event(session, "Page.loadEventFired").wait()
        return Page(self._tools, session)


@contextlib.asynccontextmanager
async def browsing(chromium: str, folder: Path) -> AsyncIterator[Browser]:
    """Start a browser whose profile is in an empty folder."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        *FLAGS,
        f"--user-data-dir={folder}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            assert process.stderr is not None
            seen = b""
            while b"DevTools listening on " not in (line := await process.stderr.readline()):
                seen += line
                assert line, f"Chromium does not start: {seen.decode()}"
            rest = asyncio.create_task(process.stderr.read())
            url = line.decode().rpartition(" on ")[2].strip()
            transport, tools = await ws_connect(DevTools, url, max_frame_size=64 << 20)
            yield Browser(tools)
            await tools.call("Browser.close")
            transport.disconnect()
            await transport.wait_disconnected()
            await rest
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
