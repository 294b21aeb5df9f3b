"""Subprotocols and extensions that a client offers, and what an answer takes of them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from support import stacks

from picows import (
    WSInvalidHeaderError,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
)
from picows.testing import wire
from picows.testing.peers import open_raw, raw_server
from picows.testing.recorder import URL, Recorder, serving

PROTOCOL = "Sec-WebSocket-Protocol"
EXTENSIONS = "Sec-WebSocket-Extensions"

OFFERS: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "a, b": [(PROTOCOL, "a, b")],
    "a and b": [("sec-websocket-protocol", "a"), (PROTOCOL, "b")],
    "compression": [(EXTENSIONS, "permessage-deflate; client_max_window_bits")],
    "all": [(PROTOCOL, "b"), (EXTENSIONS, "x-a, x-b; c"), (EXTENSIONS, "permessage-deflate")],
    "among many headers": [("X-A", str(i)) for i in range(500)] + [(PROTOCOL, "b")],
}

AGREE = [
    ("nothing", ""),
    ("a, b", ""),
    ("a, b", f"{PROTOCOL}: b\r\n"),
    ("a and b", f"{PROTOCOL}: a\r\n"),
    ("a and b", "sec-websocket-protocol: b\r\n"),
    ("among many headers", f"{PROTOCOL}: b\r\n"),
    ("compression", f"{EXTENSIONS}: permessage-deflate; server_no_context_takeover\r\n"),
    ("all", f'{EXTENSIONS}: x-b; c="d"\r\n{EXTENSIONS}: x-a, permessage-deflate\r\n'),
    ("all", f"{PROTOCOL}: b\r\n{EXTENSIONS}: x-a\r\n"),
]

DISAGREE = [
    ("nothing", PROTOCOL, "a", f"{PROTOCOL}: a\r\n"),
    ("nothing", PROTOCOL, "", f"{PROTOCOL}:\r\n"),
    ("a, b", PROTOCOL, "c", f"{PROTOCOL}: c\r\n"),
    ("a, b", PROTOCOL, "A", f"{PROTOCOL}: A\r\n"),
    ("a, b", PROTOCOL, "a, b", f"{PROTOCOL}: a, b\r\n"),
    ("a, b", PROTOCOL, "a", f"{PROTOCOL}: a\r\n{PROTOCOL}: a\r\n"),
    ("compression", PROTOCOL, "permessage-deflate", f"{PROTOCOL}: permessage-deflate\r\n"),
    ("nothing", EXTENSIONS, "permessage-deflate", f"{EXTENSIONS}: permessage-deflate\r\n"),
    ("all", EXTENSIONS, "x-c", f"{EXTENSIONS}: x-c\r\n"),
    ("all", EXTENSIONS, "x-a, c", f"{EXTENSIONS}: x-a, c\r\n"),
    ("all", EXTENSIONS, "x-a;", f"{EXTENSIONS}: x-a;\r\n"),
]


async def connect(offer: str, more: str, **options: Any) -> Any:
    """Connect to a server that says `more` in its answer."""
    async with raw_server() as server:
        connecting = asyncio.ensure_future(
            ws_connect(Recorder, URL.format(server.port), extra_headers=OFFERS[offer], **options)
        )
        peer = await server.accept()
        head = await peer.reader.readuntil(b"\r\n\r\n")
        key = head.partition(b"Sec-WebSocket-Key: ")[2][:24].decode()
        peer.send_bytes(wire.response(key, more=more))
        try:
            transport, _ = await connecting
            transport.disconnect()
            return transport
        finally:
            await peer.close()


@pytest.mark.parametrize(("offer", "more"), AGREE)
async def test_an_answer_within_the_offer(offer: str, more: str) -> None:
    transport = await connect(offer, more)
    for line in more.splitlines():
        name, _, value = line.partition(": ")
        assert value in transport.response.headers.getall(name)


@pytest.mark.parametrize(("offer", "name", "value", "more"), DISAGREE)
@pytest.mark.parametrize("use_aiofastnet", [None, False])
async def test_an_answer_beyond_the_offer(
    offer: str, name: str, value: str, more: str, use_aiofastnet: bool | None
) -> None:
    """RFC 6455 4.1 items 5 and 6: it was accepted, and what the server took for agreed was not."""
    with pytest.raises(WSInvalidHeaderError, match=name) as caught:
        await connect(offer, more, use_aiofastnet=use_aiofastnet)
    assert (caught.value.name, caught.value.value) == (name, value)
    assert caught.value.response is not None
    assert caught.value.response.headers.get(name) == value


def answering(*headers: tuple[str, str]) -> Any:
    response = WSUpgradeResponse.create_101_response(headers)
    return lambda _: WSUpgradeResponseWithListener(response, Recorder())


def request(offer: str) -> bytes:
    return wire.request(more="".join(f"{name}: {value}\r\n" for name, value in OFFERS[offer]))


async def answer(factory: Any, data: bytes) -> tuple[str, list[str]]:
    """The status line, and the names of the headers."""
    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(data)
        head = await peer.reader.readuntil(b"\r\n\r\n")
        await peer.close()
        line, *fields = head.decode().split("\r\n")[:-2]
        return line, [field.partition(":")[0].lower() for field in fields]


@pytest.mark.parametrize(
    ("offer", "headers"),
    [
        ("a, b", [(PROTOCOL, "b")]),
        ("a and b", [("SEC-WEBSOCKET-PROTOCOL", "b")]),
        ("all", [(EXTENSIONS, "x-a"), (EXTENSIONS, "permessage-deflate"), (PROTOCOL, "b")]),
        ("nothing", [("X-Protocol", "a")]),
    ],
)
async def test_a_server_takes_what_was_offered(offer: str, headers: list[tuple[str, str]]) -> None:
    line, sent = await answer(answering(*headers), request(offer))
    assert line.startswith("HTTP/1.1 101 ")
    assert {name.lower() for name, _ in headers} <= set(sent)


@pytest.mark.parametrize(
    ("offer", "headers"),
    [
        ("nothing", [(PROTOCOL, "a")]),
        ("a, b", [(PROTOCOL, "c")]),
        ("a, b", [(PROTOCOL, "a, b")]),
        ("a, b", [(PROTOCOL, "a"), (PROTOCOL, "b")]),
        ("nothing", [(EXTENSIONS, "permessage-deflate")]),
        ("all", [(EXTENSIONS, "x-a;")]),
    ],
)
async def test_a_server_that_takes_more_answers_500(
    offer: str, headers: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """No client goes on after such a 101, and nobody told the server why."""
    line, sent = await answer(answering(*headers), request(offer))
    assert line.startswith("HTTP/1.1 500 ")
    assert not {PROTOCOL.lower(), EXTENSIONS.lower()} & set(sent)
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "that the client offered" in str(record.exc_info)
    assert headers[0][0] in str(record.exc_info)


@pytest.mark.parametrize(
    "more",
    [
        f"{PROTOCOL}: a b\r\n",
        f"{PROTOCOL}: a/b\r\n",
        f'{PROTOCOL}: "a"\r\n',
        f"{EXTENSIONS}: a;\r\n",
        f"{EXTENSIONS}: a b\r\n",
        f'{EXTENSIONS}: a; b="\r\n',
        f'{EXTENSIONS}: a; b="c d"\r\n',
        f"{EXTENSIONS}: good\r\n{EXTENSIONS}: =\r\n",
    ],
)
async def test_an_offer_that_is_no_list_is_400(more: str) -> None:
    """RFC 6455 9.1: the connection has to fail."""
    line, _ = await answer(lambda _: Recorder(), wire.request(more=more))
    assert line == "HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize(
    "more", [f"{PROTOCOL}:\r\n", f"{PROTOCOL}: ,a,, b ,\r\n", f"{EXTENSIONS}: ,\r\n"]
)
async def test_an_offer_with_empty_elements(more: str) -> None:
    assert (await answer(lambda _: Recorder(), wire.request(more=more)))[0].startswith(
        "HTTP/1.1 101 "
    )


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_both_ends_agree_on_every_stack(stack: stacks.Stack) -> None:
    async def main() -> None:
        factory = answering((PROTOCOL, "b"), (EXTENSIONS, "x-a"))
        async with serving(factory, **stack.server_options) as port:
            transport, _ = await ws_connect(
                Recorder, stack.url(port), extra_headers=OFFERS["all"], **stack.client_options
            )
            assert transport.response.headers[PROTOCOL] == "b"
            transport.disconnect()
            await transport.wait_disconnected()

    stacks.run(stack.loop, main())
