"""Redirects: where they lead, and what the next server must not see."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support import stacks

from picows import (
    WSHandshakeError,
    WSInvalidStatusError,
    WSInvalidURL,
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
)
from picows.client.redirect import Hop, next_hop
from picows.testing import wire
from picows.testing.peers import SECONDS_MAX, RawServer, raw_server
from picows.testing.recorder import URL, Recorder, serving
from picows.url import parse_url

SECRETS = [
    ("Authorization", "Bearer s3cret"),
    ("cookie", "session=s3cret"),
    ("Proxy-Authorization", "Basic s3cret"),
    ("HOST", "s3cret.example"),
]
OTHERS = [("X-Kept", "1"), ("Sec-WebSocket-Protocol", "chat")]


def answer(location: str | None, status: int = 302) -> WSInvalidStatusError:
    response = WSUpgradeResponse.create_redirect_response(status, location or "")
    if location is None:
        del response.headers["Location"]
    return WSInvalidStatusError("text", b"head", b"body", response)


def redirection(location: str | None, line: str = "HTTP/1.1 302 Found") -> bytes:
    field = "" if location is None else f"Location: {location}\r\n"
    return f"{line}\r\n{field}Content-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("url", "location", "there"),
    [
        ("ws://host:81/a/b?c", "d", "ws://host:81/a/d"),
        ("ws://host:81/a/b?c", "/d?e=f", "ws://host:81/d?e=f"),
        ("ws://host:81/a/b?c", "../d", "ws://host:81/d"),
        ("ws://host:81/a/b?c", "?d", "ws://host:81/a/b?d"),
        ("ws://host:81/a/b?c", "//other/d", "ws://other/d"),
        ("ws://host/a", "ws://other:82/d", "ws://other:82/d"),
        ("ws://host/a", "wss://host/a", "wss://host/a"),
        ("ws://host/a", "http://host/a/", "ws://host/a/"),
        ("ws://host/a", "HTTPS://other/d", "wss://other/d"),
        ("wss://host/a", "https://host:8443/a", "wss://host:8443/a"),
        ("wss://host/a", "/b#fragment", "wss://host/b"),
        ("WSS://Host/a", "b", "wss://host/b"),
        ("ws://[::1]:81/a", "/b", "ws://[::1]:81/b"),
        ("ws://host/a", "/caf\xe9", "ws://host/caf%C3%A9"),
    ],
)
def test_where_a_location_leads(url: str, location: str, there: str) -> None:
    hop = next_hop(Hop(parse_url(url), []), answer(location))
    expected = parse_url(there)
    assert hop.url.resource_name == expected.resource_name
    assert hop.url.host_header == expected.host_header
    assert (hop.url.scheme, hop.url.port) == (expected.scheme, expected.port)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("ws://host/", None),
        ("ws://host/", ""),
        ("ws://host/", "mailto:a@b"),
        ("ws://host/", "ftp://host/"),
        ("ws://host/", "http:///path"),
        ("ws://host/", "ws://host:99999/"),
        ("ws://host/", "ws://[::1/"),
        ("ws://host/", "/a b"),
        ("ws://host/", "/\udcff"),
        ("wss://host/", "ws://host/"),
        ("wss://host/", "ws://other:443/"),
        ("wss://host/", "http://host/"),
    ],
)
def test_where_nobody_goes(url: str, location: str | None) -> None:
    error = answer(location)
    with pytest.raises(WSHandshakeError) as raised:
        next_hop(Hop(parse_url(url), []), error)
    assert not isinstance(raised.value, WSInvalidURL | WSInvalidStatusError)
    assert raised.value.response is error.response
    assert (raised.value.raw_header, raised.value.raw_body) == (b"head", b"body")


@pytest.mark.parametrize(
    ("location", "is_same"),
    [
        ("/b", True),
        ("ws://HOST:81/b", True),
        ("http://host:81", True),
        ("ws://host:82/b", False),
        ("ws://host/b", False),
        ("wss://host:81/b", False),
        ("ws://sub.host:81/b", False),
        ("//other:81/b", False),
    ],
)
def test_what_goes_along(location: str, is_same: bool) -> None:
    hop = Hop(parse_url("ws://user:pass@host:81/a"), SECRETS + OTHERS)
    there = next_hop(hop, answer(location))
    assert there.extra_headers == (SECRETS + OTHERS if is_same else OTHERS)
    assert (there.url.username, there.url.password) == (
        ("user", "pass") if is_same else (None, None)
    )


def test_credentials_of_the_location_win() -> None:
    hop = Hop(parse_url("ws://user:pass@host/a"), [])
    for location in ("ws://new@host/", "ws://new@other/"):
        there = next_hop(hop, answer(location))
        assert (there.url.username, there.url.password) == ("new", None)


def test_what_a_log_shows_of_a_hop() -> None:
    hop = Hop(parse_url("ws://user:s3cret@host:81/s3cret?s3cret"), SECRETS)
    assert str(hop) == "ws://host:81"
    assert "s3cret" not in repr(Hop(parse_url("ws://user:s3cret@host/"), SECRETS))


@contextlib.asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[RawServer, RawServer]]:
    async with raw_server() as first, raw_server() as second:
        yield first, second


async def head_of(server: RawServer) -> tuple[Any, bytes]:
    """The next connection, and the very bytes of its request."""
    peer = await server.accept()
    async with asyncio.timeout(SECONDS_MAX):
        return peer, await peer.reader.readuntil(b"\r\n\r\n")


async def redirected(
    first: RawServer, second: RawServer, location: str, url: str = URL, **options: Any
) -> tuple[bytes, bytes]:
    """The two requests of a connection that was redirected once; the connection is good."""
    connecting = asyncio.create_task(ws_connect(Recorder, url.format(first.port), **options))
    peer, one = await head_of(first)
    peer.send_bytes(redirection(location))
    peer, two = await head_of(second)
    _, headers = wire.parse_head(two)
    peer.send_bytes(wire.response(headers["sec-websocket-key"]))
    transport, listener = await connecting
    assert isinstance(listener, Recorder) and listener.events == ["connected"]
    assert transport.request.path == two.split(b" ")[1]
    transport.disconnect()
    await transport.wait_disconnected()
    return one, two


@pytest.mark.parametrize("line", ["301 Moved Permanently", "302", "303 x", "307 x", "308 x"])
async def test_redirects_are_followed(line: str) -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port) + "a/b"))
        peer, one = await head_of(server)
        peer.send_bytes(redirection("c", f"HTTP/1.1 {line}"))
        peer, two = await head_of(server)
        assert one.startswith(b"GET /a/b HTTP/1.1\r\n")
        assert two.startswith(b"GET /a/c HTTP/1.1\r\n")
        keys = [wire.parse_head(head)[1]["sec-websocket-key"] for head in (one, two)]
        assert keys[0] != keys[1]
        peer.send_bytes(wire.response(keys[1]))
        transport, _ = await connecting
        transport.disconnect()
        assert await server.peers[0].read_to_end() == b""


@pytest.mark.parametrize("status", [300, 304, 305, 306, 200, 404])
async def test_other_answers_are_no_redirects(status: int) -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(ws_connect(Recorder, URL.format(server.port)))
        peer, _ = await head_of(server)
        peer.send_bytes(redirection("/other", f"HTTP/1.1 {status} x"))
        peer.writer.write_eof()
        with pytest.raises(WSInvalidStatusError):
            await connecting


async def test_secrets_stay_with_their_origin() -> None:
    async with two_servers() as (first, second):
        one, two = await redirected(
            first,
            second,
            f"ws://127.0.0.1:{second.port}/there",
            "ws://user:s3cret@127.0.0.1:{}/here?token=s3cret",
            extra_headers=SECRETS[1:] + OTHERS,
        )
        assert one.count(b"s3cret") == 4  # in the request line and in three headers
        assert b"Authorization: Basic dXNlcjpzM2NyZXQ=\r\n" in one
        for name in (b"authorization", b"cookie", b"s3cret", b"dxnlcjpzm2nyzxq"):
            assert name not in two.lower()
        assert f"Host: 127.0.0.1:{second.port}\r\n".encode() in two
        assert b"X-Kept: 1\r\n" in two


async def test_secrets_do_not_come_back() -> None:
    async with two_servers() as (first, second):
        url = f"ws://user:s3cret@127.0.0.1:{first.port}/"
        connecting = asyncio.create_task(ws_connect(Recorder, url, extra_headers=SECRETS))
        peer, _ = await head_of(first)
        peer.send_bytes(redirection(URL.format(second.port)))
        peer, _ = await head_of(second)
        peer.send_bytes(redirection(URL.format(first.port)))
        peer, three = await head_of(first)
        assert b"s3cret" not in three
        assert b"uthorization" not in three
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_the_same_origin_gets_everything_again() -> None:
    async with raw_server() as server:
        one, two = await redirected(
            server,
            server,
            f"http://127.0.0.1:{server.port}/",
            "ws://user:s3cret@127.0.0.1:{}/",
            extra_headers=iter(SECRETS[1:] + OTHERS),
        )
        ours = b"Sec-WebSocket-Key: "
        assert one.partition(ours)[0] == two.partition(ours)[0]
        assert one.partition(ours)[2][24:] == two.partition(ours)[2][24:]


@pytest.mark.parametrize("count_max", [1, 3])
async def test_a_loop_of_redirects_ends(count_max: int) -> None:
    count = 0

    def factory(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        nonlocal count
        count += 1
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_redirect_response(302, f"/{count}"), None
        )

    async with serving(factory) as port:
        with pytest.raises(WSHandshakeError, match=f"more than {count_max} times") as raised:
            await ws_connect(WSListener, URL.format(port), max_redirects=count_max)
        assert count == count_max + 1
        assert raised.value.response is not None
        assert raised.value.response.headers["Location"] == f"/{count_max + 1}"


async def test_none_is_followed_if_none_may_be() -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(
            ws_connect(Recorder, URL.format(server.port), max_redirects=0)
        )
        peer, _ = await head_of(server)
        peer.send_bytes(redirection("/other"))
        with pytest.raises(WSInvalidStatusError) as raised:
            await connecting
        assert raised.value.response and raised.value.response.status == 302
        assert len(server.peers) == 1


async def test_the_clock_starts_again_for_each_attempt() -> None:
    async with raw_server() as server:
        connecting = asyncio.create_task(
            ws_connect(Recorder, URL.format(server.port), websocket_handshake_timeout=0.2)
        )
        for _ in range(2):
            peer, _ = await head_of(server)
            await asyncio.sleep(0.12)
            peer.send_bytes(redirection("/again"))
        await head_of(server)
        with pytest.raises(asyncio.TimeoutError):
            await connecting


async def test_the_log_has_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with two_servers() as (first, second):
        await redirected(
            first,
            second,
            f"ws://new:s3cret@127.0.0.1:{second.port}/s3cret?s3cret",
            "ws://user:s3cret@127.0.0.1:{}/s3cret?s3cret",
            extra_headers=SECRETS,
        )
        records = [record for record in caplog.records if record.name == "picows.client"]
        assert not any("s3cret" in record.getMessage() for record in records)
        (hop,) = [r.getMessage() for r in records if "redirected" in r.getMessage()]
        assert hop == (
            f"redirected from ws://127.0.0.1:{first.port} "
            f"to ws://127.0.0.1:{second.port} (status 302)"
        )


def redirector(location: Callable[[], str]) -> Callable[[Any], Any]:
    def factory(request: WSUpgradeRequest) -> Any:
        response = WSUpgradeResponse.create_redirect_response(301, location())
        return WSUpgradeResponseWithListener(response, None)

    return factory


@pytest.mark.parametrize("stack", [s for s in stacks.STACKS if s.tls], ids=str)
def test_tls_is_never_given_up(stack: stacks.Stack) -> None:
    there = ""

    async def main() -> None:
        nonlocal there
        async with (
            raw_server() as plain,
            serving(redirector(lambda: there), **stack.server_options) as port,
        ):
            for scheme in ("ws", "http"):
                there = f"{scheme}://127.0.0.1:{plain.port}/"
                with pytest.raises(WSHandshakeError, match="from wss to ws"):
                    await ws_connect(WSListener, stack.url(port), **stack.client_options)
            assert plain.peers == []

    stacks.run(stack.loop, main())


@pytest.mark.parametrize("stack", [s for s in stacks.STACKS if s.tls], ids=str)
def test_from_plain_to_tls(stack: stacks.Stack) -> None:
    async def main() -> None:
        async with serving(lambda _: Recorder(), **stack.server_options) as port:
            there = f"https://localhost:{port}/"
            async with serving(redirector(lambda: there)) as plain_port:
                transport, _ = await ws_connect(
                    WSListener, URL.format(plain_port), **stack.client_options
                )
                assert transport.is_secure
                transport.disconnect()
                await transport.wait_disconnected()

    stacks.run(stack.loop, main())


async def test_the_name_in_a_certificate_is_for_one_host() -> None:
    """server_hostname is given for the first host; another one answers to its own name."""
    named = {"ssl": stacks.server_tls("first.example")}
    for host, tls in (("127.0.0.1", named), ("localhost", {"ssl": stacks.server_tls("localhost")})):
        async with serving(lambda _: WSListener(), **tls) as port:
            there = f"wss://{host}:{port}/"
            async with serving(redirector(lambda: there), **named) as first:  # noqa: B023
                transport, _ = await ws_connect(
                    WSListener,
                    f"wss://127.0.0.1:{first}/",
                    ssl_context=stacks.client_tls(),
                    server_hostname="first.example",
                )
                transport.disconnect()
                await transport.wait_disconnected()
