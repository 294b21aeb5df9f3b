"""One program, as it is written for websockets; type checkers must see the same types in both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import assert_type

from picows.websockets import (
    ClientConnection,
    CloseCode,
    ConnectionClosed,
    Headers,
    Request,
    Response,
    Server,
    ServerConnection,
    State,
    Subprotocol,
    basic_auth,
    broadcast,
    connect,
    serve,
)
from picows.websockets.frames import Close


async def handler(connection: ServerConnection) -> None:
    async for message in connection:
        assert_type(message, str | bytes)
        await connection.send(message)
    broadcast([connection], "bye")


def process_request(connection: ServerConnection, request: Request) -> Response | None:
    assert_type(request.headers, Headers)
    if request.path == "/health":
        return connection.respond(200, "OK\n")
    return None


async def process_response(
    connection: ServerConnection, request: Request, response: Response
) -> Response | None:
    response.headers["X-Served-By"] = "me"
    return None


def select(connection: ServerConnection, offered: object) -> Subprotocol | None:
    return None


async def talk(connection: ClientConnection) -> None:
    assert_type(await connection.recv(), str | bytes)
    assert_type(await connection.recv(decode=True), str)
    assert_type(await connection.recv(decode=False), bytes)
    assert_type(connection.recv_streaming(decode=True), AsyncIterator[str])
    async for fragment in connection.recv_streaming():
        assert_type(fragment, str | bytes)
    await connection.send("text")
    await connection.send([b"frag", b"ments"])
    await connection.send(b"text", text=True)
    pong = await connection.ping()
    assert_type(pong, Awaitable[float])
    assert_type(await pong, float)
    assert_type(connection.state, State)
    assert_type(connection.close_code, int | None)
    await connection.close(CloseCode.GOING_AWAY, "reason")


async def main() -> None:
    async with serve(
        handler,
        "localhost",
        0,
        process_request=process_request,
        process_response=process_response,
        select_subprotocol=select,
        subprotocols=[Subprotocol("chat")],
    ) as server:
        assert_type(server, Server)
        async with connect("ws://localhost/") as connection:
            assert_type(connection, ClientConnection)
            await talk(connection)
        assert_type(await connect("ws://localhost/"), ClientConnection)
        async for again in connect("ws://localhost/"):
            assert_type(again, ClientConnection)
            try:
                await talk(again)
            except ConnectionClosed as error:
                assert_type(error.rcvd, Close | None)
                continue
    async with serve(handler, process_request=basic_auth("realm", ("a", "b"))):
        pass


asyncio.run(main())
