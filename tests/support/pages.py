"""Runs the Python blocks of a page of the documentation, in order.

docs/documentation.md has the rules: a block is a program of its own, or goes on where the blocks
above it ended, as if typed into `python -m asyncio`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import logging
import os
import re
import socket
import sys
import types
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from .certificates import make_authority
from .proxies import proxy_server

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 30
ECHO_PORT = "9001"
#: Numbers that stand for free ports, so that nothing on the machine is in the way.
PORTS = re.compile(r"\b(900\d|3128|1080)\b")
PROXIES = {"3128": "http", "1080": "socks5"}


class Echo(WSListener):
    """The server of the introduction."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type != WSMsgType.PONG:
            transport.send(frame.msg_type, frame.get_payload_as_bytes(), fin=frame.fin)


def free_port() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return str(sock.getsockname()[1])


class Session:
    """What the blocks of a page share: names, an event loop, servers, a folder, what is printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.ports: defaultdict[str, str] = defaultdict(free_port)
        self.programs: list[asyncio.subprocess.Process] = []
        self.printed = ""
        self._python_end = 0
        self._echoes: list[Echo] = []
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        authority = make_authority()
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(self.folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")
        for number, kind in PROXIES.items():
            proxy = await self._stack.enter_async_context(proxy_server(kind))
            self.ports[number] = str(proxy.port)
        server = await ws_create_server(self._echo, "127.0.0.1", 0)
        self.ports[ECHO_PORT] = str(server.sockets[0].getsockname()[1])
        self._stack.callback(server.close)

    def _echo(self, request: WSUpgradeRequest) -> Echo:
        self._echoes.append(echo := Echo())
        return echo

    async def close(self) -> None:
        for program in self.programs:
            program.terminate()
            await program.communicate()
        for echo in self._echoes:
            echo.transport.disconnect(graceful=False)
            await echo.transport.wait_disconnected()
        await self._stack.aclose()

    async def run(self, example: Example) -> str | None:
        """Run a block, or compare what the one above it printed. Returns what is wrong."""
        if example.region.lexemes["arguments"] == "text":
            return self._compare(example)
        self._python_end = example.region.end
        code = PORTS.sub(lambda found: self.ports[found[0]], example.parsed)
        async with asyncio.timeout(SECONDS_MAX):
            if "asyncio.run(" in code:
                return await self._program(example.parsed)
            await self._continue(code, example)
        return None

    def _compare(self, example: Example) -> str | None:
        between = example.document.text[self._python_end : example.region.start]
        if between.strip() or self.printed.strip() == example.parsed.strip():
            return None
        return f"the page says {example.parsed!r}, printed was {self.printed!r}"

    async def _continue(self, code: str, example: Example) -> None:
        # Tracebacks show the lines of the page.
        source = "\n" * example.line + code
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compiled = compile(source, example.path, "exec", flags=flags, dont_inherit=True)
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.chdir(self.folder):
            result = types.FunctionType(compiled, self.names)()
            if inspect.iscoroutine(result):
                await result
        self.printed = output.getvalue()

    async def _program(self, code: str) -> str | None:
        is_server = "serve_forever()" in code
        if is_server:
            self.ports[ECHO_PORT] = free_port()  # the page's own, from now on
        code = PORTS.sub(lambda found: self.ports[found[0]], code)
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code),
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        if is_server:
            self.programs.append(program)
            await self._until_listening(program)
            return None
        output, _ = await program.communicate()
        self.printed = output.decode()
        return f"the program failed:\n{self.printed}" if program.returncode else None

    async def _until_listening(self, program: asyncio.subprocess.Process) -> None:
        while program.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(self.ports[ECHO_PORT]))
            except OSError:
                await asyncio.sleep(0.02)  # nothing tells when another process listens
            else:
                writer.close()
                return await writer.wait_closed()
        raise AssertionError(f"the server ended:\n{(await program.communicate())[0].decode()}")


@contextlib.contextmanager
def logging_restored() -> Iterator[None]:
    """A page may set up logging; other tests look at it."""
    loggers = [logging.getLogger(name) for name in (None, "picows.client", "picows.server")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


def run_page(page: Path, folder: Path) -> int:
    """Run the blocks of a page; returns how many there were."""
    count = 0
    with logging_restored(), asyncio.Runner() as runner:
        session = Session(folder)
        sybil = Sybil(
            [
                CodeBlockParser(language, lambda example: runner.run(session.run(example)))
                for language in ("python", "text")
            ]
        )
        runner.run(session.open())
        try:
            for example in sybil.parse(page).examples():
                example.evaluate()
                count += example.region.lexemes["arguments"] == "python"
        finally:
            runner.run(session.close())
    return count
