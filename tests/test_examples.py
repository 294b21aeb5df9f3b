"""The programs of examples/: each runs as a process and does what it says."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import re
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.certificates import make_authority
from support.chromium import browsing, find_chromium

from picows import WSCloseCode, WSInvalidStatusError, WSListener, WSMsgType, WSTransport, ws_connect
from picows.testing import Frame, Peer, Recorder, raw_server

FOLDER = Path(__file__).parents[1] / "examples"
SECONDS_MAX = 60
PROGRAMS = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.py")}
PRINTS = re.compile(r"^.*It prints:\n\n((?: {4}.*\n|\n)+)", re.M)
#: These print what their docstring says, and end. All others have a test of their own.
SPEAKING = sorted(name for name, text in PROGRAMS.items() if PRINTS.search(text))
#: What may not be installed, and is not there for every Python.
NEEDED = {"msgspec_buffer": "msgspec", "handover_aiohttp": "aiohttp", "any_streams": "asyncssh"}
SERVERS = {"browser", "echo_server", "graceful_shutdown", "routing", "thread_rooms", "threads"}
#: What the log has to say about what an example shows; the others log nothing.
LOGGED = {"fragments": "WSProtocolError: message is too long"}


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", str(FOLDER / f"{name}.py"), *arguments]


def printed_by(text: str) -> str:
    found = PRINTS.search(text)
    assert found
    return textwrap.dedent(found[1]).strip()


@pytest.mark.parametrize("name", SPEAKING)
def test_it_prints_what_it_says(name: str, tmp_path: Path) -> None:
    needed = NEEDED.get(name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    if name == "tls":
        authority = make_authority()
        certificate = authority.issue_cert("localhost")
        authority.cert_pem.write_to_path(tmp_path / "client.pem")
        certificate.private_key_pem.write_to_path(tmp_path / "server.key")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    done = subprocess.run(
        command(name), cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MAX
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == printed_by(PROGRAMS[name])
    assert LOGGED[name] in done.stderr if name in LOGGED else done.stderr == ""


def test_each_is_tested_and_has_a_line_in_the_readme() -> None:
    assert {*SPEAKING, *SERVERS, "echo_client", "reconnect"} == PROGRAMS.keys()
    readme = (FOLDER / "README.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)\.py` \|", readme, re.M)
    assert sorted(named) == sorted(PROGRAMS)


@pytest.mark.slow
def test_types_are_right(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *sorted(map(str, FOLDER.glob("*.py")))],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Program:
    """An example that runs until it is told to end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def end(self, number: signal.Signals = signal.SIGINT) -> None:
        """Send a signal: the program ends well and has complained about nothing."""
        self.process.send_signal(number)
        _, complaints = await self.process.communicate()
        assert (self.process.returncode, complaints) == (0, b"")


@contextlib.asynccontextmanager
async def started(name: str, *arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *command(name, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            program = Program(process)
            if name in SERVERS:
                found = re.search(r"\w+://\S+/", await program.line())
                assert found, await process.communicate()
                program.url = found[0]
            yield program
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def open_url(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    def fetch() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as file:
                return file.status, file.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    return await asyncio.to_thread(fetch)


async def ask(url: str, text: str) -> str:
    transport, recorder = await ws_connect(Recorder, url)
    transport.send(WSMsgType.TEXT, text)
    (frame,) = await recorder.until_frames(1)
    transport.disconnect()
    await transport.wait_disconnected()
    return frame.payload.decode()


class Patient(Recorder):
    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass


async def test_echo() -> None:
    async with started("echo_server", "0") as server:
        async with started("echo_client", server.url) as client:
            printed, complaints = await client.process.communicate()
            assert printed.decode().strip() == re.sub(
                "(?m)^ +", "", PROGRAMS["echo_client"].split("prints:\n\n")[1].split('\n"""')[0]
            )
            assert (client.process.returncode, complaints) == (0, b"")
        transport, _ = await ws_connect(WSListener, server.url)
        await server.end()  # with a client connected
        await transport.wait_disconnected()


async def test_the_echo_server_does_not_read_from_who_does_not_read() -> None:
    async with started("echo_server", "0") as server:
        transport, flood = await ws_connect(Patient, server.url)
        transport.underlying_transport.pause_reading()
        messages = [bytes([number]) * (1 << 20) for number in range(64)]
        for message in messages:
            transport.send(WSMsgType.BINARY, message)
        probe, _ = await ws_connect(Recorder, server.url)
        # In as many turns it could have read all of it. What the kernel holds is far less.
        await probe.measure_roundtrip_time(500)
        assert transport.underlying_transport.get_write_buffer_size() > 16 << 20
        transport.underlying_transport.resume_reading()
        assert [frame.payload for frame in await flood.until_frames(64)] == messages
        transport.disconnect()
        probe.disconnect()
        await server.end()


async def test_graceful_shutdown() -> None:
    class Polite(Recorder):
        def on_ws_frame(self, transport: WSTransport, frame: object) -> None:
            transport.send_close(WSCloseCode.GOING_AWAY)
            transport.disconnect()

    async with started("graceful_shutdown", "0") as server:
        transports = [(await ws_connect(Polite, server.url))[0] for _ in range(3)]
        server.process.send_signal(signal.SIGTERM)
        for transport in transports:
            await transport.wait_disconnected()
            assert transport.close_handshake is not None
            told = transport.close_handshake.recv
            assert told and (told.code, told.reason) == (1001, "the server restarts")
        assert await server.line() == "all are gone"
        assert await server.process.wait() == 0


async def test_routing() -> None:
    async with started("routing", "0") as server:
        assert await ask(f"{server.url}echo", "hello") == "hello"
        assert await ask(f"{server.url}greet?greeting=ahoy", "ada") == "ahoy, ada"
        assert await ask(f"{server.url}old-echo", "moved") == "moved"
        with pytest.raises(WSInvalidStatusError, match="404"):
            await ask(f"{server.url}nowhere", "")
        transport, _ = await ws_connect(WSListener, f"{server.url}echo")
        status, body = await open_url(server.url.replace("ws:", "http:") + "health")
        assert (status, json.loads(body)["ok"]) == (200, True)
        assert json.loads(body)["connections"] >= 1
        transport.disconnect()
        await server.end()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out")
async def test_threads() -> None:
    async with started("threads", "0", "3") as server:
        answers = [await ask(server.url, "who?") for _ in range(64)]
        assert {"worker 0", "worker 1", "worker 2"} >= set(answers)
        assert len(set(answers)) > 1
        transport, recorder = await ws_connect(Recorder, server.url)
        await server.end(signal.SIGTERM)
        await transport.wait_disconnected()
        assert transport.close_handshake and recorder.frames


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out")
async def test_rooms_span_threads() -> None:
    async with started("thread_rooms", "0", "3") as server:
        readers: list[Recorder] = []
        for _ in range(24):
            _, reader = await ws_connect(Recorder, f"{server.url}tea")
            assert isinstance(reader, Recorder)
            await reader.until_frames(1)
            readers.append(reader)
        places = {reader.frames[0].payload for reader in readers}
        assert 1 < len(places) <= 3
        _, stranger = await ws_connect(Recorder, f"{server.url}coffee")
        assert isinstance(stranger, Recorder)
        for number in range(20):
            readers[0].transport.send(WSMsgType.TEXT, f"{number}")
        for reader in readers:
            frames = await reader.until_frames(21)
            assert [int(frame.payload) for frame in frames[1:]] == list(range(20))
        assert len(await stranger.until_frames(1)) == 1
        await server.end(signal.SIGTERM)
        for reader in readers:
            await reader.until_disconnected()


async def test_reconnect() -> None:
    async def welcome() -> Peer:
        peer = await server.accept_upgraded()
        asked = [(await peer.read_frame()).payload for _ in range(2)]
        assert asked == [b"subscribe bonds", b"subscribe shares"]
        assert await client.line() == "connected"
        return peer

    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(raw_server())
        url = f"ws://127.0.0.1:{server.port}/"
        client = await stack.enter_async_context(started("reconnect", url, "shares", "bonds"))
        peer = await welcome()
        peer.send(Frame(WSMsgType.TEXT, b"99.5"))
        assert await client.line() == "99.5"
        peer.reset()
        assert await client.line() == "disconnected: RESET"

        refused = await server.accept()
        await refused.read_head()
        refused.send_bytes(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        assert (await client.line()).startswith("refused: the server answered with status 503")

        peer = await welcome()
        # Until ws_connect has returned there is nobody who would send a CLOSE.
        peer.send(Frame(WSMsgType.TEXT, b"99.6"))
        assert await client.line() == "99.6"
        await client.end()
        assert (await peer.read_frame()).payload[:2] == WSCloseCode.GOING_AWAY.to_bytes(2)


async def test_the_page_for_browsers() -> None:
    async with started("browser", "0") as server:
        status, page = await open_url(server.url)
        assert (status, page) == (200, (FOLDER / "browser.html").read_bytes())
        url = server.url.replace("http:", "ws:") + "room"
        for origin in ("http://elsewhere.example", "null"):
            with pytest.raises(WSInvalidStatusError, match="403"):
                await ws_connect(WSListener, url, extra_headers={"Origin": origin})
        await server.end()


CHROMIUM = find_chromium()
SAYS = """
    document.querySelector("input").value = {};
    document.querySelector("button").click();
"""
CONNECTED = "document.querySelector('#state').textContent === 'connected'"
LINES = "Array.from(document.querySelectorAll('li'), line => line.textContent)"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
async def test_a_browser(tmp_path: Path) -> None:
    assert CHROMIUM
    async with started("browser", "0") as server, browsing(CHROMIUM, tmp_path) as browser:
        ada, bob = await browser.open(server.url), await browser.open(server.url)
        await ada.until(CONNECTED)
        await bob.until(CONNECTED)
        await ada.evaluate(SAYS.format(json.dumps("hello <b>bob</b>")))
        await bob.until(f"{LINES}.includes('hello <b>bob</b>')")
        await bob.evaluate(SAYS.format(json.dumps("grüß dich, ada")))
        await ada.until(f"{LINES}.includes('grüß dich, ada')")
        assert await ada.evaluate(LINES) == [
            "1 in the room",
            "2 in the room",
            "hello <b>bob</b>",
            "grüß dich, ada",
        ]
        assert (await ada.screenshot()).startswith(b"\x89PNG")

        await server.end()
        await ada.until(f"!({CONNECTED})")
        port = server.url.rstrip("/").rpartition(":")[2]
        async with started("browser", port):
            await ada.until(CONNECTED)
