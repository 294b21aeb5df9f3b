"""Promises of the interface that no other file is about."""

from __future__ import annotations

import asyncio
import enum
from typing import Any

import pytest

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSDisconnectCause,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSUpgradeRequest,
    ws_connect,
)
from picows.testing.peers import open_upgraded, raw_server
from picows.testing.recorder import Recorder, paired, serving
from picows.testing.wire import BINARY, PING, PONG, Frame

MEMBERS: dict[type[enum.Enum], dict[str, Any]] = {
    WSMsgType: {"CONTINUATION": 0, "TEXT": 1, "BINARY": 2, "CLOSE": 8, "PING": 9, "PONG": 10},
    WSCloseCode: {
        "NO_INFO": 0,
        "OK": 1000,
        "GOING_AWAY": 1001,
        "PROTOCOL_ERROR": 1002,
        "UNSUPPORTED_DATA": 1003,
        "ABNORMAL_CLOSURE": 1006,
        "INVALID_TEXT": 1007,
        "POLICY_VIOLATION": 1008,
        "MESSAGE_TOO_BIG": 1009,
        "MANDATORY_EXTENSION": 1010,
        "INTERNAL_ERROR": 1011,
        "SERVICE_RESTART": 1012,
        "TRY_AGAIN_LATER": 1013,
        "BAD_GATEWAY": 1014,
    },
    WSAutoPingStrategy: {"PING_WHEN_IDLE": 1, "PING_PERIODICALLY": 2},
}


@pytest.mark.parametrize("enumeration", MEMBERS)
def test_numbers_of_enums(enumeration: type[enum.IntEnum]) -> None:
    assert {name: int(member) for name, member in enumeration.__members__.items()} == MEMBERS[
        enumeration
    ]
    assert all(member == int(member) for member in enumeration)


def test_causes_of_an_end() -> None:
    assert [cause.name.lower() for cause in WSDisconnectCause] == [
        cause.value for cause in WSDisconnectCause
    ]


@pytest.mark.parametrize("size", [1, 1 << 30])
@pytest.mark.parametrize("role", ["client", "server"])
async def test_read_buffer_init_size_changes_nothing(role: str, size: int) -> None:
    frames = [Frame(BINARY, bytes(100_000)), Frame(BINARY, b"small")]
    async with paired(role, read_buffer_init_size=size) as pair:
        pair.peer.send(*frames)
        assert await pair.listener.until_frames(2) == frames


async def test_host_and_port_are_where_a_server_listens() -> None:
    async with serving(lambda _: Recorder()) as port:
        peer = await open_upgraded(port)
        assert peer.writer.get_extra_info("peername") == ("127.0.0.1", port)
        await peer.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"no HTTP at all\r\n\r\n", WSInvalidMessageError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", WSInvalidStatusError),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", WSInvalidHeaderError),
    ],
)
async def test_what_is_wrong_with_an_answer_has_a_type(
    answer: bytes, error: type[Exception]
) -> None:
    async with raw_server() as server:
        url = f"ws://127.0.0.1:{server.port}/"
        connecting = asyncio.create_task(ws_connect(WSListener, url))
        peer = await server.accept()
        await peer.read_head()
        peer.send_bytes(answer)
        with pytest.raises(error):
            await connecting


@pytest.mark.parametrize("role", ["client", "server"])
async def test_pings_and_pongs_of_the_user(role: str) -> None:
    async with paired(role) as pair:
        for send, opcode in ((pair.transport.send_ping, PING), (pair.transport.send_pong, PONG)):
            send()
            send("text é")
            send(message=b"x" * 125)
            payloads = [b"", "text é".encode(), b"x" * 125]
            assert [await pair.peer.read_frame() for _ in payloads] == [
                Frame(opcode, payload) for payload in payloads
            ]


async def test_a_listener_factory_sees_the_request() -> None:
    seen: list[WSUpgradeRequest] = []

    def factory(request: WSUpgradeRequest) -> Recorder:
        seen.append(request)
        return Recorder()

    async with serving(factory) as port:
        peer = await open_upgraded(port, "GET /feed?a=b HTTP/1.1")
        await peer.close()
    request = seen[0]
    assert (request.method, request.path, request.version) == (b"GET", b"/feed?a=b", b"HTTP/1.1")
    assert request.headers["host"] == request.headers["Host"] == "127.0.0.1"
    assert request.headers.getall("upgrade") == ["websocket"]
