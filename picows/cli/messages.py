"""A listener that is given whole messages, and answers PING and CLOSE itself."""

from __future__ import annotations

import asyncio

from .. import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport


class MessageListener(WSListener):
    """Assembles fragments. Connect it with `strict=True`, which checks their order.

    size_max: bytes of a message; a longer one ends the connection with CLOSE(MESSAGE_TOO_BIG).
    can_send: set while not too much is queued to be sent.
    """

    def __init__(self, size_max: int) -> None:
        super().__init__()
        self.can_send = asyncio.Event()
        self.can_send.set()
        self._size_max = size_max
        self._msg_type = WSMsgType.TEXT
        self._fragments: list[bytes] = []
        self._size = 0

    def on_message(self, transport: WSTransport, msg_type: WSMsgType, payload: bytes) -> None:
        """A TEXT or BINARY message is there, whole."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Collect fragments; answer CLOSE with CLOSE (RFC 6455, 5.5.1)."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type != WSMsgType.PONG:
            self._take(transport, frame)

    def pause_writing(self) -> None:
        """Too much is queued."""
        self.can_send.clear()

    def resume_writing(self) -> None:
        """The queue is short again."""
        self.can_send.set()

    def _take(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.CONTINUATION:
            self._msg_type = frame.msg_type
        self._size += frame.payload_size
        if self._size > self._size_max:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "the message is too long")
        self._fragments.append(frame.get_payload_as_bytes())
        if frame.fin:
            payload = b"".join(self._fragments)
            self._fragments.clear()
            self._size = 0
            self.on_message(transport, self._msg_type, payload)
