"""Requests that ask a server of ours for an upgrade, rightly and wrongly."""

from __future__ import annotations

import asyncio
import logging

import pytest
from support import stacks

from picows.testing import wire
from picows.testing.peers import Peer, open_raw
from picows.testing.recorder import Recorder, serving

KEY = wire.HANDSHAKE_KEY


async def exchange(peer: Peer, request: bytes) -> tuple[str, dict[str, str]]:
    peer.send_bytes(request)
    return await peer.read_head()


GOOD: dict[str, bytes] = {
    "Firefox": wire.request({"Connection": "keep-alive, Upgrade"}),
    "two lists": wire.request({"Connection": "keep-alive"}, more="Connection: upgrade\r\n"),
    "names in any case": wire.request(line="GET / HTTP/1.1").replace(b"Upgrade:", b"uPGRADE:"),
    "values in any case": wire.request({"Upgrade": "WebSocket", "Connection": "UPGRADE"}),
    "several protocols to upgrade to": wire.request({"Upgrade": "h2c, websocket"}),
    "no space after the colon": wire.request().replace(b": ", b":"),
    "tabs around values": wire.request({"Upgrade": "\t websocket \t"}),
    "an offer of extensions": wire.request({"Sec-WebSocket-Extensions": "permessage-deflate"}),
    "a body of nothing": wire.request({"Content-Length": "0"}),
    "a long path": wire.request(line=f"GET /{'a' * 8000} HTTP/1.1"),
    "an absolute path": wire.request(line="GET http://127.0.0.1/ HTTP/1.1"),
    "128 headers": wire.request(more="A: b\r\n" * 123),
    "bytes above ASCII": wire.request({"X-Text": "caf\xe9"}),
}

BAD: dict[str, bytes] = {
    "POST": wire.request(line="POST / HTTP/1.1"),
    "HEAD": wire.request(line="HEAD / HTTP/1.1"),
    "CONNECT": wire.request(line="CONNECT a:1 HTTP/1.1"),
    "HTTP/1.0": wire.request(line="GET / HTTP/1.0"),
    "HTTP/2.0": wire.request(line="GET / HTTP/2.0"),
    "HTTP of no version": wire.request(line="GET /"),
    "lower case HTTP": wire.request(line="GET / http/1.1"),
    "four words": wire.request(line="GET / a HTTP/1.1"),
    "two spaces": wire.request(line="GET  / HTTP/1.1"),
    "no target": wire.request(line="GET  HTTP/1.1"),
    "a control character in the target": wire.request(line="GET /\x01 HTTP/1.1"),
    "a byte above ASCII in the target": wire.request(line="GET /\xe9 HTTP/1.1"),
    "no Host": wire.request({"Host": None}),
    "two Hosts": wire.request(more="Host: other\r\n"),
    "no Upgrade": wire.request({"Upgrade": None}),
    "Upgrade to something else": wire.request({"Upgrade": "h2c"}),
    "Upgrade to something longer": wire.request({"Upgrade": "websockets"}),
    "no Connection": wire.request({"Connection": None}),
    "Connection: keep-alive": wire.request({"Connection": "keep-alive"}),
    "Connection: upgrade-insecure": wire.request({"Connection": "upgrade-insecure"}),
    "no key": wire.request({"Sec-WebSocket-Key": None}),
    "an empty key": wire.request({"Sec-WebSocket-Key": ""}),
    "two keys": wire.request(more=f"Sec-WebSocket-Key: {KEY}\r\n"),
    "a key of 15 bytes": wire.request({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAA"}),
    "a key of 17 bytes": wire.request({"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAAA="}),
    "a key that is no base64": wire.request({"Sec-WebSocket-Key": "!" * 22 + "=="}),
    "a key in URL base64": wire.request({"Sec-WebSocket-Key": "-_" * 11 + "=="}),
    "a body": wire.request({"Content-Length": "1"}) + b"x",
    "a body of a negative size": wire.request({"Content-Length": "-1"}),
    "a body of a size in words": wire.request({"Content-Length": "none"}),
    "two sizes of a body": wire.request({"Content-Length": "0"}, more="Content-Length: 0\r\n"),
    "a chunked body": wire.request({"Transfer-Encoding": "chunked"}),
    "a folded header": wire.request(more="A: b\r\n c\r\n"),
    "a fold at the start": wire.request().replace(b"\r\n", b"\r\n ", 1),
    "a space before the colon": wire.request(more="A : b\r\n"),
    "a header of no name": wire.request(more=": b\r\n"),
    "a header of no colon": wire.request(more="A\r\n"),
    "a name that is no token": wire.request(more="A(b): c\r\n"),
    "NUL in a value": wire.request(more="A: b\0c\r\n"),
    "CR in a value": wire.request(more="A: b\rc\r\n"),
    "DEL in a value": wire.request(more="A: b\x7f\r\n"),
    "LF alone": wire.request().replace(b"\r\n", b"\n"),
    "one LF alone": wire.request(more="A: b\nC: d\r\n"),
    "an empty line first": b"\r\n" + wire.request(),
    "TLS": bytes.fromhex("160301020001000c0a0d0a") + bytes(50),
}

TOO_LARGE: dict[str, bytes] = {
    "129 headers": wire.request(more="A: b\r\n" * 124),
    "more than 16 KiB": wire.request(more=f"A: {'b' * 16384}\r\n"),
    "16 KiB of no line": b"GET /" + b"a" * 16380,
}

VERSIONS: dict[str, bytes] = {
    "8": wire.request({"Sec-WebSocket-Version": "8"}),
    "7": wire.request({"Sec-WebSocket-Version": "7"}),
    "14": wire.request({"Sec-WebSocket-Version": "14"}),
    "013": wire.request({"Sec-WebSocket-Version": "013"}),
    "none": wire.request({"Sec-WebSocket-Version": None}),
    "two": wire.request(more="Sec-WebSocket-Version: 13\r\n"),
}


@pytest.mark.parametrize("name", GOOD)
async def test_good_requests_are_upgraded(name: str) -> None:
    listener = Recorder()
    async with serving(lambda _: listener) as port:
        peer = await open_raw(port)
        line, headers = await exchange(peer, GOOD[name])
        assert line == "HTTP/1.1 101 Switching Protocols"
        assert headers["sec-websocket-accept"] == wire.accept(KEY)
        assert "sec-websocket-extensions" not in headers
        await peer.close()
        await listener.until_disconnected()


async def test_a_header_that_is_no_utf8_keeps_its_bytes() -> None:
    listener = Recorder()
    async with serving(lambda _: listener) as port:
        peer = await open_raw(port)
        await exchange(peer, wire.request({"X-Text": "caf\xe9"}))
        text = listener.transport.request.headers["X-Text"]
        assert text.encode("utf-8", "surrogateescape") == b"caf\xe9"
        await peer.close()
        await listener.until_disconnected()


async def test_a_request_byte_by_byte() -> None:
    listener = Recorder()
    async with serving(lambda _: listener) as port:
        peer = await open_raw(port)
        for byte in wire.request():
            peer.send_bytes(bytes([byte]))
            await asyncio.sleep(0)
        assert (await peer.read_head())[0].startswith("HTTP/1.1 101 ")
        await peer.close()
        await listener.until_disconnected()


@pytest.mark.parametrize(
    ("name", "status"),
    [(name, 400) for name in BAD]
    + [(name, 426) for name in VERSIONS]
    + [(name, 431) for name in TOO_LARGE],
)
async def test_bad_requests_are_refused(
    name: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Recorder()
    async with serving(lambda _: listener) as port:
        peer = await open_raw(port)
        line, headers = await exchange(peer, (BAD | VERSIONS | TOO_LARGE)[name])
        assert line.startswith(f"HTTP/1.1 {status} ")
        assert headers["connection"] == ("Upgrade, close" if status == 426 else "close")
        # RFC 6455 4.4: which version to come back with.
        assert headers.get("sec-websocket-version") == ("13" if status == 426 else None)
        body = await peer.read_to_end()
        assert len(body) == (0 if name == "HEAD" else int(headers["content-length"]))
        await peer.close()
    assert listener.events == []
    [record] = [record for record in caplog.records if record.levelno > logging.INFO]
    assert (record.name, record.levelno) == ("picows.server", logging.WARNING)
    assert str(status) in record.getMessage()


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
def test_a_refusal_reaches_the_client_on_every_stack(stack: stacks.Stack) -> None:
    async def main() -> None:
        async with serving(lambda _: Recorder(), **stack.server_options) as port:
            peer = await open_raw(port, stacks.client_tls() if stack.tls else None)
            # What is still coming must not make the server reset the connection.
            line, headers = await exchange(peer, BAD["POST"] + bytes(100_000))
            assert line.startswith("HTTP/1.1 400 ")
            assert len(await peer.read_to_end()) == int(headers["content-length"])
            await peer.close()

    stacks.run(stack.loop, main())
