"""permessage-deflate under a MessageListener: messages are compressed, and joined when plain."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import pytest
from support.compressing import RSV1, Deflater, compressing
from support.mailbox import CONT, TEXT, Mailbox, on_all_loops

from picows import (
    WSFrame,
    WSListener,
    WSPermessageDeflate,
    WSProtocolError,
    WSTransport,
    ws_connect,
)
from picows.testing.recorder import URL, serving
from picows.testing.wire import Frame


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_memoryview(), frame.fin)


@on_all_loops
async def test_messages_there_and_back() -> None:
    async with serving(lambda _: Echo(), permessage_deflate=True) as port:
        transport, ws = await ws_connect(Mailbox, URL.format(port), permessage_deflate=True)
        for message in ("zwölf" * 1000, b"\xff" * 70_000, "short", "zwölf" * 1000):
            ws._send_nowait(message)
            assert await ws.recv() == message
        text = ("zö" * 5000).encode()
        transport.send(TEXT, text[:2], fin=False, compress=True)
        transport.send(CONT, text[2:])
        assert await ws.recv() == text.decode()
        transport.disconnect()


class Box(Mailbox):
    @property
    def transport(self) -> WSTransport:
        assert self.ws_transport
        return self.ws_transport

    async def until_disconnected(self) -> None:
        with contextlib.suppress(WSProtocolError):
            await self.transport.wait_disconnected()


@pytest.mark.parametrize(
    ("limits", "fragments", "code"),
    [
        ({"max_message_size": 500}, [bytes(501)], 1009),
        ({"max_message_size": 5000}, [bytes(1001)], 1009),
        ({"max_message_size": None}, [bytes(1001)], 1009),
        ({"max_fragments": 2}, [bytes(1)] * 3, 1009),
        ({}, [b"z\xff" * 100], 1007),
        ({}, [b"z\xff" * 100, b"rest"], 1007),
    ],
)
async def test_the_smaller_limits_hold_and_text_is_utf8(
    limits: dict[str, Any], fragments: list[bytes], code: int
) -> None:
    options = WSPermessageDeflate(max_message_size=1000)
    payload = Deflater().message(b"".join(fragments))
    make: Any = functools.partial(Box, **limits)
    async with compressing("client", "", make, deflate=options) as pair:
        last = len(fragments) - 1
        for i in range(len(fragments)):
            part = payload[i : i + 1] if i < last else payload[i:]
            pair.peer.send(Frame(0 if i else 1, part, i == last, 0 if i else RSV1))
        assert (await pair.peer.read_rest())[-1].payload[:2] == code.to_bytes(2, "big")
