"""`connection.protocol`: where programs for websockets look for the state of a connection."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from ..extensions.base import Extension
from ..frames import OK_CLOSE_CODES, Close, CloseCode, known
from ..protocol import CLOSED, CONNECTING, Side, State
from ..typing import LoggerLike, Origin, Subprotocol

if TYPE_CHECKING:
    from ..._native import WSTransport
    from ...values.closing import WSCloseInfo


class ConnectionView:
    """Read-only for programs. It is there before the connection, whose class gets it first.

    Args:
        side: whose end of the connection this is.
        max_size: the largest message in bytes, or the largest message and fragment.
        logger: of all connections of one `connect` or `serve`.
    """

    # Without __dict__: there is one for each connection.
    __slots__ = (
        "_extensions",
        "_id",
        "_logger",
        "base_logger",
        "handshake_exc",
        "max_size",
        "origin",
        "side",
        "state",
        "subprotocol",
        "transport",
    )

    def __init__(
        self, side: Side, max_size: int | tuple[int | None, int | None] | None, logger: LoggerLike
    ) -> None:
        self.side = side
        self.max_size = max_size
        self.base_logger = logger
        self.state: State = CONNECTING
        self.subprotocol: Subprotocol | None = None
        self.origin: Origin | None = None
        self.handshake_exc: Exception | None = None
        self.transport: WSTransport | None = None
        self._id: uuid.UUID | None = None
        self._logger: LoggerLike | None = None
        self._extensions: Sequence[Extension] = ()

    @property
    def id(self) -> uuid.UUID:
        """Tells connections apart in logs."""
        if self._id is None:
            self._id = uuid.uuid4()
        return self._id

    @property
    def logger(self) -> LoggerLike:
        """The logger; `set_connection` puts the connection into its records."""
        return self.base_logger if self._logger is None else self._logger

    def set_connection(self, connection: Any) -> None:
        """Give the records of the logger an attribute `websocket`, for formatters and filters."""
        self._logger = logging.LoggerAdapter(self.base_logger, {"websocket": connection})

    @property
    def extensions(self) -> list[Extension]:
        """What was agreed on."""
        return list(self._extensions)

    def set_extensions(self, extensions: Sequence[Extension]) -> None:
        """Called when the opening handshake is done."""
        self._extensions = extensions

    @property
    def close_rcvd(self) -> Close | None:
        """The CLOSE that was received, if any."""
        handshake = None if self.transport is None else self.transport.close_handshake
        return None if handshake is None else _close(handshake.recv)

    @property
    def close_sent(self) -> Close | None:
        """The CLOSE that was sent, if any."""
        handshake = None if self.transport is None else self.transport.close_handshake
        return None if handshake is None else _close(handshake.sent)

    @property
    def close_rcvd_then_sent(self) -> bool | None:
        """Which of both came first; None unless there are both."""
        handshake = None if self.transport is None else self.transport.close_handshake
        if handshake is None or handshake.recv is None or handshake.sent is None:
            return None
        return handshake.recv_then_sent

    @property
    def close_code(self) -> int | None:
        """The code that was received, 1006 for none; None as long as the connection lasts."""
        if self.state is not CLOSED:
            return None
        received = self.close_rcvd
        return CloseCode.ABNORMAL_CLOSURE if received is None else received.code

    @property
    def close_reason(self) -> str | None:
        """The reason that was received, empty for none; None as long as the connection lasts."""
        if self.state is not CLOSED:
            return None
        received = self.close_rcvd
        return "" if received is None else received.reason

    @property
    def close_exc(self) -> ConnectionClosed:
        """What is raised because the connection is closed: a new exception each time.

        Raises:
            RuntimeError: the connection is not closed.
        """
        if self.state is not CLOSED:
            raise RuntimeError("the connection isn't closed yet")
        received, sent = self.close_rcvd, self.close_sent
        is_ok = all(
            close is not None and close.code in OK_CLOSE_CODES for close in (received, sent)
        )
        kind = ConnectionClosedOK if is_ok else ConnectionClosedError
        return kind(received, sent, self.close_rcvd_then_sent)


def _close(info: WSCloseInfo | None) -> Close | None:
    if info is None:
        return None
    return Close(
        known(int(info.code)) if info.code else CloseCode.NO_STATUS_RCVD, info.reason or ""
    )
