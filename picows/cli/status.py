"""What a verb that connects tells a script, and what it prints when a connection fails."""

from __future__ import annotations

import asyncio
import enum
import ssl
import sys
from http import HTTPStatus

from .. import (
    WSCloseCode,
    WSDisconnectCause,
    WSError,
    WSHandshakeError,
    WSInvalidStatusError,
    WSTransport,
)
from .screen import harmless

#: What ws_connect raises when it is not the caller's mistake, and ValueError when it is.
CONNECT_ERRORS = (WSError, OSError, asyncio.TimeoutError, ValueError)


class Status(enum.IntEnum):
    """Exit status of the process."""

    OK = 0
    #: There was no connection: unknown host, refused, proxy, TLS, timeout; or a package is missing.
    FAILURE = 1
    WRONG_ARGUMENTS = 2
    #: The server answered, but did not accept the opening handshake.
    REFUSED = 3
    #: The connection ended without a CLOSE, or before all was done that was asked for.
    LOST = 4
    #: A CLOSE with another code than 1000, 1001 or none, from either side.
    CLOSED_WITH_ERROR = 5
    #: 128 + SIGINT, as shells count.
    INTERRUPTED = 130


_GOOD_CODES = frozenset({WSCloseCode.NO_INFO, WSCloseCode.OK, WSCloseCode.GOING_AWAY})


def explain_failure(error: BaseException) -> tuple[Status, str]:
    """Status and one line for an exception of ws_connect."""
    if isinstance(error, WSInvalidStatusError) and error.response is not None:
        status = int(error.response.status)
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
        return (
            Status.REFUSED,
            f"the server refused the opening handshake: {status} {phrase}".rstrip(),
        )
    if isinstance(error, WSHandshakeError):
        return Status.REFUSED, f"the server's answer is no upgrade: {error}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return Status.WRONG_ARGUMENTS, f"{error}"  # SSLCertVerificationError is both
    if isinstance(error, asyncio.TimeoutError) and not str(error):
        return Status.FAILURE, "no connection: it took too long (see --timeout)"
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"the certificate is not trusted: {error.verify_message}"
        return Status.FAILURE, f"no connection: {reason} (see --ca, --insecure)"
    return Status.FAILURE, f"no connection: {error or type(error).__name__}"


def explain_end(transport: WSTransport) -> tuple[Status, str]:
    """Status and one line for a connection that has ended."""
    info, handshake = transport.disconnect_info, transport.close_handshake
    if info is not None and info.cause is WSDisconnectCause.PROTOCOL_ERROR:
        return Status.CLOSED_WITH_ERROR, f"the server broke the protocol: {info.exception}"
    close = None
    if handshake is not None:
        close = handshake.recv or handshake.sent
    if close is None:
        reason = f": {info.exception}" if info and info.exception else ""
        return Status.LOST, f"the connection was lost{reason}"
    text = "closed" if close.code == WSCloseCode.NO_INFO else f"closed with {int(close.code)}"
    if close.reason:
        text += f" ({close.reason})"
    return Status.OK if close.code in _GOOD_CODES else Status.CLOSED_WITH_ERROR, text


def print_error(text: str) -> None:
    """One line to stderr; parts of it may be the server's."""
    print(harmless(text), file=sys.stderr, flush=True)
