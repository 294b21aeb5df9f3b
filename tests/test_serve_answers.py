"""Answers of a server that no frames follow: what they say, and that all of them arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support import stacks

from picows import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.testing import wire
from picows.testing.peers import open_raw
from picows.testing.recorder import Recorder, serving

BODY_SIZE = 6_000_000
OLD_VERSION = wire.request({"Sec-WebSocket-Version": "8"})


def answering(response: WSUpgradeResponse) -> Callable[[WSUpgradeRequest], Any]:
    return lambda _: WSUpgradeResponseWithListener(response, None)


async def headers_of(factory: Callable[[WSUpgradeRequest], Any], request: bytes) -> dict[str, str]:
    async with serving(factory) as port:
        peer = await open_raw(port)
        peer.send_bytes(request)
        _, headers = await peer.read_head()
        await peer.close()
        return headers


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_large_answer_reaches_a_client_that_sent_more(stack: stacks.Stack, status: int) -> None:
    """Bytes behind the request were left unread, so that a reset cut the answer short."""
    body = b"x" * BODY_SIZE
    if status == 200:
        response = WSUpgradeResponse.create_ok_response(body)
    else:
        response = WSUpgradeResponse.create_error_response(status, body)

    async def main() -> None:
        async with serving(answering(response), **stack.server_options) as port:
            peer = await open_raw(port, stacks.client_tls() if stack.tls else None)
            peer.send_bytes(wire.request() + bytes(1_000_000))
            line, headers = await peer.read_head()
            assert line.startswith(f"HTTP/1.1 {status} ")
            assert headers["content-length"] == str(BODY_SIZE)
            # The server's time for a silent client is over long before the answer is.
            for _ in range(3):
                await asyncio.sleep(0.1)
                await peer.reader.readexactly(1000)
                peer.send_bytes(bytes(1000))
            assert len(await peer.read_to_end()) == BODY_SIZE - 3000
            await peer.close()

    stacks.run(stack.loop, main())


async def test_426_says_which_protocol_and_version_to_come_back_with() -> None:
    """RFC 9110 15.5.22 wants an Upgrade header, which was missing; 7.8 wants it in Connection."""
    headers = await headers_of(lambda _: Recorder(), OLD_VERSION)
    assert headers["upgrade"] == "websocket"
    assert headers["sec-websocket-version"] == "13"
    assert headers["connection"] == "Upgrade, close"


async def test_a_426_of_the_factory_says_it_too() -> None:
    headers = await headers_of(answering(WSUpgradeResponse.create_error_response(426)), OLD_VERSION)
    assert headers["upgrade"] == "websocket"
    assert headers["sec-websocket-version"] == "13"
    assert headers["connection"] == "Upgrade, close"


async def test_a_426_of_the_factory_may_say_something_else() -> None:
    more = {"upgrade": "HTTP/3.0", "Sec-WebSocket-Version": "13, 14"}
    response = WSUpgradeResponse.create_error_response(426, extra_headers=more)
    headers = await headers_of(answering(response), wire.request())
    assert headers["upgrade"] == "HTTP/3.0"
    assert headers["sec-websocket-version"] == "13, 14"


@pytest.mark.parametrize("status", [400, 404, 505])
async def test_other_statuses_do_not(status: int) -> None:
    headers = await headers_of(
        answering(WSUpgradeResponse.create_error_response(status)), wire.request()
    )
    assert headers.keys() & {"upgrade", "sec-websocket-version"} == set()
    assert headers["connection"] == "close"
