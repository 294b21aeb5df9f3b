"""Connections through proxies that do what they should."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from python_socks import ProxyError
from support import stacks
from support.proxies import ProxyServer, proxy_server

from picows import (
    WSInvalidURL,
    WSListener,
    WSMsgType,
    WSProxyError,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
)
from picows.testing import wire
from picows.testing.peers import raw_server
from picows.testing.recorder import URL, Recorder, serving
from picows.testing.wire import BINARY, TEXT, Frame

KINDS = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


def options_of(proxy: ProxyServer, user_info: str = "") -> dict[str, Any]:
    tls = stacks.client_tls() if proxy.kind == "https" else None
    return {"proxy": proxy.url(user_info), "proxy_ssl_context": tls}


async def close(transport: WSTransport) -> None:
    transport.disconnect()
    await transport.wait_disconnected()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_every_kind_on_every_stack(stack: stacks.Stack, kind: str) -> None:
    """TLS inside of TLS is among them."""

    async def main() -> None:
        big = bytes(range(256)) * 4096
        async with (
            serving(lambda _: Echo(), **stack.server_options) as port,
            proxy_server(kind) as proxy,
        ):
            url = stack.url(port).replace("127.0.0.1", "localhost")
            transport, listener = await ws_connect(
                Recorder, url, **stack.client_options, **options_of(proxy)
            )
            assert isinstance(listener, Recorder)
            transport.send(WSMsgType.TEXT, b"hello")
            transport.send(WSMsgType.BINARY, big)
            assert await listener.until_frames(2) == [Frame(TEXT, b"hello"), Frame(BINARY, big)]
            assert transport.is_secure == (stack.tls or kind == "https")
            await close(transport)
            assert listener.events == ["connected", "frame", "frame", "disconnected"]
            # A name is the proxy's to resolve, but SOCKS4 without the A has addresses only.
            host = "127.0.0.1" if kind == "socks4" else "localhost"
            assert proxy.targets == [(host, port)]

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("kind", KINDS)
async def test_credentials(kind: str) -> None:
    # On the wire SOCKS4 has the user name alone.
    code = 407 if kind.startswith("http") else 0x5D if kind.startswith("socks4") else None
    async with (
        serving(lambda _: Echo()) as port,
        proxy_server(kind, ("us er", "s3:cret")) as proxy,
    ):
        url = URL.format(port)
        transport, _ = await ws_connect(Recorder, url, **options_of(proxy, "us%20er:s3%3Acret"))
        await close(transport)
        for wrong in ("other:s3%3Acret", ""):
            with pytest.raises(WSProxyError, match="refused") as raised:
                await ws_connect(Recorder, url, **options_of(proxy, wrong))
            assert "cret" not in str(raised.value)
            assert raised.value.error_code == code
            if kind.startswith("socks"):
                assert type(raised.value.__cause__) is ProxyError
        assert len(proxy.targets) == 1


async def test_credentials_of_an_http_proxy_are_utf8() -> None:
    async with serving(lambda _: Echo()) as port, proxy_server("http", ("\xfcser", "")) as proxy:
        transport, _ = await ws_connect(
            Recorder, URL.format(port), **options_of(proxy, "%C3%BCser")
        )
        await close(transport)


async def test_the_proxy_and_the_server_learn_only_what_is_theirs() -> None:
    async with raw_server() as server, proxy_server("http", ("user", "proxysecret")) as proxy:
        connecting = asyncio.create_task(
            ws_connect(
                Recorder,
                f"ws://user:serversecret@127.0.0.1:{server.port}/path?query",
                extra_headers={"Cookie": "serversecret"},
                **options_of(proxy, "user:proxysecret"),
            )
        )
        await server.accept_upgraded()
        transport, _ = await connecting
        await close(transport)
        assert b"Proxy-Authorization: Basic dXNlcjpwcm94eXNlY3JldA==\r\n" in proxy.heads[0]
        assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
        for word in (b"\r\nAuthorization", b"Cookie", b"query", b"Sec-WebSocket"):
            assert word not in proxy.heads[0]
        assert b"Cookie: serversecret\r\n" in proxy.sent
        assert b"Proxy-" not in proxy.sent


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("ws://[0:0::1]/", b"CONNECT [::1]:80 HTTP/1.1"),
        ("ws://[fe80::1%25eth0]:8080/", b"CONNECT [fe80::1]:8080 HTTP/1.1"),
        ("wss://Name.Example/", b"CONNECT name.example:443 HTTP/1.1"),
        ("ws://b\xfccher.example/", b"CONNECT xn--bcher-kva.example:80 HTTP/1.1"),
    ],
)
async def test_what_an_http_proxy_is_asked_for(url: str, line: bytes) -> None:
    async with raw_server() as proxy:
        connecting = asyncio.create_task(
            ws_connect(Recorder, url, proxy=f"http://127.0.0.1:{proxy.port}")
        )
        peer = await proxy.accept()
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert head == line + b"\r\nHost: " + line.split(b" ")[1] + b"\r\n\r\n"
        peer.send_bytes(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        with pytest.raises(WSProxyError, match="502 Bad Gateway") as raised:
            await connecting
        assert raised.value.error_code == 502


async def test_an_ipv6_address_through_socks() -> None:
    async with raw_server() as proxy:
        url = "ws://[fe80::1%25eth0]:258/"
        connecting = asyncio.create_task(
            ws_connect(Recorder, url, proxy=f"socks5://127.0.0.1:{proxy.port}")
        )
        peer = await proxy.accept()
        peer.send_bytes(b"\x05\x00")
        expected = b"\x05\x01\x00\x05\x01\x00\x04\xfe\x80" + bytes(13) + b"\x01\x01\x02"
        assert await peer.reader.readexactly(len(expected)) == expected
        await peer.close()
        with pytest.raises(WSProxyError, match="closed the connection"):
            await connecting
        with pytest.raises(WSProxyError, match="IPv6"):
            await ws_connect(Recorder, url, proxy=f"socks4://127.0.0.1:{proxy.port}")


@pytest.mark.parametrize(
    "proxy",
    [
        "ftp://127.0.0.1:1",
        "ws://127.0.0.1:1",
        "socks6://127.0.0.1:1",
        "socks5a://127.0.0.1:1",
        "socks4h://127.0.0.1:1",
        "127.0.0.1:1",
        "",
        "http://",
        "http://127.0.0.1:0",
        "http://127.0.0.1:1/#fragment",
        "http://us%3Aer:s3cret@127.0.0.1:1",
        "socks4://\xfcser@127.0.0.1:1",
        "socks5://user:\xfc@127.0.0.1:1",
        "socks5://user@127.0.0.1:1",
        "socks5h://user@127.0.0.1:1",
        "socks5://user:@127.0.0.1:1",
        "socks5://:s3cret@127.0.0.1:1",
        f"socks5://user:{'x' * 256}@127.0.0.1:1",
    ],
)
async def test_a_url_that_no_proxy_has(proxy: str) -> None:
    # Nothing listens at port 1: the answer is here before anybody is asked.
    with pytest.raises(WSInvalidURL) as raised:
        await ws_connect(Recorder, "ws://127.0.0.1:1/", proxy=proxy)
    assert isinstance(raised.value, ValueError)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1", "socks5://127.0.0.1:1"])
async def test_a_context_that_no_proxy_uses(proxy: str | None) -> None:
    with pytest.raises(ValueError, match="proxy_ssl_context"):
        await ws_connect(
            Recorder, "ws://127.0.0.1:1/", proxy=proxy, proxy_ssl_context=stacks.client_tls()
        )


async def test_options_of_tls_without_tls() -> None:
    with pytest.raises(ValueError, match="ssl_handshake_timeout: only meaningful with wss"):
        await ws_connect(
            Recorder, "ws://127.0.0.1:1/", proxy="http://127.0.0.1:1", ssl_handshake_timeout=1
        )


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_is_not_there(kind: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        await ws_connect(Recorder, "ws://127.0.0.1:1/", proxy=f"{kind}://127.0.0.1:1")


@pytest.mark.parametrize("stack", [s for s in stacks.STACKS if s.tls], ids=str)
def test_certificates_are_checked(stack: stacks.Stack) -> None:
    """The proxy's with the proxy's context, the server's with the server's, each for its name."""

    async def main() -> None:
        fast = {"use_aiofastnet": stack.use_aiofastnet}
        async with (
            serving(lambda _: Echo(), **stack.server_options) as port,
            proxy_server("https") as proxy,
        ):
            url = stack.url(port)
            for wrong in (
                fast | {"ssl_context": stacks.client_tls(), "proxy": proxy.url()},
                fast | options_of(proxy),
                fast
                | options_of(proxy)
                | {"ssl_context": stacks.client_tls(), "server_hostname": "other.example"},
            ):
                with pytest.raises(ssl.SSLCertVerificationError):
                    await ws_connect(Recorder, url, **wrong)
            # The given name is the server's: if it were the proxy's too, this would fail.
            elsewhere = stacks.client_tls()
            transport, _ = await ws_connect(
                Recorder,
                url,
                server_hostname="localhost",
                ssl_context=elsewhere,
                **fast,
                **options_of(proxy),
            )
            await close(transport)

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("kind", KINDS)
async def test_other_options_are_for_the_connection_to_the_proxy(kind: str) -> None:
    async with serving(lambda _: Echo()) as port, proxy_server(kind) as proxy:
        transport, _ = await ws_connect(
            Recorder, URL.format(port), local_addr=("127.0.0.2", 0), **options_of(proxy)
        )
        assert transport.underlying_transport.get_extra_info("sockname")[0] == "127.0.0.2"
        assert transport.underlying_transport.get_extra_info("peername")[1] == proxy.port
        await close(transport)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_redirect_goes_through_the_proxy_too(kind: str) -> None:
    def factory(request: WSUpgradeRequest) -> Any:
        if request.path == b"/there":
            return Echo()
        location = f"ws://127.0.0.1:{port}/there"
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_redirect_response(302, location), None
        )

    async with serving(factory) as port, proxy_server(kind) as proxy:
        transport, _ = await ws_connect(Recorder, URL.format(port), **options_of(proxy))
        assert transport.request.path == b"/there"
        await close(transport)
        assert proxy.targets == [("127.0.0.1", port)] * 2


async def test_an_interim_answer_is_not_the_answer() -> None:
    async with raw_server() as proxy:
        connecting = asyncio.create_task(
            ws_connect(Recorder, "ws://host.example/", proxy=f"http://127.0.0.1:{proxy.port}")
        )
        peer = await proxy.accept()
        await peer.read_head()
        peer.send_bytes(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 299\r\nContent-Length: 3\r\n\r\n")
        line, headers = await peer.read_head()
        assert line == "GET / HTTP/1.1"
        assert headers["host"] == "host.example"
        peer.send_bytes(wire.response(headers["sec-websocket-key"]))
        transport, _ = await connecting
        await close(transport)
