"""How a server answers requests."""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict

from ..._native import Endpoint, WSTransport
from ...loop.state import loop_state
from ...server.serve import listen
from ...values.compression import WSPermessageDeflate
from ...values.handshake import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from ..datastructures import Headers
from ..exceptions import (
    HeaderLineTooLong,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMethod,
    InvalidOrigin,
    InvalidProtocol,
    InvalidUpgrade,
    NegotiationError,
    RequestLineTooLong,
    TooManyHeaders,
)
from ..headers import parse_connection, parse_subprotocol, parse_upgrade
from ..http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request, Response
from ..protocol import CLOSED, SERVER
from ..typing import Origin, StatusLike, Subprotocol
from .common import connection_options
from .translating import headers_of, pairs_of
from .view import ConnectionView

if TYPE_CHECKING:
    from .server import Server, ServerConnection

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_REFUSED = "Failed to open a WebSocket connection"
_BROWSER = (
    "\nThis is a WebSocket server: a browser cannot show it. Connect with a WebSocket client.\n"
)
_INTERNAL = f"{_REFUSED}.\nSee server log for more information.\n"
_CLOSING = f"{_REFUSED}: the server is shutting down.\n"


def respond(status: StatusLike, text: str) -> Response:
    """A response in plain text."""
    status = HTTPStatus(status)
    body = text.encode()
    headers = Headers(
        [
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
    )
    return Response(status.value, status.phrase, headers, body)


@dataclass(frozen=True)
class Acceptance:
    """What a server accepts, and how. The fields are arguments of `serve`."""

    origins: Sequence[Origin | re.Pattern[str] | None] | None
    subprotocols: Sequence[Subprotocol] | None
    select_subprotocol: Callable[..., Subprotocol | None] | None
    compression: WSPermessageDeflate | None
    process_request: Callable[..., Any] | None
    process_response: Callable[..., Any] | None
    server_header: str | None
    open_timeout: float | None
    max_size: Any
    create_connection: Callable[..., ServerConnection]
    connection_options: dict[str, Any]

    async def listen(
        self, server: Server, host: Any, port: Any, kwargs: dict[str, Any]
    ) -> asyncio.Server:
        """The asyncio server, listening."""
        loop = asyncio.get_running_loop()
        kwargs = dict(kwargs)
        use_aiofastnet = kwargs.pop("use_aiofastnet", None)
        options = connection_options(self.open_timeout, self.max_size, self.compression, kwargs)
        endpoint = Endpoint(
            loop_state(loop),
            loop,
            server.logger,
            functools.partial(self._accept, server),
            options,
            factory_takes_handshake=True,
        )
        kwargs.pop("unix", None)
        return await listen(
            loop, endpoint, server.logger, self.open_timeout, use_aiofastnet, host, port, kwargs
        )

    def _accept(
        self, server: Server, request: WSUpgradeRequest, transport: WSTransport
    ) -> WSUpgradeResponseWithListener | Coroutine[Any, Any, WSUpgradeResponseWithListener]:
        view = ConnectionView(SERVER, self.max_size, server.logger)
        connection = self.create_connection(view, server, **self.connection_options)
        view.transport = transport
        connection.request = _request(request)
        opening = Opening(self, server, connection, connection.request)
        if self.process_request is None and self.process_response is None:
            return opening.finish(opening.answer())
        return opening.with_hooks()


@dataclass
class Opening:
    """The opening handshake of one connection."""

    acceptance: Acceptance
    server: Server
    connection: ServerConnection
    request: Request

    async def with_hooks(self) -> WSUpgradeResponseWithListener:
        acceptance = self.acceptance
        response = None
        if (process_request := acceptance.process_request) is not None:
            response = await self._ask(process_request, self.connection, self.request)
        if response is None:
            response = self.answer()
        self._add_server_header(response)
        if (process_response := acceptance.process_response) is not None:
            other = await self._ask(process_response, self.connection, self.request, response)
            response = response if other is None else other
        return self.finish(response)

    async def _ask(self, hook: Callable[..., Any], *arguments: Any) -> Any:
        try:
            answer = hook(*arguments)
            answer = await answer if inspect.isawaitable(answer) else answer
            if answer is not None and not hasattr(answer, "status_code"):
                raise TypeError(f"{hook!r} must return a Response or None, not {answer!r}")
            return answer
        except Exception as error:
            return self._failed(error)

    def answer(self) -> Response:
        """Accept the request, or refuse what is wrong with it."""
        try:
            return self._accepted()
        except InvalidHandshake as error:
            self.connection.protocol.handshake_exc = error
            return _refusal(error)
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Response:
        """The user's code raised. The peer learns nothing of it: its text may hold secrets."""
        self.connection.protocol.handshake_exc = error
        self.connection.logger.error("opening handshake failed", exc_info=error)
        return respond(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL)

    def _accepted(self) -> Response:
        connection, headers = self.connection, self.request.headers
        check_limits(self.request)
        key = check_request(self.request)
        connection.protocol.origin = self._check_origin(headers)
        subprotocol = self._choose_subprotocol(headers)
        connection.protocol.subprotocol = subprotocol
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
        pairs = [
            ("Date", formatdate(usegmt=True)),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept),
        ]
        if subprotocol is not None:
            pairs.append(("Sec-WebSocket-Protocol", subprotocol))
        return Response(101, "Switching Protocols", Headers(pairs))

    def _check_origin(self, headers: Headers) -> Origin | None:
        values = headers.get_all("Origin")
        if len(values) > 1:
            raise InvalidHeader("Origin", "multiple values")
        origin = Origin(values[0]) if values else None
        if (origins := self.acceptance.origins) is None:
            return origin
        for accepted in origins:
            if accepted is None or isinstance(accepted, str):
                if accepted == origin:
                    return origin
            elif origin is not None and accepted.fullmatch(origin):
                return origin
        raise InvalidOrigin(origin)

    def _choose_subprotocol(self, headers: Headers) -> Subprotocol | None:
        offered = [
            subprotocol
            for value in headers.get_all("Sec-WebSocket-Protocol")
            for subprotocol in parse_subprotocol(value)
        ]
        acceptance = self.acceptance
        if (select := acceptance.select_subprotocol) is not None:
            chosen = select(self.connection, offered)
            if chosen is not None and chosen not in offered:
                raise NegotiationError("the server chose a subprotocol that was not offered")
            return chosen
        if acceptance.subprotocols is None:
            return None
        if not offered:
            raise NegotiationError("missing subprotocol")
        for subprotocol in acceptance.subprotocols:
            if subprotocol in offered:
                return subprotocol
        names = ", ".join(acceptance.subprotocols)
        raise NegotiationError(f"invalid subprotocol; expected one of {names}")

    def _add_server_header(self, response: Response) -> None:
        header = self.acceptance.server_header
        if header is not None and "Server" not in response.headers:
            response.headers["Server"] = header

    def finish(self, response: Response) -> WSUpgradeResponseWithListener:
        """The answer for the compiled module, which sends it."""
        connection = self.connection
        if not self.server.is_serving():
            response = respond(HTTPStatus.SERVICE_UNAVAILABLE, _CLOSING)
        self._add_server_header(response)
        connection.response = response
        sent = WSUpgradeResponse(
            b"HTTP/1.1",
            response.status_code,
            CIMultiDict(_pairs_of(response.headers)),
            bytes(response.body),
        )
        if response.status_code == 101:
            return WSUpgradeResponseWithListener(sent, connection)
        connection.protocol.state = CLOSED
        phrase = f"{response.status_code} {response.reason_phrase}"
        connection.logger.info("connection rejected (%s)", phrase)
        return WSUpgradeResponseWithListener(sent, None)


def _pairs_of(headers: Any) -> Iterable[tuple[str, str]]:
    """Headers to send; they may be of a foreign kind."""
    return pairs_of(headers) if isinstance(headers, Headers) else headers.raw_items()


def _request(request: WSUpgradeRequest) -> Request:
    headers = headers_of(request.headers)
    return Request(
        request.path.decode("utf-8", "surrogateescape"),
        headers,
        request.method.decode(),
        request.version.decode(),
    )


def check_limits(request: Request) -> None:
    """What the environment may have set lower than the compiled module's limits.

    Raises:
        SecurityError: a line is too long, or there are too many headers.
    """
    if len(request.method) + len(request.path) + len(request.protocol) + 2 > MAX_LINE_LENGTH:
        raise RequestLineTooLong("the request line is too long")
    headers = list(request.headers.raw_items())
    if len(headers) > MAX_NUM_HEADERS:
        raise TooManyHeaders("there are too many headers")
    if any(len(name) + len(value) + 2 > MAX_LINE_LENGTH for name, value in headers):
        raise HeaderLineTooLong("a header is too long")


def check_request(request: Request) -> str:
    """The key of a request that asks for WebSocket (RFC 6455, 4.2.1).

    Raises:
        InvalidHandshake: it does not.
    """
    if request.method != "GET":
        raise InvalidMethod(request.method)
    if request.protocol != "HTTP/1.1":
        raise InvalidProtocol(request.protocol)
    headers = request.headers
    options = [
        option for value in headers.get_all("Connection") for option in parse_connection(value)
    ]
    if not any(option.lower() == "upgrade" for option in options):
        raise InvalidUpgrade("Connection", ", ".join(options) or None)
    upgrades = [name for value in headers.get_all("Upgrade") for name in parse_upgrade(value)]
    if [name.lower() for name in upgrades] != ["websocket"]:
        raise InvalidUpgrade("Upgrade", ", ".join(upgrades) or None)
    key = _only(headers, "Sec-WebSocket-Key")
    try:
        is_valid = len(base64.b64decode(key.encode(), validate=True)) == 16
    except binascii.Error:
        is_valid = False
    if not is_valid:
        raise InvalidHeaderValue("Sec-WebSocket-Key", key)
    version = _only(headers, "Sec-WebSocket-Version")
    if version != "13":
        raise InvalidHeaderValue("Sec-WebSocket-Version", version)
    return key


def _only(headers: Headers, name: str) -> str:
    values = headers.get_all(name)
    if not values:
        raise InvalidHeader(name)
    if len(values) > 1:
        raise InvalidHeader(name, "multiple values")
    return values[0]


def _refusal(error: InvalidHandshake) -> Response:
    text = f"{_REFUSED}: {error}.\n"
    if isinstance(error, InvalidMethod):
        response = respond(HTTPStatus.METHOD_NOT_ALLOWED, text)
        response.headers["Allow"] = "GET"
        return response
    if isinstance(error, InvalidProtocol):
        return respond(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, text)
    if isinstance(error, RequestLineTooLong):
        return respond(HTTPStatus.REQUEST_URI_TOO_LONG, text)
    if isinstance(error, HeaderLineTooLong | TooManyHeaders):
        return respond(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    if isinstance(error, InvalidOrigin):
        return respond(HTTPStatus.FORBIDDEN, text)
    if isinstance(error, InvalidUpgrade):
        response = respond(HTTPStatus.UPGRADE_REQUIRED, text + _BROWSER)
        response.headers["Upgrade"] = "websocket"
        return response
    return respond(HTTPStatus.BAD_REQUEST, text)
