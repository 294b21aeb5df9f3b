"""Compression as websockets configures it, for connections that do it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...values.compression import WSPermessageDeflate
from ..extensions.permessage_deflate import (
    PerMessageDeflate,
    enable_client_permessage_deflate,
    enable_server_permessage_deflate,
)
from ..headers import parse_extension
from ..protocol import CLIENT, Side

_NAME = PerMessageDeflate.name
_WINDOW_BITS_MAX = 15


def read_compression(
    side: Side, extensions: Sequence[Any] | None, compression: str | None
) -> WSPermessageDeflate | None:
    """What the arguments `extensions` and `compression` ask for.

    Raises:
        NotImplementedError: an extension is not permessage-deflate.
        ValueError: the compression is not "deflate".
    """
    if compression == "deflate":
        is_client = side is CLIENT
        enable: Any = (
            enable_client_permessage_deflate if is_client else enable_server_permessage_deflate
        )
        extensions = enable(extensions)
    elif compression is not None:
        raise ValueError(f"unsupported compression: {compression}")
    if not extensions:
        return None
    names = [extension.name for extension in extensions]
    if names != [_NAME]:
        raise NotImplementedError(
            f"picows.websockets knows one extension, {_NAME}, once; not {', '.join(names)}"
        )
    return _options(side, extensions[0])


def _options(side: Side, factory: Any) -> WSPermessageDeflate:
    server_bits, client_bits = factory.server_max_window_bits, factory.client_max_window_bits
    if side is CLIENT:
        client_bits = None if client_bits is True else client_bits
    else:
        server_bits = _WINDOW_BITS_MAX if server_bits is None else server_bits
        client_bits = _WINDOW_BITS_MAX if client_bits is None else client_bits
    return WSPermessageDeflate(
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
        server_no_context_takeover=factory.server_no_context_takeover,
        client_no_context_takeover=factory.client_no_context_takeover,
        threshold=0,
    )


def agreed(side: Side, header: str | None) -> list[PerMessageDeflate]:
    """The extensions of a connection, by the header of the server's answer."""
    if header is None:
        return []
    return [
        _extension(side, dict(parameters))
        for name, parameters in parse_extension(header)
        if name == _NAME
    ]


def _extension(side: Side, parameters: dict[str, str | None]) -> PerMessageDeflate:
    alone, bits = (
        {whose: parameters.get(f"{whose}_{what}", default) for whose in ("client", "server")}
        for what, default in (("no_context_takeover", ""), ("max_window_bits", "15"))
    )
    local, remote = ("client", "server") if side is CLIENT else ("server", "client")
    return PerMessageDeflate(
        alone[remote] is None, alone[local] is None, int(bits[remote] or 15), int(bits[local] or 15)
    )
