"""What type checkers make of correct programs. Never run: tests/test_typing.py has it checked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, assert_type

from picows import (
    WSBroadcastResult,
    WSCloseCode,
    WSDisconnectInfo,
    WSFrame,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_broadcast,
    ws_connect,
    ws_create_server,
)
from picows.closing import WSCloseHandshake


class Listener(WSListener):
    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.name = name

    def on_ws_connected(self, transport: WSTransport) -> None:
        assert_type(transport.underlying_transport, asyncio.Transport)
        assert_type(transport.request, WSUpgradeRequest)
        assert_type(transport.response, WSUpgradeResponse)
        assert_type(transport.request.path, bytes)
        assert_type(transport.request.headers["Host"], str)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        assert_type(frame.msg_type, WSMsgType)
        assert_type(frame.fin, bool)
        assert_type(frame.payload_size, int)
        assert_type(frame.tail_size, int)
        assert_type(frame.received_at, float)
        assert_type(frame.kernel_time_ns, int | None)
        assert_type(frame.get_payload_as_bytes(), bytes)
        assert_type(frame.get_payload_as_utf8_text(), str)
        assert_type(frame.get_payload_as_ascii_text(), str)
        assert_type(frame.get_payload_as_memoryview(), memoryview)
        assert_type(frame.get_close_code(), WSCloseCode | int)
        assert_type(frame.get_close_message(), bytes | None)
        assert_type(frame.get_close_reason(), str | None)
        transport.send(WSMsgType.TEXT, "text")
        transport.send(WSMsgType.BINARY, bytearray(3), fin=False, rsv1=True)
        transport.send(frame.msg_type, frame.get_payload_as_memoryview())
        transport.send(WSMsgType.PONG, None)
        transport.send_reuse_external_bytearray(WSMsgType.BINARY, bytearray(20), 14)
        transport.send_close(WSCloseCode.OK, "bye")
        transport.send_close(4000, b"bye")
        transport.disconnect(graceful=False)

    def tell_all(self, audience: set[WSTransport]) -> None:
        result = ws_broadcast(audience, WSMsgType.TEXT, "text")
        assert_type(result, WSBroadcastResult)
        assert_type(result.queued, tuple[WSTransport, ...])
        assert_type(result.full, tuple[WSTransport, ...])
        ws_broadcast(iter(audience), 2, bytearray(1), max_queued=0, when_full="disconnect")

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        return frame.msg_type == WSMsgType.TEXT


async def client() -> None:
    transport, listener = await ws_connect(Listener, "ws://localhost/")
    assert_type(transport, WSTransport)
    assert_type(listener, Listener)
    assert_type(listener.name, str)
    _, other = await ws_connect(lambda: Listener("x"), "ws://localhost/", extra_headers={"A": "b"})
    assert_type(other, Listener)
    assert_type(Listener("x"), Listener)

    def with_handshake(request: WSUpgradeRequest, response: WSUpgradeResponse) -> Listener:
        return Listener(response.headers["X-Name"])

    _, third = await ws_connect(with_handshake, "ws://localhost/", extra_headers=[("A", "b")])
    assert_type(third, Listener)
    await assert_type(transport.wait_disconnected(), Coroutine[Any, Any, None])
    assert_type(await transport.measure_roundtrip_time(3), list[float])
    assert_type(transport.disconnect_info, WSDisconnectInfo | None)
    assert_type(transport.close_handshake, WSCloseHandshake | None)


async def server() -> None:
    def factory(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        if request.path == b"/health":
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(b"ok"), None)
        return Listener() if request.path == b"/" else None

    assert_type(await ws_create_server(factory, "localhost", 9001), asyncio.Server)
    assert_type(await ws_create_server(lambda request: Listener()), asyncio.Server)


def socket_factory(url: WSParsedURL) -> None:
    assert_type(url.host, str)
    assert_type(url.port, int)
    assert_type(url.password, str | None)
