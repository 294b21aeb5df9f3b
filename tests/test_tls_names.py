"""The name in a certificate and in SNI of a host that ends in a dot."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest
from support import stacks
from support.proxies import proxy_server

from picows import (
    WSListener,
    WSParsedURL,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
)
from picows.testing.recorder import Recorder, serving

TLS = [stack for stack in stacks.STACKS if stack.tls]


def naming_tls() -> tuple[ssl.SSLContext, list[str | None]]:
    """A server's context for localhost, and the names that clients say to it."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stacks._authority().issue_cert("localhost").configure_cert(context)
    context.sni_callback = lambda _, name, __: names.append(name)
    return context, names


def to_loopback(url: WSParsedURL) -> socket.socket:
    """Stands for a resolver that knows the name with its dot."""
    return socket.create_connection(("127.0.0.1", url.port))


def resolve_dots(loop: asyncio.AbstractEventLoop) -> None:
    """Have names with a dot at their end resolved as those without: this machine may not."""
    usual = loop.getaddrinfo

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        return await usual(host.removesuffix("."), port, **options)

    loop.getaddrinfo = getaddrinfo  # type: ignore[assignment]


async def connect(url: str, **options: Any) -> None:
    transport, _ = await ws_connect(WSListener, url, ssl_context=stacks.client_tls(), **options)
    assert transport.is_secure
    transport.disconnect()
    await transport.wait_disconnected()


@pytest.mark.parametrize("stack", TLS, ids=str)
def test_a_dot_at_the_end_is_no_part_of_the_name(stack: stacks.Stack) -> None:
    """RFC 6066 3: `wss://localhost.:port/` was compared with the certificate dot and all."""

    async def main() -> None:
        context, names = naming_tls()
        listener = Recorder()
        async with serving(lambda _: listener, ssl=context) as port:
            await connect(
                f"wss://localhost.:{port}/",
                socket_factory=to_loopback,
                use_aiofastnet=stack.use_aiofastnet,
            )
            assert names == ["localhost"]
            # What the request says is what the URL says.
            assert listener.transport.request.headers["Host"] == f"localhost.:{port}"

    stacks.run(stack.loop, main())


async def test_without_a_socket_of_the_users() -> None:
    resolve_dots(asyncio.get_running_loop())
    context, names = naming_tls()
    async with serving(lambda _: WSListener(), ssl=context) as port:
        await connect(f"wss://localhost.:{port}/")
    assert names == ["localhost"]


async def test_behind_a_redirect() -> None:
    resolve_dots(asyncio.get_running_loop())
    context, names = naming_tls()
    async with serving(lambda _: WSListener(), ssl=context) as port:
        response = WSUpgradeResponse.create_redirect_response(307, f"wss://localhost.:{port}/")
        moved = WSUpgradeResponseWithListener(response, None)
        async with serving(lambda _: moved) as first:
            await connect(f"ws://127.0.0.1:{first}/")
    assert names == ["localhost"]


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
async def test_through_a_proxy(kind: str) -> None:
    """Both the proxy's name and the server's."""
    resolve_dots(asyncio.get_running_loop())
    context, names = naming_tls()
    async with serving(lambda _: WSListener(), ssl=context) as port, proxy_server(kind) as proxy:
        more = {"proxy_ssl_context": stacks.client_tls()} if kind == "https" else {}
        there = proxy.url().replace("127.0.0.1", "localhost.")
        await connect(f"wss://localhost.:{port}/", proxy=there, **more)
        assert proxy.targets == [("localhost.", port)]
    assert names == ["localhost"]


async def test_a_name_that_the_user_gives_is_left_alone() -> None:
    context, names = naming_tls()
    async with serving(lambda _: WSListener(), ssl=context) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"wss://127.0.0.1:{port}/", server_hostname="localhost.")
    assert names == ["localhost."]
