"""One program on both sides of a connection, with each pairing of websockets and picows.websockets,
and what it saw: results, exceptions, and the frames on the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from . import stacks

PACKAGES = {"theirs": "websockets", "ours": "picows.websockets"}
PAIRINGS = [("theirs", "ours"), ("ours", "theirs"), ("ours", "ours")]
_CLOSED = ("ConnectionClosedOK", "ConnectionClosedError")


def api(who: str) -> Any:
    """The package that a side runs on."""
    package = importlib.import_module(PACKAGES[who])
    importlib.import_module(PACKAGES[who] + ".asyncio.server")
    return package


@dataclasses.dataclass
class Scenario:
    """A program: the server's handler, the client's part, and the arguments of both."""

    client: Callable[[Side], Awaitable[Any]]
    handler: Callable[[Side], Awaitable[Any]]
    serve: dict[str, Any] = dataclasses.field(default_factory=dict)
    connect: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: What is different by intention, or by chance, and so is not compared.
    compares_frames: bool = True


class Side:
    """An end of the connection, and the record of what its program saw."""

    def __init__(self, package: Any, connection: Any, url: str = "") -> None:
        self.package = package
        self.ws = connection
        self.url = url
        self.seen: list[Any] = []

    def note(self, value: Any) -> None:
        self.seen.append(plain(value))

    async def see(self, awaitable: Awaitable[Any]) -> Any:
        """Await something and note what came of it."""
        try:
            value = await awaitable
        except Exception as error:
            self.seen.append(shown(error))
            return None
        self.seen.append(plain(value))
        return value

    async def end(self) -> None:
        """Note how the connection ended."""
        await self.ws.wait_closed()
        await self.see(self.ws.recv())
        self.note([self.ws.close_code, self.ws.close_reason, self.ws.state.name])


def plain(value: Any) -> Any:
    if isinstance(value, str | bytes | int | bool | None):
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(value, float):
        return "a float"
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, Exception):
        return shown(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return type(value).__name__


def shown(error: BaseException) -> list[Any]:
    """What a program can see of an exception."""
    name = type(error).__name__
    facts = [name, str(error), type(error.__cause__).__name__]
    if name in _CLOSED:
        for close in (error.rcvd, error.sent):  # type: ignore[attr-defined]
            facts.append(None if close is None else (int(close.code), close.reason))
        facts.append(error.rcvd_then_sent)  # type: ignore[attr-defined]
    return facts


class Tap:
    """Forwards bytes between a client and a server, and keeps them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.bytes: list[bytearray] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> int:
        self.server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await asyncio.gather(*self._pumps)
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers += [writer, there_writer]
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            self.bytes.append(bytearray())
            self._pumps.append(asyncio.create_task(self._pump(source, sink, self.bytes[-1])))

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        try:
            while data := await source.read(65536):
                kept += data
                sink.write(data)
                await sink.drain()
            sink.write_eof()
        except (OSError, RuntimeError):  # uvloop has the latter for a transport that is closed
            sink.transport.abort()

    def frames(self) -> list[list[Any]]:
        """What each direction of each connection carried."""
        return [list(_frames(bytes(data))) for data in self.bytes]


def _frames(data: bytes) -> Any:
    _, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return
    while len(rest) >= 2:
        first, second = rest[0], rest[1]
        size, start = second & 0x7F, 2
        if size == 126:
            (size,), start = struct.unpack("!H", rest[2:4]), 4
        elif size == 127:
            (size,), start = struct.unpack("!Q", rest[2:10]), 10
        key = b""
        if second & 0x80:
            key, start = rest[start : start + 4], start + 4
        payload = rest[start : start + size]
        if key:
            payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
        is_random = first & 0x0F in (9, 10) and size == 4
        yield [first, size if size >= 1000 else None if is_random else payload]
        rest = rest[start + size :]


@dataclasses.dataclass
class Observed:
    server: list[list[Any]]
    client: list[Any]
    frames: list[list[Any]]


async def observe(
    scenario: Scenario, server: str, client: str, *, tls: bool, compression: str | None
) -> Observed:
    """Run a scenario with a server of one package and a client of another, or the same."""
    handled: list[Side] = []
    idle: asyncio.Event = asyncio.Event()
    running = 0

    async def handler(ws: Any) -> None:
        nonlocal running
        running += 1
        side = Side(api(server), ws)
        handled.append(side)
        try:
            await scenario.handler(side)
        finally:
            running -= 1
            if not running:
                idle.set()

    common: dict[str, Any] = {"compression": compression, "ping_interval": None}
    serve_options = common | scenario.serve
    connect_options = common | {"proxy": None} | scenario.connect
    for options, module in ((serve_options, api(server)), (connect_options, api(client))):
        for name, value in options.items():
            if hasattr(value, "for_package"):
                options[name] = value.for_package(module)
    if tls:
        serve_options["ssl"] = stacks.server_tls()
        connect_options["ssl"] = stacks.client_tls()
    async with api(server).serve(handler, "127.0.0.1", 0, **serve_options) as serving:
        port = serving.sockets[0].getsockname()[1]
        tap = Tap(port)
        async with tap as tapped_port:
            url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port if tls else tapped_port}"
            side = Side(api(client), None, url)
            side.connect_options = connect_options  # type: ignore[attr-defined]
            side.server = serving  # type: ignore[attr-defined]
            await scenario.client(side)
            while running:
                idle.clear()
                await idle.wait()
    return Observed([side.seen for side in handled], side.seen, tap.frames())


class for_package:  # noqa: N801 - reads as a word
    """An argument that differs between the packages."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.for_package = make


def connected(program: Callable[[Side], Awaitable[Any]]) -> Callable[[Side], Awaitable[Any]]:
    """A client's part that begins with a connection, and ends with noting how it ended."""

    async def client(side: Side) -> None:
        options = side.connect_options  # type: ignore[attr-defined]
        side.ws = await side.package.connect(side.url, **options)
        try:
            await program(side)
        finally:
            await side.ws.close()
            await side.end()

    return client
