"""The programs of examples/embedding, built and run by the lines of their README."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support import echo
from support.stacks import Stack

from picows.testing import wire
from picows.testing.peers import open_raw, open_upgraded

SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20]
STACK = Stack("asyncio", use_aiofastnet=False, tls=False)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the lines of the README are for Linux"),
]


@pytest.fixture(scope="module")
def shell(
    root: Path, library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs the block of the README that has `word` in it. There is always a `cc`."""
    text = (root / "examples/embedding/README.md").read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    tools = tmp_path_factory.mktemp("tools")
    programs = {"python": f'"{sys.executable}"'}
    if shutil.which("cc") is None:
        programs["cc"] = f'"{sys.executable}" -m ziglang cc -mcpu=baseline'
    for name, command in programs.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tools / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}

    def run(word: str) -> subprocess.CompletedProcess[str]:
        (block,) = (block for block in blocks if word in block)
        return subprocess.run(
            ["sh", "-e", "-c", block], cwd=root, env=environment, capture_output=True, text=True
        )

    return run


@pytest.fixture(
    scope="module",
    params=[("-o build/echo_server\n", "echo_server"), ("-musl", "echo_server_musl")],
    ids=["static", "static with musl"],
)
def program(
    request: pytest.FixtureRequest, root: Path, shell: Callable[..., subprocess.CompletedProcess]
) -> Path:
    word, name = request.param
    done = shell(word)
    assert done.returncode == 0, done.stderr
    return root / "build" / name


@contextlib.asynccontextmanager
async def serving(program: Path) -> AsyncIterator[int]:
    """The server's port. The server has to end well when it is told to."""
    command = [program, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220
        try:
            assert process.stdout
            line = process.stdout.readline()
            match = re.search(r"listens on port (\d+)", line)
            assert match, line
            yield int(match[1])
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("exchange", [echo.websockets_exchange, echo.our_exchange])
async def test_echo_server(program, exchange):
    """Both kinds of message, whole and in fragments, in every form of the length."""
    async with serving(program) as port:
        await exchange(STACK, port, echo.make_messages(SIZES))


async def test_echo_server_answers_ping_and_close(program):
    async with serving(program) as port:
        peer = await open_upgraded(port)
        peer.send(wire.Frame(wire.TEXT, b"begin", fin=False), wire.Frame(wire.PING, b"?"))
        assert await peer.read_frame() == wire.Frame(wire.TEXT, b"begin", fin=False)
        assert await peer.read_frame() == wire.Frame(wire.PONG, b"?")
        peer.send(wire.close(3000, "bye"))
        assert await peer.read_rest() == [wire.close(3000)]
        await peer.close()


async def test_echo_server_refuses_what_is_wrong(program):
    """A frame that is wrong, a version that is wrong, a request that is none; others go on."""
    async with serving(program) as port:
        other = await open_upgraded(port)
        peer = await open_upgraded(port)
        peer.send(wire.Frame(wire.TEXT, b"\xff"))
        assert await peer.read_rest() == [wire.close(1007, "TEXT message is not UTF-8")]
        await peer.close()
        for request, status in (
            (wire.request({"Sec-WebSocket-Version": "8"}), b"HTTP/1.1 426 "),
            (b"hello\r\n\r\n", b"HTTP/1.1 400 "),
        ):
            peer = await open_raw(port)
            peer.send_bytes(request)
            answer = await peer.read_to_end()
            assert answer.startswith(status) and answer.endswith(b"\r\n\r\n")
            await peer.close()
        other.send(wire.Frame(wire.BINARY, b"still there"))
        assert await other.read_frame() == wire.Frame(wire.BINARY, b"still there")
        await other.close()


async def test_echo_server_outlives_a_peer_that_does_not_read(program):
    async with serving(program) as port:
        deaf = await open_upgraded(port)
        deaf.send(*[wire.Frame(wire.BINARY, bytes(1 << 20))] * 16)
        peer = await open_upgraded(port)
        peer.send(wire.Frame(wire.TEXT, b"next"))
        assert await peer.read_frame() == wire.Frame(wire.TEXT, b"next")
        deaf.reset()
        await peer.close()


def test_python_with_picows_built_in(shell, root):
    flags = root / "examples/embedding/python_flags.py"
    found = subprocess.run([sys.executable, flags], capture_output=True, text=True)
    if found.returncode:
        pytest.skip(found.stderr.strip())
    done = shell("-o build/embed_python")
    assert done.returncode == 0, done.stderr
    done = shell("PYTHONPATH=")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1000 echoes, picows._native is built-in\n"


def test_zig_program_compiles_with_the_package(shell, root, setup_py):
    """Not built, which takes a minute: what it says of the package is checked all the same."""
    folder = root / "examples/embedding/zig_echo"
    args = ["-fno-emit-bin", "-lc", *setup_py.cache_args(), "--dep", "picows"]
    args += [f"-Mroot={folder}/src/main.zig", f"-Mpicows={root}/zig/core/core.zig"]
    done = subprocess.run(
        [*setup_py.ZIG, "build-exe", *args], capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 0, done.stderr
