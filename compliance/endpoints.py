"""What the cases are run against: our server and client, which echo frames, strict, compressing."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSPermessageDeflate,
    WSProtocolError,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

#: The largest frames of the suite are those of 9.1.6 and 9.2.6.
FRAME_SIZE_MAX = 16 * 1024 * 1024
#: Everything is compressed, and each side gets as large a window as it asks for: cases 12 and 13.
DEFLATE = WSPermessageDeflate(server_max_window_bits=15, client_max_window_bits=15, threshold=0)
#: The suite takes context takeover away only from clients that hint at it: 13.2, 13.5 and 13.6.
CLIENT_DEFLATE = replace(DEFLATE, client_no_context_takeover=True)
#: The slowest case takes seconds, on a busy machine minutes.
CASE_SECONDS_MAX = 600


class Echo(WSListener):
    """Answers every frame of data with the same frame, and a CLOSE with the same CLOSE."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type != WSMsgType.PONG:  # a PONG asks for nothing (RFC 6455 5.5.3)
            payload = frame.get_payload_as_memoryview()
            transport.send(frame.msg_type, payload, fin=frame.fin)


class CaseCount(Echo):
    """Receives the one number that the suite's server says on this connection."""

    def __init__(self) -> None:
        self.count = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.count = int(frame.get_payload_as_ascii_text())
        else:
            super().on_ws_frame(transport, frame)


@contextlib.asynccontextmanager
async def serving(agent: str, use_aiofastnet: bool | None) -> AsyncIterator[int]:
    """The server under test; gives its port. The suite reads its name out of the response."""

    def factory(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        response = WSUpgradeResponse.create_101_response({"Server": agent})
        return WSUpgradeResponseWithListener(response, Echo())

    server = await ws_create_server(
        factory,
        "127.0.0.1",
        0,
        strict=True,
        max_frame_size=FRAME_SIZE_MAX,
        permessage_deflate=DEFLATE,
        use_aiofastnet=use_aiofastnet,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def run_client(url: str, agent: str, use_aiofastnet: bool | None) -> None:
    """The client under test: asks the suite's server for one case after the other."""

    async def visit(factory: Callable[[], WSListener], resource: str) -> None:
        transport, _ = await ws_connect(
            factory,
            url + resource,
            strict=True,
            max_frame_size=FRAME_SIZE_MAX,
            permessage_deflate=CLIENT_DEFLATE,
            use_aiofastnet=use_aiofastnet,
        )
        try:
            # What the suite sends on purpose is its verdict's business, not an end of the run.
            with contextlib.suppress(WSProtocolError):
                async with asyncio.timeout(CASE_SECONDS_MAX):
                    await transport.wait_disconnected()
        except TimeoutError:
            print(f"{resource} did not end in {CASE_SECONDS_MAX} s", file=sys.stderr)
            transport.disconnect(graceful=False)

    counter = CaseCount()
    await visit(lambda: counter, "/getCaseCount")
    for number in range(1, counter.count + 1):
        await visit(Echo, f"/runCase?case={number}&agent={agent}")
    await visit(Echo, f"/updateReports?agent={agent}")
