"""Why connections end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...closing import WSDisconnectCause
from ..exceptions import PayloadTooBig, ProtocolError
from ..frames import CloseCode

if TYPE_CHECKING:
    from ..._native import WSTransport


def cause_of(transport: WSTransport) -> BaseException | None:
    """Why a connection ended without a closing handshake."""
    info = transport.disconnect_info
    handshake = transport.close_handshake
    if info is None or (handshake is not None and handshake.recv is not None):
        return None
    if info.cause is WSDisconnectCause.PROTOCOL_ERROR:
        text = str(info.exception)
        code = getattr(info.exception, "code", None)
        return PayloadTooBig(text) if code == CloseCode.MESSAGE_TOO_BIG else ProtocolError(text)
    if info.cause is WSDisconnectCause.RESET:
        return info.exception
    return EOFError("unexpected end of stream")
