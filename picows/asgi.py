"""WebSocket under ASGI: `uvicorn --ws picows.asgi:PicowsProtocol app:app`.

Messages and their flow control are in the compiled module. Here is what happens once a connection:
the opening handshake, the application's task, the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import unquote

from uvicorn.protocols.utils import (
    ClientDisconnected,
    get_client_addr,
    get_local_addr,
    get_path_with_query_string,
    get_remote_addr,
    is_ssl,
)

from ._native import (
    AsgiListener,
    WSCloseCode,
    WSFrame,
    WSTransport,
)
from .server.asgi import endpoint_of, read_head, text_of
from .values.handshake import (
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from ._native import Protocol

__all__ = ["PicowsProtocol"]

_Event: TypeAlias = dict[str, Any]

_logger = logging.getLogger("uvicorn.error")


class PicowsProtocol(AsgiListener):
    """The `ws_protocol_class` of uvicorn, for one connection.

    Until the application accepts, it is the transport's protocol and hands on to the compiled one,
    which then takes its place.

    Args:
        config: uvicorn's configuration.
        server_state: what the connections of uvicorn's server share.
        app_state: what the application's lifespan has left for its connections.
    """

    __slots__ = (
        "_answer",
        "_is_asked",
        "_is_connect_told",
        "_opened",
        "_protocol",
        "_response",
        "app_state",
        "close_timeout",
        "config",
        "loop",
        "scope",
        "server_state",
        "transport",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: _Event,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(
            max_message_size=config.ws_max_size,
            max_queue=config.ws_max_queue,
            max_queue_bytes=max(config.ws_max_size, 1 << 20),
        )
        if not config.loaded:
            config.load()
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.loop = _loop or asyncio.get_running_loop()
        #: Seconds that the peer has to answer the application's CLOSE.
        self.close_timeout = 10.0
        self._protocol: Protocol = endpoint_of(config, self.loop)(self._choose)
        self._answer: asyncio.Future[WSUpgradeResponseWithListener] | None = None
        self._response: tuple[int, list[tuple[str, str]], list[bytes]] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._is_asked = False
        self._is_connect_told = False

    # The protocol of asyncio, until the application accepts.

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.server_state.connections.add(self)  # type: ignore[arg-type]
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> None:
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self._leave(1006)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    @property
    def close_timer(self) -> object:
        """Not None while the peer's answer to our CLOSE is awaited: uvicorn's classes have it."""
        transport = self.ws_transport
        if transport is None or transport.is_disconnected or self.transport.is_closing():
            return None
        return transport if transport.is_close_frame_sent else None

    # uvicorn's server.

    def shutdown(self) -> None:
        """The server ends: tell the application, and the peer."""
        transport = self.ws_transport
        if transport is None:
            self._reject(500, b"Internal Server Error")
        elif transport.is_close_frame_sent:
            transport.disconnect()
        else:
            self._finish({"type": "websocket.disconnect", "code": 1012})
            self._ignore_input()
            transport.send_close(WSCloseCode.SERVICE_RESTART, answer_timeout=1)

    # The opening handshake.

    def _choose(self, request: WSUpgradeRequest) -> Any:
        """Called with a request that could be accepted: starts the application."""
        self._answer = answer = self.loop.create_future()
        self._start(request)
        self._is_asked = True
        return answer

    def _start(self, request: WSUpgradeRequest) -> None:
        raw_path, _, query = request.path.partition(b"?")
        headers, subprotocols = read_head(cast(bytes, request._source))
        root_path = self.config.root_path
        self.scope: Any = {
            "type": "websocket",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self.transport) else "ws",
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "root_path": root_path,
            "path": root_path + unquote(raw_path.decode("ascii")),
            "raw_path": root_path.encode("ascii") + raw_path,
            "query_string": query,
            "headers": headers,
            "subprotocols": subprotocols,
            "state": self.app_state.copy(),
            "extensions": {
                "websocket.http.response": {},
                "picows": {"transport": self._protocol.transport},
            },
        }
        task = self.loop.create_task(self._run())
        tasks = self.server_state.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _run(self) -> None:
        try:
            result = await self.config.loaded_app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            _logger.exception("Exception in ASGI application\n")
            self._reject(500, b"Internal Server Error")
        else:
            if self._is_answering():
                if self._response is None:
                    _logger.error("ASGI callable returned without completing handshake.")
                self._reject(500, b"Internal Server Error")
            elif result is not None:
                _logger.error("ASGI callable should return None, but returned '%s'.", result)
        transport = self.ws_transport
        if transport is not None and not transport.is_close_frame_sent:
            transport.disconnect()

    def _is_answering(self) -> bool:
        """Whether the request is still to be answered."""
        return self._answer is not None and not self._answer.done()

    def _decide(self, response: WSUpgradeResponse, listener: PicowsProtocol | None) -> None:
        answer = self._answer
        assert answer is not None
        answer.set_result(WSUpgradeResponseWithListener(response, listener))
        if self._is_asked:
            self._protocol.decided(answer)  # now, not in the next pass of the event loop

    def _accept(self, event: _Event) -> None:
        self._log("[accepted]")
        headers = self.server_state.default_headers + list(event.get("headers") or ())
        if subprotocol := event.get("subprotocol"):
            headers.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        self._decide(WSUpgradeResponse.create_101_response(text_of(headers)), self)
        if self._is_asked and self.ws_transport is None:
            self._leave(1006)
            raise RuntimeError("the opening handshake was answered with 500: see the log")

    def _reject(self, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Answer without a WebSocket, unless the request is answered or the peer is gone. What the
        application has begun to answer goes first."""
        if not self._is_answering():
            return
        if self._response is not None:
            status, headers, parts = self._response
            body = b"".join(parts)
        self._leave(1006)
        try:
            phrase: Any = HTTPStatus(status)
        except ValueError:
            phrase = status
        response = WSUpgradeResponse(status=phrase, body=body or None)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                response.headers.add(name, value)
        self._decide(response, None)

    def _log(self, outcome: str) -> None:
        client = get_client_addr(self.scope)
        _logger.info(
            f'%s - "WebSocket %s" {outcome}', client, get_path_with_query_string(self.scope)
        )

    # The listener.

    def on_ws_connected(self, transport: WSTransport) -> None:
        set_protocol = getattr(self.transport, "set_protocol", None)
        if set_protocol is not None:
            set_protocol(self._protocol)
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._leave(1005)

    def _on_close(self, transport: WSTransport, frame: WSFrame, /) -> None:
        if transport.is_close_frame_sent:
            return  # the answer to ours
        super()._on_close(transport, frame)
        self._say_goodbye(frame.get_close_code(), frame.get_close_reason())

    def _on_input_end(self) -> None:
        """The peer broke the protocol, and was told."""
        transport = self.ws_transport
        handshake = transport and transport.close_handshake
        if handshake is not None and handshake.sent is not None:
            self._say_goodbye(handshake.sent.code, handshake.sent.reason)

    def _say_goodbye(self, code: int, reason: str | None) -> None:
        event = {"type": "websocket.disconnect", "code": int(code) or 1005, "reason": reason or ""}
        self._finish(event)

    def _leave(self, code: int) -> None:
        """The connection is gone, or never was."""
        self._finish({"type": "websocket.disconnect", "code": code})
        self.server_state.connections.discard(self)
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    def _not_open(self) -> BaseException:
        return ClientDisconnected()

    # What the application's receive() and send() leave to Python.

    async def _receive_early(self) -> Any:
        """The event before there is a WebSocket."""
        if not self._is_connect_told:
            self._is_connect_told = True
            return {"type": "websocket.connect"}
        if self.ws_transport is None and self._farewell is None:
            self._opened = self.loop.create_future()
            await self._opened
        if self.ws_transport is None:
            return self._farewell
        return await self.receive()

    async def _send_rarely(self, event: _Event) -> None:
        kind = event["type"]
        if self.is_writing_paused:
            await self.drain()
        transport = self.ws_transport
        if transport is None:
            self._send_before(kind, event)
        elif transport.is_disconnected:
            raise ClientDisconnected
        elif transport.is_close_frame_sent and not _is_answered(transport):
            raise RuntimeError(
                f"Unexpected ASGI message '{kind}', after sending 'websocket.close'."
            )
        elif kind == "websocket.send":
            await self._send_message(event)
        elif kind == "websocket.close":
            self._close(transport, event)
        else:
            expected = "Expected ASGI message 'websocket.send' or 'websocket.close'"
            raise RuntimeError(f"{expected}, but got '{kind}'.")

    def _send_before(self, kind: str, event: _Event) -> None:
        if self._farewell is not None:
            if self._answer is not None and not self._answer.cancelled():
                message = f"Unexpected ASGI message '{kind}', after sending 'websocket.close'."
                raise RuntimeError(message)
            raise ClientDisconnected
        if self._response is not None:
            self._go_on_responding(kind, event)
        elif kind == "websocket.accept":
            self._accept(event)
        elif kind == "websocket.close":
            self._log("403")
            self._reject(403, b"")
        elif kind == "websocket.http.response.start":
            status = event["status"]
            if not 100 <= status < 600:
                raise RuntimeError(f"Invalid HTTP status code '{status}' in response.")
            self._log(str(status))
            self._response = (status, text_of(event.get("headers") or ()), [])
        else:
            expected = "'websocket.accept', 'websocket.close' or 'websocket.http.response.start'"
            raise RuntimeError(f"Expected ASGI message {expected} but got '{kind}'.")

    def _go_on_responding(self, kind: str, event: _Event) -> None:
        if kind != "websocket.http.response.body":
            expected = "Expected ASGI message 'websocket.http.response.body'"
            raise RuntimeError(f"{expected} but got '{kind}'.")
        assert self._response is not None
        self._response[2].append(event.get("body", b""))
        if not event.get("more_body", False):
            self._reject(500, b"")

    async def _send_message(self, event: _Event) -> None:
        """A message that is neither bytes nor str in a dict, or for which there was no room."""
        data = event.get("bytes")
        if data is None:
            data = event.get("text")
        if data is not None:
            self._send_nowait(data)

    def _close(self, transport: WSTransport, event: _Event) -> None:
        code, reason = event.get("code") or 1000, event.get("reason") or ""
        transport.send_close(code, reason, answer_timeout=self.close_timeout)
        self._finish({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._ignore_input()


def _is_answered(transport: WSTransport) -> bool:
    """Whether the peer has sent a CLOSE."""
    handshake = transport.close_handshake
    return handshake is not None and handshake.recv is not None
