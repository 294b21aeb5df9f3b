"""Requests that are no upgrade, as load balancers send: the listener factory may answer them."""

from __future__ import annotations

from typing import Any

import pytest
from support import stacks

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.testing import wire
from picows.testing.peers import open_raw
from picows.testing.recorder import Recorder, serving

# HAProxy's `option httpchk` in its own words, and what it says with `http-check send`.
HAPROXY = b"OPTIONS / HTTP/1.0\r\n\r\n"
HAPROXY_GET = b"GET /health HTTP/1.0\r\n\r\n"
HAPROXY_HEAD = b"HEAD /health HTTP/1.0\r\nConnection: close\r\n\r\n"
NGINX = b"GET /health HTTP/1.0\r\nHost: backend\r\nConnection: close\r\n\r\n"
CURL_HEAD = b"HEAD /health HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n"
CURL = CURL_HEAD.replace(b"HEAD", b"GET")


class Factory:
    """Health checks at /health, WebSocket elsewhere."""

    def __init__(self) -> None:
        self.requests: list[WSUpgradeRequest] = []

    def __call__(self, request: WSUpgradeRequest) -> Any:
        self.requests.append(request)
        if request.path != b"/health":
            return Recorder()
        response = WSUpgradeResponse.create_ok_response(b"healthy", {"X-Load": "0.5"})
        return WSUpgradeResponseWithListener(response, None)


async def answer(factory: Any, request: bytes, **options: Any) -> tuple[str, dict[str, str], bytes]:
    async with serving(factory, **options) as port:
        peer = await open_raw(port, stacks.client_tls() if options.get("ssl") else None)
        peer.send_bytes(request)
        line, headers = await peer.read_head()
        body = await peer.read_to_end()
        await peer.close()
        return line, headers, body


@pytest.mark.parametrize("stack", stacks.STACKS, ids=str)
@pytest.mark.parametrize("request_", [HAPROXY_GET, HAPROXY_HEAD, NGINX, CURL, CURL_HEAD])
def test_a_health_check(stack: stacks.Stack, request_: bytes) -> None:
    """HTTP/1.0 and HEAD were answered with 400, so that HAProxy took the server down."""

    async def main() -> None:
        factory = Factory()
        line, headers, body = await answer(factory, request_, **stack.server_options)
        assert line == "HTTP/1.1 200 OK"
        assert headers["connection"] == "close"
        assert headers["content-length"] == "7"
        assert headers["x-load"] == "0.5"
        is_head = request_.startswith(b"HEAD")
        assert body == (b"" if is_head else b"healthy")
        [request] = factory.requests
        assert request.method == (b"HEAD" if is_head else b"GET")
        assert request.version == (b"HTTP/1.0" if b"HTTP/1.0" in request_ else b"HTTP/1.1")
        assert request.path == b"/health"

    stacks.run(stack.loop, main())


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        wire.request(line="HEAD / HTTP/1.1"),
        wire.request(line="GET / HTTP/1.0"),
    ],
)
async def test_a_listener_for_what_is_no_upgrade_is_400(request_: bytes) -> None:
    line, headers, body = await answer(Factory(), request_)
    assert line == "HTTP/1.1 400 Bad Request"
    is_head = request_.startswith(b"HEAD")
    assert len(body) == (0 if is_head else int(headers["content-length"]))
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(("result", "status"), [(None, 404), (ValueError(), 500)])
@pytest.mark.parametrize("request_", [HAPROXY_GET, HAPROXY_HEAD, CURL_HEAD])
async def test_other_answers(result: Any, status: int, request_: bytes) -> None:
    def factory(request: WSUpgradeRequest) -> Any:
        if result is None:
            return None
        raise result

    line, headers, body = await answer(factory, request_)
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert (body == b"") == request_.startswith(b"HEAD")
    assert int(headers["content-length"]) > 0


async def test_a_health_check_that_is_answered_later() -> None:
    async def factory(request: WSUpgradeRequest) -> Any:
        return Factory()(request)

    assert (await answer(factory, HAPROXY_HEAD))[2] == b""
    assert (await answer(factory, HAPROXY_GET))[2] == b"healthy"


@pytest.mark.parametrize(
    "request_",
    [
        HAPROXY,
        b"POST /health HTTP/1.0\r\n\r\n",
        b"get /health HTTP/1.0\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # no Host: RFC 9112 3.2
        b"HEAD /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /health HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
        b"HEAD /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /health HTTP/0.9\r\n\r\n",
        b"GET /health HTTP/1.2\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_malformed_or_not_supported_never_comes_to_the_factory(
    request_: bytes,
) -> None:
    factory = Factory()
    line, _, _ = await answer(factory, request_)
    assert line == "HTTP/1.1 400 Bad Request"
    assert factory.requests == []
