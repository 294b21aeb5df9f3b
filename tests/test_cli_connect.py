"""`python -m picows connect`, as a process.

In pipes (picows.cli.pipe), on a terminal (picows.cli.terminal); how it ends (picows.cli.status).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import ssl
import subprocess
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support import command, stacks
from support.proxies import proxy_server

from picows import (
    WSFrame,
    WSListener,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.testing.peers import raw_server
from picows.testing.recorder import URL, serving
from picows.testing.wire import BINARY, CLOSE, PING, TEXT, Frame, close


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes(), fin=frame.fin)


async def connect(
    *arguments: str, given: str | bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(command.run, "connect", *arguments, given=given, **environment)


@pytest.mark.parametrize("loop", list(stacks.LOOPS))
async def test_lines_in_and_out(loop: str) -> None:
    async with serving(lambda _: Echo()) as port:
        done = await connect(URL.format(port), "--loop", loop, given="hi\r\n\ngrüße\nlast")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "hi\n\ngrüße\nlast\n"


async def test_binary_in_every_notation() -> None:
    async with serving(lambda _: Echo()) as port:
        url = URL.format(port)
        for notation, given in (("hex", "00ff10\n"), ("base64", "AP8Q\n")):
            done = await connect(url, "--binary", notation, "--count", "1", given=given)
            assert (done.returncode, done.stdout) == (0, given)
        data = bytes(range(32, 127)) * 3000
        done = await connect(url, "--binary", "raw", given=data)
        assert (done.returncode, done.stdout) == (0, data.decode())


async def test_json_tells_all_that_happens() -> None:
    """In UTF-8 whatever the locale is: in ASCII the first ü ended the connection with 1011."""
    async with raw_server() as server:
        arguments = [URL.format(server.port), "--json", "--count", "2"]
        running = asyncio.create_task(connect(*arguments, PYTHONIOENCODING="ascii"))
        peer = await server.accept_upgraded()
        peer.send(Frame(PING, b"\x01"), Frame(TEXT, "ü\n".encode()), Frame(BINARY, b"\xff"))
        assert (await peer.read_frame()).opcode == 0xA
        assert await peer.read_frame() == close(1000)
        peer.send(close(1000, "bye"))
        await peer.close()
        done = await running
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events == [
        {"event": "connected", "text": URL.format(server.port)},
        {"event": "ping", "base64": "AQ=="},
        {"event": "text", "text": "ü\n"},
        {"event": "binary", "base64": "/w=="},
        {"event": "closed", "text": "closed with 1000 (bye)", "is_error": False},
    ]
    assert done.returncode == 0


async def refuse(peer: Any) -> None:
    await peer.read_head()
    peer.send_bytes(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


async def upgrade_and(peer: Any, *frames: Frame) -> None:
    from picows.testing import wire

    _, headers = await peer.read_head()
    peer.send_bytes(wire.response(headers["sec-websocket-key"]))
    peer.send(*frames)


ENDS: dict[str, tuple[Callable[[Any], Any], int, str]] = {
    "refused": (refuse, 3, "the server refused the opening handshake: 403 Forbidden\n"),
    "1001": (lambda peer: upgrade_and(peer, close(1001)), 0, ""),
    "1011": (lambda p: upgrade_and(p, close(1011, "\x1b[2J")), 5, "with 1011 (\\x1b[2J)\n"),
    "lost": (upgrade_and, 4, "the connection was lost"),
    "wrong": (lambda p: upgrade_and(p, Frame(TEXT, b"\xff")), 5, "broke the protocol: "),
}


@pytest.mark.parametrize("name", ENDS)
async def test_exit_status(name: str) -> None:
    act, status, message = ENDS[name]
    async with raw_server() as server:
        running = asyncio.create_task(connect(URL.format(server.port), "--linger", "inf"))
        peer = await server.accept()
        await act(peer)
        await peer.close()
        done = await running
    assert done.returncode == status
    assert message in done.stderr and (message or not done.stderr)


async def test_fewer_messages_than_wanted_is_a_failure() -> None:
    async with serving(lambda _: Echo()) as port:
        done = await connect(URL.format(port), "--count", "2", "--linger", "0.1", given="one\n")
    assert (done.returncode, done.stdout) == (4, "one\n")
    assert done.stderr == "1 of 2 messages were received\n"


async def test_no_connection_and_wrong_arguments() -> None:
    wrong = [
        (["ws://127.0.0.1:1/"], 1, "no connection: "),
        (["http://127.0.0.1/"], 2, "usage: "),
        (["ws://127.0.0.1:1/", "--proxy", "ftp://x:1"], 2, "socks5 or socks5h"),
        (["ws://127.0.0.1:1/", "-H", "A: b\x01"], 2, ""),
    ]
    results = await asyncio.gather(*(connect(*arguments) for arguments, _, _ in wrong))
    for (_, status, message), done in zip(wrong, results, strict=True):
        assert done.returncode == status
        assert message in done.stderr and done.stderr
        assert "Traceback" not in done.stderr


async def test_input_that_is_not_in_the_notation() -> None:
    async with serving(lambda _: Echo()) as port:
        done = await connect(URL.format(port), "--binary", "hex", given="00\nxyz\n")
    assert done.returncode == 2
    assert done.stderr == "line 2 of the input: 'xyz' is not hex\n"


async def test_headers_subprotocol_proxy_and_tls(tmp_path: Path) -> None:
    seen: list[WSUpgradeRequest] = []

    def route(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        seen.append(request)
        response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "b"})
        return WSUpgradeResponseWithListener(response, Echo())

    ca = tmp_path / "ca.pem"
    stacks._authority().cert_pem.write_to_path(str(ca))
    async with serving(route, ssl=stacks.server_tls()) as port, proxy_server("http") as proxy:
        url = f"wss://127.0.0.1:{port}/"
        proxied = ["--proxy", proxy.url(), "--ca", str(ca), "-v", "--count", "1"]
        offered = ["-H", "X-Token: s3cret", "--subprotocol", "a", "--subprotocol", "b"]
        done = await connect(url, *proxied, *offered, given="hi\n")
        assert (done.returncode, done.stdout) == (0, "hi\n")
        assert done.stderr == f"connected: {url} (subprotocol b)\nclosed with 1000\n"
        assert proxy.targets == [("127.0.0.1", port)]
        assert seen[0].headers["X-Token"] == "s3cret"
        assert seen[0].headers["Sec-WebSocket-Protocol"] == "a, b"
        done = await connect(url, "--insecure", *offered, "--count", "1", given="hi\n")
        assert (done.returncode, done.stdout) == (0, "hi\n")
        done = await connect(url, given="hi\n")
        assert done.returncode == 1
        assert "certificate is not trusted" in done.stderr


async def test_a_unix_socket(socket_path: str) -> None:
    async with command.serving("--path", socket_path):
        done = await connect("ws://localhost/", "--path", socket_path, "--count", "1", given="hi\n")
    assert (done.returncode, done.stdout) == (0, "hi\n")


async def test_a_certificate_of_the_clients(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    stacks._authority().issue_cert("localhost").configure_cert(context)
    stacks._authority().configure_trust(context)
    mine = stacks._authority().issue_cert("client")
    mine.cert_chain_pems[0].write_to_path(cert := str(tmp_path / "cert.pem"))
    mine.private_key_pem.write_to_path(key := str(tmp_path / "key.pem"))
    async with serving(lambda _: Echo(), ssl=context) as port:
        url = [f"wss://localhost:{port}/", "--insecure", "--server-name", "elsewhere.example"]
        done = await connect(*url, "--cert", cert, "--key", key, "--count", "1", given="hi\n")
        assert (done.returncode, done.stdout) == (0, "hi\n")
        assert (await connect(*url, "--count", "1", given="hi\n")).returncode != 0


async def test_a_header_that_may_not_be_sent_is_a_wrong_argument() -> None:
    for header, message in [
        ("a b: 1", "'a b' cannot be the name"),
        ("A: \x01", "contains '\\x01'"),
    ]:
        done = await connect("ws://127.0.0.1:1/", "-H", header)
        assert done.returncode == 2
        assert message in done.stderr and "Traceback" not in done.stderr


async def test_who_reads_the_output_may_go_away() -> None:
    async with serving(lambda _: Echo()) as port:
        line = (
            f"yes | {subprocess.list2cmdline(command.COMMAND)} connect {URL.format(port)} | head -2"
        )
        process = await asyncio.create_subprocess_shell(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), command.SECONDS_MAX)
    assert (out, err) == (b"y\ny\n", b"")


# On a terminal


class Typist:
    """The other side of a pseudo terminal."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self.process = process
        self.shown = ""
        self._descriptor = descriptor
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # how Linux says that nobody has the terminal open any more
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self.shown += data.decode()
        self._changed.set()

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    async def sees(self, pattern: str) -> None:
        async with asyncio.timeout(command.SECONDS_MAX):
            while not re.search(pattern, self.shown):
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def typing(*arguments: str, **environment: str) -> AsyncIterator[Typist]:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *command.COMMAND,
        *("connect", *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # Ctrl-C is a signal to whom the terminal controls.
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200"} | environment,
    )
    os.close(theirs)
    typist = Typist(process, ours)
    try:
        yield typist
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)


def without_readline(folder: Path) -> dict[str, str]:
    """The environment of a Python that was built without it."""
    folder.joinpath("readline.py").write_text("raise ImportError\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


@pytest.mark.parametrize("editing", ["readline", "plain"])
async def test_interactive(editing: str, tmp_path: Path) -> None:
    pytest.importorskip("rich")
    environment = {}
    # What was being typed stands below what came, as it was.
    shown = r"< \[red\]\\x1b\[2J.*\n(.*)> half a li$"
    if editing == "readline":
        pytest.importorskip("readline")
    else:
        environment = without_readline(tmp_path)
        # Nobody but the terminal knows it: it stays above, and still counts.
        shown = r"> half a li\r\n.*< \[red\]\\x1b\[2J.*\n> $"
    async with raw_server() as server, typing(URL.format(server.port), **environment) as typist:
        peer = await server.accept_upgraded()
        await typist.sees(r"\* connected: ws://.*\n.*> $")
        typist.type("hello\r")
        assert await peer.read_frame() == Frame(TEXT, b"hello")
        await typist.sees(r"hello\r\n.*> $")
        typist.type("half a li")
        await typist.sees("> half a li$")
        peer.send(Frame(TEXT, b"[red]\x1b[2J"))
        await typist.sees(shown)
        typist.type("ne\r")
        assert await peer.read_frame() == Frame(TEXT, b"half a line")
        peer.send(Frame(PING, b"you?"), Frame(BINARY, b"\x01\x02"))
        await typist.sees(r"\* ping: you\?")
        await typist.sees("< 2 bytes: 01 02")
        assert await peer.read_frame() == Frame(0xA, b"you?")
        for typed, frame in (
            ("/ping now", Frame(PING, b"now")),
            ("/binary 00ff", Frame(BINARY, b"\x00\xff")),
            ("//slash", Frame(TEXT, b"/slash")),
        ):
            typist.type(f"{typed}\r")
            assert await peer.read_frame() == frame
        typist.type("/binary xyz\r")
        await typist.sees("! 'xyz' is not hex")
        typist.type("/help\r")
        await typist.sees("Ctrl-D closes")
        typist.type("/close 4000 enough\r")
        assert await peer.read_frame() == close(4000, "enough")
        peer.send(close(4000))
        await peer.close()
        assert await typist.process.wait() == 5
        await typist.sees(r"\* closed with 4000")


@pytest.mark.parametrize(("key", "status"), [("\x04", 0), ("\x03", 130)], ids=["ctrl-d", "ctrl-c"])
@pytest.mark.parametrize("editing", ["readline", "plain"])
async def test_keys_that_end_it(key: str, status: int, editing: str, tmp_path: Path) -> None:
    pytest.importorskip("rich")
    environment = {} if editing == "readline" else without_readline(tmp_path)
    async with serving(lambda _: Echo()) as port, typing(URL.format(port), **environment) as typist:
        await typist.sees("connected")
        typist.type("hi\r")
        await typist.sees("< hi")
        typist.type(key)
        assert await asyncio.wait_for(typist.process.wait(), command.SECONDS_MAX) == status
    assert "Traceback" not in typist.shown


async def test_ctrl_c_in_a_pipe_closes_cleanly() -> None:
    async with raw_server() as server:
        with command.started("connect", URL.format(server.port)) as process:
            peer = await server.accept_upgraded()
            assert process.stdin is not None and process.stderr is not None
            process.stdin.write("ready\n")
            assert await peer.read_frame() == Frame(TEXT, b"ready")  # so ws_connect has returned
            process.send_signal(signal.SIGINT)
            assert await peer.read_frame() == close(1000)
            peer.send(close(1000))
            await peer.close()
            assert await asyncio.to_thread(process.wait, command.SECONDS_MAX) == 130
            assert process.stderr.read() == "interrupted\n"
