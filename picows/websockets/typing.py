"""Types in the signatures of `picows.websockets`."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NewType, TypeAlias

__all__ = [
    "Data",
    "ExtensionName",
    "ExtensionParameter",
    "LoggerLike",
    "Origin",
    "StatusLike",
    "Subprotocol",
]

#: A message as it is received: str for text, bytes for binary.
Data: TypeAlias = str | bytes
BytesLike: TypeAlias = bytes | bytearray | memoryview
#: A message as it may be sent.
DataLike: TypeAlias = str | bytes | bytearray | memoryview
LoggerLike: TypeAlias = logging.Logger | logging.LoggerAdapter[Any]
StatusLike: TypeAlias = HTTPStatus | int
PathLike: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

#: Value of `Origin`.
Origin = NewType("Origin", str)
#: One value of `Sec-WebSocket-Protocol`.
Subprotocol = NewType("Subprotocol", str)
#: Name of an extension in `Sec-WebSocket-Extensions`.
ExtensionName = NewType("ExtensionName", str)
#: Name and value of an extension's parameter; None for one without a value.
ExtensionParameter: TypeAlias = tuple[str, str | None]
ExtensionHeader: TypeAlias = tuple[ExtensionName, Sequence[ExtensionParameter]]
#: One value of `Connection`.
ConnectionOption = NewType("ConnectionOption", str)
#: One value of `Upgrade`.
UpgradeProtocol = NewType("UpgradeProtocol", str)
