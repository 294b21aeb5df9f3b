"""Where the rounds of endings.py go: our servers, and peers that answer what a path says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from support import stacks
from support.proxies import ProxyServer, proxy_server

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from picows.testing import wire

LARGE = bytes(300_000)
ENOUGH_TO_PAUSE = bytes(150_000)
TLS_SECONDS_MAX = 2.0
"""For a handshake: uvloop keeps one that was given up for so long, with picows or without."""


class AskedForError(Exception):
    """What callbacks raise."""


class Quiet(WSListener):
    """A server's echoes. Answers a CLOSE, and is not bothered by a peer that does not read."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type == WSMsgType.BINARY and not transport.is_client_side:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass


class Doing(Quiet):
    """A listener that does something in one of its callbacks, the first time it runs.

    `provoke` makes that callback run: what has to be sent for it is sent when connected.
    """

    def __init__(self, where: str, action: Callable[[WSTransport], None]) -> None:
        self.where = where
        self.action = action
        self.transport: WSTransport | None = None

    def _reach(self, where: str) -> None:
        if where == self.where:
            self.where = ""
            assert self.transport is not None
            self.action(self.transport)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._reach("on_ws_connected")
        if self.where in ("pause_writing", "resume_writing"):
            sock = transport.underlying_transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            transport.send(WSMsgType.BINARY, ENOUGH_TO_PAUSE)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._reach("on_ws_frame")
        super().on_ws_frame(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._reach("on_ws_disconnected")

    def pause_writing(self) -> None:
        self._reach("pause_writing")

    def resume_writing(self) -> None:
        self._reach("resume_writing")

    def send_user_specific_ping(self, transport: WSTransport) -> None:
        self._reach("send_user_specific_ping")
        transport.send_ping()

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        self._reach("is_user_specific_pong")
        return frame.msg_type == WSMsgType.PONG


def fail(transport: WSTransport) -> None:
    raise AskedForError("asked for")


def drop(transport: WSTransport) -> None:
    transport.disconnect(graceful=False)


ACTIONS = {"fail": fail, "drop": drop}


def factory(request: WSUpgradeRequest) -> Any:
    """`/fail/CALLBACK` and `/drop/CALLBACK` are done by a listener, others by the factory."""
    action, _, where = request.path.decode().lstrip("/").partition("/")
    if action in ACTIONS:
        return Doing(where, ACTIONS[action])
    if action == "factory":
        return BAD_FACTORIES[where]()
    if action == "later":
        return _later()
    return None if action == "none" else Quiet()


def _raising() -> None:
    raise AskedForError("asked for")


async def _raising_later() -> None:
    await asyncio.sleep(0)
    _raising()


async def _wrong_later() -> object:
    await asyncio.sleep(0)
    return object()


def _taking_too_much() -> WSUpgradeResponseWithListener:
    response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "not-offered"})
    return WSUpgradeResponseWithListener(response, Quiet())


BAD_FACTORIES: dict[str, Callable[[], Any]] = {
    "raises": _raising,
    "is-wrong": object,
    "raises-later": _raising_later,
    "is-wrong-later": _wrong_later,
    "takes-too-much": _taking_too_much,
}


async def _later() -> WSListener:
    await asyncio.sleep(0.002)
    return Quiet()


OK = b"HTTP/1.1 200 OK\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
ANSWERS: dict[str, bytes] = {
    "/status": b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone",
    "/garbage": b"\x16\x03\x01 this is not HTTP\r\n\r\n",
    "/accept": wire.response("AAAAAAAAAAAAAAAAAAAAAA=="),
    "/cut": b"HTTP/1.1 101 Switching",
    "/body": OK + b"Content-Length: 100000\r\n\r\n" + bytes(100_000),
    "/endless": OK + b"X: y\r\n" * 5000,
    "/again": REDIRECT + b"/again\r\n\r\n",
    "/nowhere": REDIRECT + b"ws://127.0.0.1:1/\r\n\r\n",
    "/proxy-refuses": b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
    "/socks-refuses": b"\x05\xff",
}
"""What a raw peer says before it ends its side. Otherwise it upgrades and stays silent."""


class RawPeer(asyncio.Protocol):
    """The other end of a client of ours: says what `answer` or the request's path asks for."""

    def __init__(self, place: Place, answer: str) -> None:
        self.place = place
        self.answer = answer
        self.head = b""

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        self.place.peers.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.place.peers.discard(self)

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        if self.head.endswith(b"\r\n\r\n") or self.answer == "silent":
            return
        self.head += data
        if self.answer:
            self._say(self.answer)
        elif self.head.endswith(b"\r\n\r\n"):
            self._say(self.head.split(b" ")[1].decode())

    def _say(self, what: str) -> None:
        if what in ANSWERS:
            self.transport.write(ANSWERS[what])
            self.transport.close()
        elif what == "/reset":
            self.transport.abort()
        elif what == "/to-ours":
            there = f"ws://127.0.0.1:{self.place.ports['ours']}/"
            self.transport.write(REDIRECT + there.encode() + b"\r\n\r\n")
        else:
            key = wire.parse_head(self.head)[1]["sec-websocket-key"]
            self.transport.write(wire.response(key))
            if what == "/half-open":
                self.transport.write_eof()
            elif what == "/cut-frame":
                self.transport.write(b"\x82\x7e\x10\x00 the beginning")
                self.transport.write_eof()
            elif what == "/deaf":
                self.transport.pause_reading()
                asyncio.get_running_loop().call_later(0.3, self.transport.abort)


@dataclass
class Place:
    """`ports` of what listens, by name; `peers` are the raw ones that are connected."""

    stack: stacks.Stack
    note: Callable[[str], None]
    """Takes what is wrong."""
    ports: dict[str, int] = field(default_factory=dict)
    peers: set[RawPeer] = field(default_factory=set)
    proxies: list[ProxyServer] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is connected to what is not ours."""
        return not self.peers and not any(proxy.open_count for proxy in self.proxies)

    def forget(self) -> None:
        """What the proxies have noted."""
        for proxy in self.proxies:
            proxy.targets.clear()
            proxy.heads.clear()
            proxy.sent.clear()

    @property
    def options(self) -> dict[str, Any]:
        """For a client on plain TCP."""
        return {"use_aiofastnet": self.stack.use_aiofastnet, "websocket_handshake_timeout": 30}

    def url(self, name: str, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'wss' if 'tls' in name else 'ws'}://{host}:{self.ports[name]}{path}"

    async def _ours(self, name: str, tls: ssl.SSLContext | None, **options: Any) -> Any:
        given = {"use_aiofastnet": self.stack.use_aiofastnet} | options
        if tls is not None:
            given["ssl_handshake_timeout"] = TLS_SECONDS_MAX
        server = await ws_create_server(factory, "0.0.0.0", 0, ssl=tls, **given)
        self.ports[name] = server.sockets[0].getsockname()[1]
        return server

    async def _raw(self, name: str, answer: str, tls: ssl.SSLContext | None = None) -> Any:
        loop = asyncio.get_running_loop()
        made = await loop.create_server(lambda: RawPeer(self, answer), "0.0.0.0", 0, ssl=tls)
        self.ports[name] = made.sockets[0].getsockname()[1]
        return made

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Place]:
        pings = {"auto_ping_idle_timeout": 0.02, "auto_ping_reply_timeout": 0.02}
        tls = stacks.server_tls()
        hurry = {"websocket_handshake_timeout": 0.05}
        servers = [
            await self._ours("ours", None),
            await self._ours("ours-tls", tls),
            await self._ours("pinging", None, enable_auto_ping=True, **pings),
            await self._ours("hurried", None, **hurry),
            await self._ours("hurried-tls", tls, **hurry),
            await self._ours("crowded", None, max_pending_handshakes=2),
            await self._raw("raw", ""),
            await self._raw("silent", "silent"),
            await self._raw("silent-not-tls", "silent"),
            await self._raw("http-not-tls", "/garbage"),
            await self._raw("socks-refuses", "/socks-refuses"),
            await self._raw("http-refuses", "/proxy-refuses"),
        ]
        self.ports["nobody"] = 1
        try:
            async with proxy_server("http") as http, proxy_server("socks5") as socks5:
                self.ports |= {"http-proxy": http.port, "socks5-proxy": socks5.port}
                self.proxies = [http, socks5]
                yield self
        finally:
            for server in servers:
                server.close()
            for peer in list(self.peers):
                peer.transport.abort()
            for server in servers:
                await server.wait_closed()
