"""One message to many connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..exceptions import ConcurrencyError
from ..protocol import OPEN
from ..typing import DataLike
from .payloads import is_data, opcode_of

if TYPE_CHECKING:
    from .connection import Connection


def broadcast(
    connections: Iterable[Connection],
    message: DataLike,
    *,
    text: bool | None = None,
    raise_exceptions: bool = False,
) -> None:
    """Send a message to many connections, without waiting for those that are slow.

    Connections that are not open, or in the middle of a fragmented message, are left out; the
    latter with a line in the log.

    Args:
        connections: of clients, servers or both.
        message: str is sent as TEXT, bytes-like as BINARY.
        text: True for TEXT, False for BINARY, whatever the type is.
        raise_exceptions: raise an ExceptionGroup for those that were left out, or failed, instead
            of logging.

    Raises:
        TypeError: the message is not str or bytes-like.
    """
    if not is_data(message):
        raise TypeError("data must be str or bytes")
    opcode = opcode_of(message, text)
    errors: list[Exception] = []
    for connection in connections:
        if connection.state is not OPEN:
            continue
        try:
            if connection._fragmenting is not None:
                raise ConcurrencyError("sending a fragmented message")
            connection._ws_transport.send(opcode, message)
        except Exception as error:
            if raise_exceptions:
                wrapped = RuntimeError("failed to write message")
                wrapped.__cause__ = error
                errors.append(wrapped)
            else:
                connection.logger.warning("skipped broadcast: %s", error)
    if errors:
        raise ExceptionGroup("skipped broadcast", errors)
