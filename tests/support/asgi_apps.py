"""The same echo under each framework, for `uvicorn support.asgi_apps:NAME`.

Text comes back in capitals, bytes as they are; "bye" is answered with CLOSE(4001, "as you like").
A connection to /refused gets no WebSocket.
"""

from __future__ import annotations

from typing import Any


async def raw(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "websocket"
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": event["bytes"]})
        elif event["text"] == "bye":
            await send({"type": "websocket.close", "code": 4001, "reason": "as you like"})
        else:
            await send({"type": "websocket.send", "text": event["text"].upper()})


async def _echo(socket: Any) -> None:
    """With the methods that Starlette and FastAPI have."""
    await socket.accept(subprotocol=(socket.scope["subprotocols"] or [None])[0])
    while (event := await socket.receive())["type"] == "websocket.receive":
        if event.get("bytes") is not None:
            await socket.send_bytes(event["bytes"])
        elif event["text"] == "bye":
            await socket.close(4001, "as you like")
        else:
            await socket.send_text(event["text"].upper())


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    async def echo(socket: WebSocket) -> None:
        await _echo(socket)

    return Starlette(routes=[WebSocketRoute("/", echo)])  # others are closed: 403


def fastapi() -> Any:
    from fastapi import FastAPI, WebSocket

    app = FastAPI()

    async def echo(socket: Any) -> None:
        await _echo(socket)

    echo.__annotations__["socket"] = WebSocket
    app.websocket("/")(echo)
    return app


def channels() -> Any:
    import django
    from django.conf import settings

    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of no use", INSTALLED_APPS=["channels"])
    django.setup()
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.routing import URLRouter
    from django.urls import path

    class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]
        async def connect(self) -> None:
            await self.accept((self.scope["subprotocols"] or [None])[0])

        async def receive(self, text_data: str | None = None, bytes_data: Any = None) -> None:
            if text_data == "bye":
                await self.close(4001, "as you like")
            else:
                await self.send(text_data.upper() if text_data else None, bytes_data)

    class Refusing(AsyncWebsocketConsumer):  # type: ignore[misc]
        async def connect(self) -> None:
            await self.close()

    return URLRouter([path("", Echo.as_asgi()), path("refused", Refusing.as_asgi())])


def litestar() -> Any:
    from litestar import Litestar, WebSocket, websocket

    @websocket("/")
    async def echo(socket: Any) -> None:
        await socket.accept(subprotocols=(socket.scope["subprotocols"] or [None])[0])
        while (event := await socket.receive())["type"] == "websocket.receive":
            if event.get("bytes") is not None:
                await socket.send_bytes(event["bytes"])
            elif event["text"] == "bye":
                await socket.close(4001, "as you like")
            else:
                await socket.send_text(event["text"].upper())

    echo.fn.__annotations__["socket"] = WebSocket
    return Litestar([echo])


def quart() -> Any:
    from quart import Quart, websocket

    app = Quart(__name__)

    @app.websocket("/")
    async def echo() -> None:
        await websocket.accept(subprotocol=(websocket.scope["subprotocols"] or [None])[0])
        while True:
            message = await websocket.receive()
            if message == "bye":
                await websocket.close(4001, "as you like")
                return
            await websocket.send(message.upper() if isinstance(message, str) else message)

    return app
