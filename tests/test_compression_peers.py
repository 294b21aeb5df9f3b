"""Other implementations of permessage-deflate, each with the parameters that it sends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.chromium import browsing, find_chromium

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSPermessageDeflate,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
)
from picows.testing.recorder import URL, Recorder, serving

TEXT = WSMsgType.TEXT
EXTENSIONS = "Sec-WebSocket-Extensions"


def messages() -> list[str]:
    """Alike and not, small and large; each refers to those before it as far as a window reaches."""
    rng = random.Random(7692)
    lines = [json.dumps({"id": i, "price": rng.random(), "name": "zwölf"}) for i in range(3000)]
    joined = ["".join(lines[:n]) for n in (1, 2, 10, 100, 1000)]
    return ["", "a", "hello", "hello", *joined, *lines[:50], "".join(lines), *joined]


class Echo(WSListener):
    """Every other message is sent in two fragments."""

    count = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        assert not frame.rsv1
        payload = frame.get_payload_as_bytes()
        self.count += 1
        if self.count % 2 and frame.fin and frame.msg_type != WSMsgType.CONTINUATION:
            half = len(payload) // 2
            transport.send(frame.msg_type, payload[:half], fin=False)
            transport.send(WSMsgType.CONTINUATION, payload[half:])
        else:
            transport.send(frame.msg_type, payload, frame.fin)


async def exchange(url: str, expected: str, options: Any) -> None:
    """Send all messages to an echo of somebody else's."""
    transport, listener = await ws_connect(Recorder, url, permessage_deflate=options)
    assert transport.response.headers.get(EXTENSIONS, "").replace(" ", "") == expected
    received = 0
    for message in messages():
        transport.send(TEXT, message)
        whole = b""
        while True:
            frame = (await listener.until_frames(received + 1))[received]
            received += 1
            whole += frame.payload
            if frame.fin:
                break
        assert whole.decode() == message
    transport.send_close(1000)
    await transport.wait_disconnected()


OURS = [
    pytest.param(True, id="default"),
    pytest.param(WSPermessageDeflate(threshold=0, level=9), id="all"),
    pytest.param(
        WSPermessageDeflate(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=9,
            client_max_window_bits=10,
            threshold=0,
        ),
        id="small",
    ),
]


# websockets


@pytest.mark.parametrize("ours", OURS)
async def test_clients_of_websockets(ours: Any) -> None:
    websockets = pytest.importorskip("websockets")
    theirs = pytest.importorskip("websockets.extensions.permessage_deflate")
    factory = theirs.ClientPerMessageDeflateFactory
    kinds: list[Any] = [
        None,
        [factory()],
        [factory(server_max_window_bits=9, client_max_window_bits=9)],
        [factory(server_no_context_takeover=True, client_no_context_takeover=True)],
    ]
    async with serving(lambda _: Echo(), permessage_deflate=ours) as port:
        for extensions in kinds:
            url = URL.format(port)
            async with websockets.connect(url, extensions=extensions, max_size=None) as ws:
                assert ws.protocol.extensions
                for message in messages():
                    await ws.send(message)
                    assert await ws.recv() == message


@pytest.mark.parametrize("ours", OURS)
async def test_a_server_of_websockets(ours: Any) -> None:
    websockets = pytest.importorskip("websockets")

    async def echo(ws: Any) -> None:
        async for message in ws:
            await ws.send([message[:1], message[1:]] if len(message) % 2 else message)

    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        url = URL.format(server.sockets[0].getsockname()[1])
        transport, _ = await ws_connect(Recorder, url, permessage_deflate=ours)
        answer = transport.response.headers[EXTENSIONS].replace(" ", "")
        transport.disconnect()
        await exchange(url, answer, ours)


# aiohttp


@pytest.mark.parametrize("ours", OURS)
async def test_clients_of_aiohttp(ours: Any) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    async with (
        serving(lambda _: Echo(), permessage_deflate=ours) as port,
        aiohttp.ClientSession() as session,
    ):
        for bits in (15, 9):
            url = URL.format(port)
            async with session.ws_connect(url, compress=bits, max_msg_size=0) as ws:
                assert ws.compress
                for message in messages():
                    await ws.send_str(message)
                    assert await ws.receive_str() == message


@pytest.mark.parametrize("ours", OURS)
async def test_a_server_of_aiohttp(ours: Any) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    web = pytest.importorskip("aiohttp.web")

    async def handle(request: Any) -> Any:
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws

    assert aiohttp
    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = URL.format(site._server.sockets[0].getsockname()[1])
        transport, _ = await ws_connect(Recorder, url, permessage_deflate=ours)
        answer = transport.response.headers.get(EXTENSIONS, "").replace(" ", "")
        transport.disconnect()
        await exchange(url, answer, ours)
    finally:
        await runner.cleanup()


# node's ws


def has_node() -> bool:
    node = shutil.which("node")
    return (
        bool(node)
        and not subprocess.run([str(node), "-e", "require('ws')"], capture_output=True).returncode
    )


NODE = has_node()
needs_node = pytest.mark.skipif(not NODE, reason="node has no ws: npm install ws, and NODE_PATH")
SERVER = """
const {WebSocketServer} = require("ws");
const server = new WebSocketServer({host: "127.0.0.1", port: 0, perMessageDeflate: %s});
server.on("listening", () => console.log(server.address().port));
server.on("connection", ws =>
    ws.on("message", (data, isBinary) => ws.send(data, {binary: isBinary})));
"""
CLIENT = """
const WebSocket = require("ws");
const messages = JSON.parse(require("fs").readFileSync(0));
const ws = new WebSocket(process.argv[1], {perMessageDeflate: %s});
let count = 0;
ws.on("open", () => { console.log(ws.extensions); ws.send(messages[0]); });
ws.on("message", data => {
    if (data.toString() !== messages[count]) { console.log("wrong", count); process.exit(1); }
    if (++count < messages.length) ws.send(messages[count]);
    else { console.log("all"); ws.close(1000); }
});
"""
NODE_OPTIONS = [
    "true",
    "{threshold: 0}",
    "{threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true}",
    "{threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9}",
]


@contextlib.asynccontextmanager
async def node_server(options: str) -> AsyncIterator[str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", "-e", SERVER % options, stdout=pipe)
    assert process.stdout
    try:
        yield URL.format(int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


@needs_node
@pytest.mark.parametrize("theirs", NODE_OPTIONS)
async def test_a_server_of_node(theirs: str) -> None:
    async with node_server(theirs) as url:
        for ours in OURS:
            (options,) = ours.values
            transport, _ = await ws_connect(Recorder, url, permessage_deflate=options)
            answer = transport.response.headers.get(EXTENSIONS, "").replace(" ", "")
            assert answer.startswith("permessage-deflate")
            transport.disconnect()
            await exchange(url, answer, options)


@needs_node
@pytest.mark.parametrize("theirs", NODE_OPTIONS)
async def test_clients_of_node(theirs: str) -> None:
    for ours in OURS:
        async with serving(lambda _: Echo(), permessage_deflate=ours.values[0]) as port:
            process = await asyncio.create_subprocess_exec(
                *("node", "-e", CLIENT % theirs, URL.format(port)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await process.communicate(json.dumps(messages()).encode())
            assert output.decode().split() == ["permessage-deflate", "all"]


# Chromium


CHROMIUM = find_chromium()
IN_A_PAGE = """
new Promise((resolve, reject) => {
    const messages = %s, ws = new WebSocket("%s");
    let count = 0;
    ws.onopen = () => ws.send(messages[0]);
    ws.onerror = () => reject("error");
    ws.onmessage = event => {
        if (event.data !== messages[count]) reject("wrong " + count);
        if (++count < messages.length) ws.send(messages[count]);
        else resolve(ws.extensions);
    };
})
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize("ours", OURS)
async def test_a_browser(ours: Any, tmp_path: Path) -> None:
    assert CHROMIUM

    def page_or_echo(request: WSUpgradeRequest) -> Echo | None:
        return Echo() if "Upgrade" in request.headers else None  # the page says 404

    async with (
        serving(page_or_echo, permessage_deflate=ours) as port,
        browsing(CHROMIUM, tmp_path) as browser,
    ):
        page = await browser.open(f"http://127.0.0.1:{port}/")
        # More is too large for one call of the browser's tools.
        code = IN_A_PAGE % (json.dumps(messages()[:30]), URL.format(port))
        extensions = await page.evaluate(code)
        assert extensions.startswith("permessage-deflate")
