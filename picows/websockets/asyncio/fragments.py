"""Messages in fragments: sent from iterables, and received one by one."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..._native import WSMsgType
from ..exceptions import ConnectionClosed
from ..frames import CloseCode
from ..protocol import OPEN
from .payloads import is_data, opcode_of

if TYPE_CHECKING:
    from .connection import Connection


async def receive(connection: Connection, decode: bool | None) -> AsyncIterator[str | bytes]:
    """The next message, fragment by fragment.

    Once there is one, nobody can receive anything else until the last one was received.
    """
    decoder: codecs.IncrementalDecoder | None = None
    while True:
        data, is_text, is_last = await connection._recv_frame()
        if not connection._is_recv_locked:
            connection._is_recv_locked = True
            if is_text if decode is None else decode:
                decoder = codecs.getincrementaldecoder("utf-8")()
        if is_last:
            connection._is_recv_locked = False
        if decoder is None:
            yield data.encode() if isinstance(data, str) else data
        else:
            yield data if isinstance(data, str) else decoder.decode(data, is_last)
        if is_last:
            return


async def send_fragments(connection: Connection, fragments: Any, text: bool | None) -> None:
    """Send a message whose fragments come from an iterable. Nothing else is sent meanwhile."""
    if isinstance(fragments, Mapping):
        raise TypeError("data is a dict-like object")
    if not isinstance(fragments, Iterable | AsyncIterable):
        raise TypeError("data must be str, bytes, iterable, or async iterable")
    sending = connection._fragmenting = connection.loop.create_future()
    connection._is_send_locked = True
    try:
        await _send_each(connection, fragments, text)
    except ConnectionClosed:
        raise
    except BaseException as error:
        # The message cannot be finished, so no other can begin.
        if connection.state is OPEN:
            connection._fail(CloseCode.INTERNAL_ERROR, "error in fragmented message", None)
            if isinstance(error, Exception):
                await connection.wait_closed()
        raise
    finally:
        connection._fragmenting = None
        connection._is_send_locked = False
        sending.set_result(None)


async def _send_each(
    connection: Connection, fragments: Iterable[Any] | AsyncIterable[Any], text: bool | None
) -> None:
    transport = connection._ws_transport
    kind = "async iterable" if isinstance(fragments, AsyncIterable) else "iterable"
    is_str: bool | None = None
    async for fragment in _each(fragments):
        if is_str is None:
            if not is_data(fragment):
                raise TypeError(f"{kind} must contain bytes or str")
            is_str = isinstance(fragment, str)
            opcode = opcode_of(fragment, text)
        elif not is_data(fragment) or is_str != isinstance(fragment, str):
            raise TypeError(f"{kind} must contain uniform types")
        else:
            opcode = WSMsgType.CONTINUATION
        await connection._check_open()
        transport.send(opcode, fragment, fin=False)
        await connection.drain()
    if is_str is not None:
        await connection._check_open()
        transport.send(WSMsgType.CONTINUATION, b"")


async def _each(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
