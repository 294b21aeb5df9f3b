"""Compression (RFC 7692): what to offer and to accept. The compiled module does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from ..frames import CTRL_OPCODES
from ..typing import ExtensionName, ExtensionParameter
from .base import ClientExtensionFactory, Extension, ServerExtensionFactory

__all__ = [
    "CTRL_OPCODES",
    "ClientPerMessageDeflateFactory",
    "PerMessageDeflate",
    "ServerPerMessageDeflateFactory",
    "enable_client_permessage_deflate",
    "enable_server_permessage_deflate",
]

_NAME = ExtensionName("permessage-deflate")
_Factory = TypeVar("_Factory", ClientExtensionFactory, ServerExtensionFactory)


class PerMessageDeflate(Extension):
    """What was agreed on.

    Args:
        remote_no_context_takeover: the peer compresses each message on its own.
        local_no_context_takeover: so do we.
        remote_max_window_bits: the peer's window, 8 to 15.
        local_max_window_bits: ours.
        compress_settings: kept, and otherwise ignored: they are zlib's.
    """

    name = _NAME

    def __init__(
        self,
        remote_no_context_takeover: bool,
        local_no_context_takeover: bool,
        remote_max_window_bits: int,
        local_max_window_bits: int,
        compress_settings: dict[Any, Any] | None = None,
    ) -> None:
        _check_bits("remote_max_window_bits", remote_max_window_bits)
        _check_bits("local_max_window_bits", local_max_window_bits)
        self.remote_no_context_takeover = remote_no_context_takeover
        self.local_no_context_takeover = local_no_context_takeover
        self.remote_max_window_bits = remote_max_window_bits
        self.local_max_window_bits = local_max_window_bits
        self.compress_settings = {} if compress_settings is None else compress_settings

    def __repr__(self) -> str:
        return (
            f"PerMessageDeflate(remote_no_context_takeover={self.remote_no_context_takeover}, "
            f"local_no_context_takeover={self.local_no_context_takeover}, "
            f"remote_max_window_bits={self.remote_max_window_bits}, "
            f"local_max_window_bits={self.local_max_window_bits})"
        )


class ClientPerMessageDeflateFactory(ClientExtensionFactory):
    """What a client offers.

    Args:
        server_no_context_takeover: the server shall compress each message on its own.
        client_no_context_takeover: tell the server that we do so.
        server_max_window_bits: the largest window that the server may use, 8 to 15.
        client_max_window_bits: ours; True lets the server choose, None leaves it out.
        compress_settings: for websockets' zlib; checked, and otherwise ignored.

    Raises:
        ValueError: a number is not 8 to 15, or the settings have `wbits`.
    """

    name = _NAME

    def __init__(
        self,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: int | None = None,
        client_max_window_bits: int | Literal[True] | None = True,
        compress_settings: dict[str, Any] | None = None,
    ) -> None:
        if server_max_window_bits is not None:
            _check_bits("server_max_window_bits", server_max_window_bits)
        if client_max_window_bits is not None and client_max_window_bits is not True:
            _check_bits("client_max_window_bits", client_max_window_bits)
        _check_settings(compress_settings, "client_max_window_bits")
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover
        self.server_max_window_bits = server_max_window_bits
        self.client_max_window_bits = client_max_window_bits
        self.compress_settings = compress_settings

    def get_request_params(self) -> Sequence[ExtensionParameter]:
        """Parameters of the offer."""
        return _parameters(self)


class ServerPerMessageDeflateFactory(ServerExtensionFactory):
    """What a server accepts.

    Args:
        server_no_context_takeover: we compress each message on its own.
        client_no_context_takeover: the client shall do so.
        server_max_window_bits: our window, 8 to 15.
        client_max_window_bits: the largest window that the client may use, where it supports that.
        compress_settings: for websockets' zlib; checked, and otherwise ignored.
        require_client_max_window_bits: do not accept clients that cannot limit their window.

    Raises:
        ValueError: a number is not 8 to 15, the settings have `wbits`, or what is required is not
            given.
    """

    name = _NAME

    def __init__(
        self,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: int | None = None,
        client_max_window_bits: int | None = None,
        compress_settings: dict[str, Any] | None = None,
        require_client_max_window_bits: bool = False,
    ) -> None:
        if server_max_window_bits is not None:
            _check_bits("server_max_window_bits", server_max_window_bits)
        if client_max_window_bits is not None:
            _check_bits("client_max_window_bits", client_max_window_bits)
        elif require_client_max_window_bits:
            raise ValueError("require_client_max_window_bits needs client_max_window_bits")
        _check_settings(compress_settings, "server_max_window_bits")
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover
        self.server_max_window_bits = server_max_window_bits
        self.client_max_window_bits = client_max_window_bits
        self.compress_settings = compress_settings
        self.require_client_max_window_bits = require_client_max_window_bits


def enable_client_permessage_deflate(
    extensions: Sequence[ClientExtensionFactory] | None,
) -> Sequence[ClientExtensionFactory]:
    """The offers of a client with compression="deflate"."""
    factory = ClientPerMessageDeflateFactory(compress_settings={"memLevel": 5})
    return _with(extensions, factory)


def enable_server_permessage_deflate(
    extensions: Sequence[ServerExtensionFactory] | None,
) -> Sequence[ServerExtensionFactory]:
    """What a server with compression="deflate" accepts: windows of 4 KiB, which saves memory."""
    factory = ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    )
    return _with(extensions, factory)


def _with(extensions: Sequence[_Factory] | None, factory: _Factory) -> Sequence[_Factory]:
    if extensions is None:
        return [factory]
    if any(extension.name == factory.name for extension in extensions):
        return extensions
    return list(extensions) + [factory]  # noqa: RUF005 - for mypy


def _parameters(factory: ClientPerMessageDeflateFactory) -> list[ExtensionParameter]:
    parameters: list[ExtensionParameter] = []
    if factory.server_no_context_takeover:
        parameters.append(("server_no_context_takeover", None))
    if factory.client_no_context_takeover:
        parameters.append(("client_no_context_takeover", None))
    if factory.server_max_window_bits is not None:
        parameters.append(("server_max_window_bits", str(factory.server_max_window_bits)))
    if factory.client_max_window_bits is True:
        parameters.append(("client_max_window_bits", None))
    elif factory.client_max_window_bits is not None:
        parameters.append(("client_max_window_bits", str(factory.client_max_window_bits)))
    return parameters


def _check_bits(name: str, bits: int) -> None:
    if isinstance(bits, bool) or not 8 <= bits <= 15:
        raise ValueError(f"{name} must be between 8 and 15")


def _check_settings(settings: dict[str, Any] | None, instead: str) -> None:
    if settings is not None and "wbits" in settings:
        raise ValueError(f"compress_settings must not include wbits, set {instead} instead")
