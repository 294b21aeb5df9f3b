//! Docstrings of WSTransport. The first lines are the signatures that `inspect` reads.

pub const class =
    \\One end of a WebSocket connection, passed to the listener's callbacks.
    \\
    \\No send ever blocks: what the socket does not take at once is queued. Every method
    \\must be called from the thread of the connection's event loop, else RuntimeError.
;

pub const send =
    \\send($self, /, msg_type, message, fin=True, rsv1=False, rsv2=False, rsv3=False)
    \\--
    \\
    \\Send one frame (RFC 6455 5.2).
    \\
    \\The message is copied before the call returns. After a CLOSE was sent, or once the
    \\connection is gone, it does nothing. A control frame has at most 125 bytes and fin
    \\set (RFC 6455 5.5).
    \\
    \\Args:
    \\    msg_type: a WSMsgType other than CLOSE, which is send_close's.
    \\    message: str (sent as UTF-8), a contiguous bytes-like object, or None for no payload.
    \\    fin: whether the frame is the last one of its message.
    \\    rsv1: first reserved bit, for extensions that both sides know of.
    \\    rsv2: second reserved bit.
    \\    rsv3: third reserved bit.
    \\
    \\Raises:
    \\    ValueError: a frame that may not be sent.
    \\    TypeError: a message of another type.
    \\    RuntimeError: called from another thread.
;

pub const send_reuse_external_bytearray =
    \\send_reuse_external_bytearray($self, /, msg_type, buffer, msg_offset, fin=True, rsv1=False, rsv2=False, rsv3=False)
    \\--
    \\
    \\Send one frame whose payload stands in `buffer` from `msg_offset` to its end, without copying it.
    \\
    \\The frame's header is written into the (up to 14) bytes in front of msg_offset. On a
    \\client the payload is masked in place, so the buffer's content is not to be used
    \\again. The buffer is the caller's again when the call returns.
    \\
    \\Args:
    \\    msg_type: as for send.
    \\    buffer: bytearray, or another writable and contiguous buffer.
    \\    msg_offset: where the payload begins: 14 or more.
    \\    fin: as for send, and so are rsv1, rsv2 and rsv3.
    \\
    \\Raises:
    \\    ValueError: an offset without room for the header, or a frame that may not be sent.
    \\    BufferError: a buffer that cannot be written to.
    \\    RuntimeError: called from another thread.
;

pub const send_ping =
    \\send_ping($self, /, message=None)
    \\--
    \\
    \\Send a PING (RFC 6455 5.5.2).
    \\
    \\Args:
    \\    message: up to 125 bytes (ValueError): str, bytes-like or None.
;

pub const send_pong =
    \\send_pong($self, /, message=None)
    \\--
    \\
    \\Send a PONG (RFC 6455 5.5.3). The answer to a PING has the same payload.
    \\
    \\Args:
    \\    message: up to 125 bytes (ValueError): str, bytes-like or None.
;

pub const send_close =
    \\send_close($self, /, close_code=0, close_message=None)
    \\--
    \\
    \\Send a CLOSE (RFC 6455 5.5.1). It does not disconnect; every later send does nothing.
    \\
    \\Args:
    \\    close_code: a WSCloseCode that may be on the wire, or an int from 3000 to 4999.
    \\        NO_INFO (0), the default, sends a CLOSE without payload.
    \\    close_message: the reason, str or UTF-8 bytes, at most 123 bytes.
    \\
    \\Raises:
    \\    ValueError: another code, or a message that is too long, is not UTF-8 or has no code.
;

pub const disconnect =
    \\disconnect($self, /, graceful=True)
    \\--
    \\
    \\End the connection. May be called again; then it does nothing new.
    \\
    \\Nothing that arrives from now on is delivered.
    \\
    \\Args:
    \\    graceful: send what is queued first. Against a peer that does not read this can take
    \\        as long as the operating system keeps trying; False drops the queue.
;

pub const wait_disconnected =
    \\wait_disconnected($self, /)
    \\--
    \\
    \\Coroutine: returns when the connection is gone and on_ws_disconnected has run.
    \\
    \\A peer that closes, whatever its code, raises nothing. Cancelling a waiter disturbs
    \\neither the connection nor other waiters.
    \\
    \\Raises:
    \\    WSProtocolError: on a client, what the peer sent broke the protocol.
    \\    Exception: on a client, the first exception that a listener's callback raised.
;

pub const measure_roundtrip_time =
    \\measure_roundtrip_time($self, /, rounds)
    \\--
    \\
    \\Coroutine: send `rounds` pings, one after the other's answer, and return the seconds each took.
    \\
    \\The ping is what WSListener.send_user_specific_ping sends; by default a PING with a number.
    \\Several may run at once, and one may be cancelled. There is no time limit but that of
    \\auto-ping, where it is on.
    \\
    \\Raises:
    \\    ConnectionResetError: no answer can come, or none any more: a CLOSE was sent before, or
    \\        received, or the connection is gone.
    \\    RuntimeError: more than 64 pings wait for an answer, or called from another thread.
    \\    Exception: what send_user_specific_ping raised.
;

pub const notify_user_specific_pong_received =
    \\notify_user_specific_pong_received($self, /)
    \\--
    \\
    \\Say that the answer to the oldest ping has come, where on_ws_frame finds that out cheaper
    \\than is_user_specific_pong could. Does nothing if none is expected.
;

pub const underlying_transport =
    \\The asyncio transport underneath, for buffer limits and extra info. It is not for
    \\sending, and its protocol is not for changing.
;

pub const request = "The opening handshake's request; None on a server until it has come.";
pub const response = "The opening handshake's response; None until it was sent or has come.";
pub const close_handshake = "The CLOSE frames seen so far (recv, sent, recv_then_sent), None before the first.";
pub const is_client_side = "Whether this is the client's end.";
pub const is_secure = "Whether the connection runs over TLS.";
pub const is_close_frame_sent = "Whether a CLOSE was sent; every later send does nothing.";
pub const is_disconnected = "Whether the connection is gone.";
pub const disconnect_info = "Why the connection ended and when it was last used, None before the end.";
