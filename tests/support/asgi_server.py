"""uvicorn in the event loop of a test, with picows.asgi."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from picows.testing.peers import SECONDS_MAX


class App:
    """An ASGI application whose steps the test takes itself: `await app.connected()` is in it."""

    def __init__(self) -> None:
        self._started: asyncio.Queue[App] = asyncio.Queue()
        self._over = asyncio.Event()
        self.failure: BaseException | None = None
        self.result: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        self.scope, self.receive, self.send = scope, receive, send
        self._over = asyncio.Event()
        self._started.put_nowait(self)
        await self._over.wait()
        if self.failure is not None:
            raise self.failure
        return self.result

    async def started(self) -> App:
        async with asyncio.timeout(SECONDS_MAX):
            return await self._started.get()

    async def accepted(self, **event: Any) -> App:
        await self.started()
        assert await self.receive() == {"type": "websocket.connect"}
        await self.send({"type": "websocket.accept", **event})
        return self

    async def event(self) -> Any:
        async with asyncio.timeout(SECONDS_MAX):
            return await self.receive()

    def end(self, failure: BaseException | None = None) -> None:
        self.failure = failure
        self._over.set()


@contextlib.asynccontextmanager
async def uvicorn_serving(app: Any, **options: Any) -> AsyncIterator[tuple[int, Any]]:
    """Gives the port, and the uvicorn.Server."""
    import uvicorn

    from picows.asgi import PicowsProtocol

    options = {"lifespan": "off", "log_config": None, "timeout_graceful_shutdown": 5} | options
    server = uvicorn.Server(uvicorn.Config(app, ws=PicowsProtocol, **options))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        task = asyncio.create_task(server.serve([sock]))
        async with asyncio.timeout(SECONDS_MAX):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.01)
        try:
            yield sock.getsockname()[1], server
        finally:
            if isinstance(app, App):
                app.end()
            server.should_exit = True
            await task
