"""How a client opens a connection."""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ...client.connect import ws_connect
from ...client.tcp import CONNECT_OPTIONS, connect_tcp
from ...exceptions import WSError
from ...values.compression import WSPermessageDeflate
from ...values.handshake import WSUpgradeRequest, WSUpgradeResponse
from ..datastructures import Headers
from ..headers import build_subprotocol
from ..http11 import Request
from ..protocol import CLIENT
from ..proxy import get_proxy, parse_proxy
from ..typing import LoggerLike, Origin, Subprotocol
from ..uri import from_url, parse
from .common import frame_size_max
from .compression import agreed
from .translating import headers_of, pairs_of, response_of, translated

if TYPE_CHECKING:
    from .client import ClientConnection

_Connection = TypeVar("_Connection", bound="ClientConnection")

#: What a user gave for one origin is nobody else's (RFC 9110, 15.4).
_FOR_ONE_ORIGIN = frozenset({"authorization", "cookie", "host", "proxy-authorization"})


@dataclass(frozen=True)
class Dialing:
    """How to open each connection of one `connect`. The fields are its arguments."""

    origin: Origin | None
    subprotocols: Any
    compression: WSPermessageDeflate | None
    user_agent_header: str | None
    proxy: str | Literal[True] | None
    max_size: Any
    logger: LoggerLike

    async def open(
        self,
        uri: str,
        additional_headers: Any,
        make_connection: Callable[[], _Connection],
        kwargs: dict[str, Any],
    ) -> _Connection:
        """Open a connection to a URI, without following redirects."""
        url = parse(uri)
        options = dict(kwargs)

        def factory(request: WSUpgradeRequest, response: WSUpgradeResponse) -> _Connection:
            connection = make_connection()
            connection.request = _request(request)
            connection.response = response_of(response)
            chosen = connection.response.headers.get("Sec-WebSocket-Protocol")
            connection.protocol.subprotocol = None if chosen is None else Subprotocol(chosen)
            header = connection.response.headers.get("Sec-WebSocket-Extensions")
            connection.protocol.set_extensions(agreed(CLIENT, header))
            return connection

        proxy = self._proxy_for(from_url(url), options)
        ssl = take_ssl(url.is_secure, options)
        options.pop("unix", None)
        proxy_ssl = options.pop("proxy_ssl", None)
        options.setdefault("proxy_ssl_context", None if proxy_ssl is True else proxy_ssl)
        if proxy is None:
            options["proxy_ssl_context"] = None
        options.setdefault("socket_factory", _socket_factory(options))
        options["disconnect_on_exception"] = options.get("disconnect_on_exception", True)
        try:
            _, connection = await ws_connect(
                factory,
                uri,
                ssl_context=ssl,
                websocket_handshake_timeout=None,  # the caller's includes redirects
                logger_name=self.logger,
                max_frame_size=frame_size_max(self.max_size, self.compression),
                extra_headers=self._headers(additional_headers),
                max_redirects=0,
                permessage_deflate=self.compression or False,
                proxy=proxy,
                **options,
            )
        except WSError as error:
            told = translated(error, uri, proxy)
            raise told from told.__cause__
        return connection

    def _proxy_for(self, uri: Any, options: dict[str, Any]) -> str | None:
        if self.proxy is None or options.get("sock") is not None or options.get("unix"):
            return None
        proxy = get_proxy(uri) if self.proxy is True else self.proxy
        if proxy is not None:
            parse_proxy(proxy)
        return proxy

    def _headers(self, additional: Any) -> list[tuple[str, str]]:
        given = Headers() if additional is None else Headers(additional)
        pairs: list[tuple[str, str]] = []
        if self.origin is not None:
            pairs.append(("Origin", self.origin))
        if self.subprotocols:
            pairs.append(("Sec-WebSocket-Protocol", build_subprotocol(self.subprotocols)))
        pairs.extend(pairs_of(given))
        if self.user_agent_header is not None and "User-Agent" not in given:
            pairs.append(("User-Agent", self.user_agent_header))
        return pairs

    @staticmethod
    def without_secrets(headers: Any) -> Any:
        """What of a user's headers another origin may see."""
        if headers is None:
            return None
        kept = Headers()
        for name, value in Headers(headers).raw_items():
            if name.lower() not in _FOR_ONE_ORIGIN:
                kept[name] = value
        return kept


def take_ssl(is_secure: bool, options: dict[str, Any]) -> ssl_module.SSLContext | None:
    """Take the context out of the options: None for the default one, or for none."""
    ssl = options.pop("ssl", True if is_secure else None)
    if is_secure and ssl is None:
        raise ValueError("ssl=None is incompatible with a wss:// URI")
    if not is_secure and ssl is not None:
        raise ValueError("ssl argument is incompatible with a ws:// URI")
    return None if ssl is True else ssl


def _socket_factory(options: dict[str, Any]) -> Any:
    """What makes a connected socket, if the URI does not say where to connect to."""
    sock = options.pop("sock", None)
    if sock is not None:
        return lambda url: sock
    host, port = options.pop("host", None), options.pop("port", None)
    if host is None and port is None:
        return None
    tcp = {name: options.pop(name) for name in CONNECT_OPTIONS & options.keys()}

    async def dial(url: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await connect_tcp(loop, host or url.host, port or url.port, **tcp)

    return dial


def _request(request: WSUpgradeRequest) -> Request:
    return Request(request.path.decode(), headers_of(request.headers))
