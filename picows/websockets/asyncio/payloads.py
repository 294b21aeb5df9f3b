"""What programs send: messages, pieces of messages, and the payloads of control frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._native import WSMsgType
from ..exceptions import ProtocolError
from ..frames import EXTERNAL_CLOSE_CODES, REASON_SIZE_MAX
from ..typing import DataLike

if TYPE_CHECKING:
    from typing_extensions import TypeIs

_CONTROL_SIZE_MAX = 125  # RFC 6455, 5.5
BYTES_LIKE = (bytes, bytearray, memoryview)


def opcode_of(data: DataLike, text: bool | None) -> WSMsgType:
    """TEXT or BINARY: by the type, unless `text` says."""
    is_text = isinstance(data, str) if text is None else text
    return WSMsgType.TEXT if is_text else WSMsgType.BINARY


def is_data(data: object) -> TypeIs[DataLike]:
    return isinstance(data, str | bytes | bytearray | memoryview)


def control_bytes(data: DataLike) -> bytes:
    """The payload of a PING or PONG.

    Raises:
        TypeError: it is not str or bytes-like.
        ProtocolError: it is longer than 125 bytes.
    """
    if isinstance(data, str):
        payload = data.encode()
    elif isinstance(data, BYTES_LIKE):
        payload = bytes(data)
    else:
        raise TypeError("data must be str or bytes-like")
    if len(payload) > _CONTROL_SIZE_MAX:
        raise ProtocolError("control frame too long")
    return payload


def check_close(code: int, reason: str) -> None:
    """Refuse what may not be in a CLOSE frame.

    Raises:
        ProtocolError: the code, or a reason of more than 123 bytes.
    """
    if code not in EXTERNAL_CLOSE_CODES and not 3000 <= code < 5000:
        raise ProtocolError("invalid status code")
    if len(reason.encode()) > REASON_SIZE_MAX:
        raise ProtocolError("control frame too long")
