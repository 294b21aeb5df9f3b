"""What type checkers refuse: on a line that they accept, the `ignore` is an error."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_broadcast,
    ws_connect,
    ws_create_server,
)


class WrongArgument(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: bytes) -> None:  # type: ignore[override]
        pass


class WrongCount(WSListener):
    def on_ws_frame(self, transport: WSTransport) -> None:  # type: ignore[override]
        pass


class NotAnAnswer(WSListener):
    def is_user_specific_pong(self, frame: WSFrame) -> str:  # type: ignore[override]
        return ""


class Derived(WSFrame):  # type: ignore[misc]
    pass


def misuse(transport: WSTransport, frame: WSFrame) -> None:
    transport.send("text", "hello")  # type: ignore[arg-type]
    transport.send(WSMsgType.TEXT, 3)  # type: ignore[arg-type]
    transport.send(WSMsgType.TEXT)  # type: ignore[call-arg]
    transport.send(WSMsgType.TEXT, "", last=True)  # type: ignore[call-arg]
    ws_broadcast(transport, WSMsgType.TEXT, "")  # type: ignore[arg-type]
    ws_broadcast([transport], WSMsgType.TEXT, "", when_full="wait")  # type: ignore[arg-type]
    transport.send_reuse_external_bytearray(WSMsgType.TEXT, b"", 14)  # type: ignore[arg-type]
    transport.is_disconnected = True  # type: ignore[misc]
    frame.payload_size = 3  # type: ignore[misc]
    frame.get_payload()  # type: ignore[attr-defined]
    transport.request.path.encode()  # type: ignore[attr-defined]


async def connect() -> None:
    await ws_connect(int, "ws://localhost/")  # type: ignore[type-var]
    await ws_connect(WSListener, b"ws://localhost/")  # type: ignore[arg-type]
    await ws_connect(WSListener, "ws://localhost/", max_redirects="5")  # type: ignore[arg-type]
    await ws_connect(WSListener, "ws://localhost/", extra_headers={"A": 1})  # type: ignore[arg-type]


async def serve() -> None:
    def factory(request: WSUpgradeRequest) -> int:
        return 404

    await ws_create_server(factory)  # type: ignore[arg-type]
    await ws_create_server(WSFrame)  # type: ignore[arg-type]
