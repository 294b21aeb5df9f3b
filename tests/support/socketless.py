"""An event loop of a third party: its transports are not asyncio's, and show no socket."""

from __future__ import annotations

import asyncio
from typing import Any


class SocketlessTransport(asyncio.Transport):
    """Passes on what belongs to the interface, and nothing else."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if name == "socket" else self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def write(self, data: Any) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)


class _Introduced(asyncio.BufferedProtocol):
    """Hands a connection over to its protocol, with the transport wrapped."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(SocketlessTransport(transport))


class SocketlessLoop(asyncio.SelectorEventLoop):
    async def create_connection(self, factory: Any, *args: Any, **options: Any) -> Any:
        made: list[Any] = []

        def wrapped() -> asyncio.BaseProtocol:
            made.append(factory())
            return _Introduced(made[0])

        transport, _ = await super().create_connection(wrapped, *args, **options)
        return SocketlessTransport(transport), made[0]

    async def create_server(self, factory: Any, *args: Any, **options: Any) -> Any:
        return await super().create_server(lambda: _Introduced(factory()), *args, **options)
