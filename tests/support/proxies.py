"""Proxies of every kind on loopback, small and strict: they note what they were asked for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from picows.testing.peers import SECONDS_MAX

from . import stacks


@dataclass
class ProxyServer:
    """kind: the scheme of its URL. credentials: without them nobody gets through."""

    kind: str
    credentials: tuple[str, str] | None = None
    port: int = 0
    targets: list[tuple[str, int]] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    """What HTTP clients sent in front of the tunnel."""
    sent: bytearray = field(default_factory=bytearray)
    """What clients sent through tunnels."""
    open_count: int = 0

    def url(self, user_info: str = "") -> str:
        at = "@" if user_info else ""
        return f"{self.kind}://{user_info}{at}127.0.0.1:{self.port}"

    async def until_unused(self) -> None:
        """Every connection to the proxy is gone."""
        async with asyncio.timeout(SECONDS_MAX):
            while self.open_count:  # noqa: ASYNC110 - a test helper
                await asyncio.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_count += 1
        try:
            target = await {
                "http": self._ask_http,
                "https": self._ask_http,
                "socks4": self._ask_socks4,
                "socks4a": self._ask_socks4,
                "socks5": self._ask_socks5,
                "socks5h": self._ask_socks5,
            }[self.kind](reader, writer)
            if target is not None:
                self.targets.append(target)
                await self._relay(reader, writer, *target)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that left
        finally:
            self.open_count -= 1
            with contextlib.suppress(OSError):
                await writer.drain()
            await _closed(writer)

    async def _ask_http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        lines = head.decode("ascii").split("\r\n")
        method, authority, version = lines[0].split(" ")
        assert (method, version) == ("CONNECT", "HTTP/1.1")
        assert f"Host: {authority}" in lines
        if self.credentials is not None:
            expected = base64.b64encode(":".join(self.credentials).encode()).decode()
            if f"Proxy-Authorization: Basic {expected}" not in lines:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return None
        writer.write(b"HTTP/1.1 200 Connection established\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)  # an answer may come in pieces
        writer.write(b"Proxy-Agent: test\r\n\r\n")
        host, _, port = authority.rpartition(":")
        return host.strip("[]"), int(port)

    async def _ask_socks4(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        version, command, *rest = await reader.readexactly(8)
        assert (version, command) == (4, 1)
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        if self.credentials is not None and user != self.credentials[0]:
            writer.write(bytes([0, 0x5D]) + bytes(6))
            return None
        host = str(ipaddress.IPv4Address(bytes(rest[2:])))
        if host == "0.0.0.1":
            assert self.kind == "socks4a"
            host = (await reader.readuntil(b"\0"))[:-1].decode()
        writer.write(bytes([0, 0x5A]) + bytes(6))
        return host, rest[0] << 8 | rest[1]

    async def _ask_socks5(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        assert version == 5
        method = 0 if self.credentials is None else 2
        if method not in methods:
            writer.write(b"\x05\xff")
            return None
        writer.write(bytes([5, method]))
        if method == 2:
            assert await reader.readexactly(1) == b"\x01"
            given = [await self._counted(reader) for _ in range(2)]
            is_right = tuple(given) == self.credentials
            writer.write(bytes([1, not is_right]))
            if not is_right:
                return None
        assert await reader.readexactly(3) == b"\x05\x01\x00"
        kind = (await reader.readexactly(1))[0]
        if kind == 3:
            host = await self._counted(reader)
        else:
            host = str(ipaddress.ip_address(await reader.readexactly({1: 4, 4: 16}[kind])))
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(bytes([5, 0, 0, 3, 4]) + b"name" + bytes(2))
        return host, port

    async def _counted(self, reader: asyncio.StreamReader) -> str:
        return (await reader.readexactly((await reader.readexactly(1))[0])).decode()

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port)

        async def there() -> None:
            while data := await reader.read(65536):
                self.sent += data
                there_writer.write(data)
            there_writer.close()

        async def back() -> None:
            while data := await there_reader.read(65536):
                writer.write(data)
            writer.close()

        tasks = [asyncio.create_task(there()), asyncio.create_task(back())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _closed(there_writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def proxy_server(
    kind: str, credentials: tuple[str, str] | None = None
) -> AsyncIterator[ProxyServer]:
    proxy = ProxyServer(kind, credentials)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await proxy.serve(reader, writer)

    tls: ssl.SSLContext | None = stacks.server_tls() if kind == "https" else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=1)
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
