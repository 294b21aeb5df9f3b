"""A TLS server of ours, its clients, and strangers that never get as far."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from picows import WSListener, WSTransport, ws_connect, ws_create_server
from picows.server.listening import TcpServer
from picows.testing.peers import SECONDS_MAX, Peer
from picows.testing.recorder import Recorder

from . import stacks


async def listening(
    factory: Any = lambda _: Recorder(), port: int = 0, **options: Any
) -> tuple[TcpServer, int]:
    given = {"ssl": stacks.server_tls()} | options
    server: Any = await ws_create_server(factory, "127.0.0.1", port, **given)
    assert isinstance(server, TcpServer)
    return server, server.sockets[0].getsockname()[1]


async def connected(port: int, factory: Any = WSListener) -> Any:
    url = f"wss://localhost:{port}/"
    return await ws_connect(factory, url, ssl_context=stacks.client_tls())


async def ended(server: TcpServer, how: str = "abort_clients") -> None:
    server.close()
    getattr(server, how)()
    async with asyncio.timeout(SECONDS_MAX):
        await server.wait_closed()


async def read_to_end(peer: Peer) -> bytes:
    try:
        return await peer.read_to_end()
    except ConnectionResetError:  # for what was not read
        return b""


class Echo(Recorder):
    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        super().on_ws_frame(transport, frame)
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


def server_context(*names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stacks._authority().issue_cert(*(names or ("localhost",)), **options).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    stacks._authority().configure_trust(context)
    return context


def refused_by_ssl(port: int, context: ssl.SSLContext, name: str) -> ssl.SSLError:
    """What Python's own sockets raise."""
    with (
        socket.create_connection(("127.0.0.1", port)) as sock,
        pytest.raises(ssl.SSLError) as caught,
    ):
        context.wrap_socket(sock, server_hostname=name)
    return caught.value
