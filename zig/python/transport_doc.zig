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
    \\msg_type: a WSMsgType other than CLOSE, which is send_close's (ValueError).
    \\message: str (sent as UTF-8), a contiguous bytes-like object, or None for no payload.
    \\fin: whether the frame is the last one of its message.
    \\rsv1, rsv2, rsv3: reserved bits, for extensions.
    \\
    \\The message is copied before the call returns. After a CLOSE was sent, or once the
    \\connection is gone, it does nothing. A control frame has at most 125 bytes and fin
    \\set (RFC 6455 5.5), else ValueError.
;

pub const send_reuse_external_bytearray =
    \\send_reuse_external_bytearray($self, /, msg_type, buffer, msg_offset, fin=True, rsv1=False, rsv2=False, rsv3=False)
    \\--
    \\
    \\Send one frame whose payload stands in `buffer` from `msg_offset` to its end, without copying it.
    \\
    \\The frame's header is written into the (up to 14) bytes in front of msg_offset, which
    \\must be at least 14 (ValueError). On a client the payload is masked in place, so the
    \\buffer's content is not to be used again. The buffer is the caller's again when the
    \\call returns.
;

pub const send_ping =
    \\send_ping($self, /, message=None)
    \\--
    \\
    \\Send a PING (RFC 6455 5.5.2) with up to 125 bytes: str, bytes-like or None.
;

pub const send_pong =
    \\send_pong($self, /, message=None)
    \\--
    \\
    \\Send a PONG (RFC 6455 5.5.3) with up to 125 bytes: str, bytes-like or None.
;

pub const send_close =
    \\send_close($self, /, close_code=0, close_message=None)
    \\--
    \\
    \\Send a CLOSE (RFC 6455 5.5.1). It does not disconnect; every later send does nothing.
    \\
    \\close_code: a WSCloseCode that may be on the wire, or an int from 3000 to 4999, else
    \\ValueError. WSCloseCode.NO_INFO (0), the default, sends a CLOSE without payload.
    \\close_message: the reason, str or UTF-8 bytes, at most 123 bytes (ValueError).
;

pub const disconnect =
    \\disconnect($self, /, graceful=True)
    \\--
    \\
    \\End the connection. May be called again; then it does nothing new.
    \\
    \\graceful: send what is queued first. Against a peer that does not read this can take
    \\as long as the operating system keeps trying; False drops the queue.
;

pub const wait_disconnected =
    \\wait_disconnected($self, /)
    \\--
    \\
    \\Coroutine: returns when the connection is gone and on_ws_disconnected has run.
    \\
    \\On a client it raises the first exception of a listener's callback, or the
    \\WSProtocolError found in what the peer sent. A peer that closes, whatever its code,
    \\raises nothing. Cancelling a waiter disturbs neither the connection nor other waiters.
;

pub const measure_roundtrip_time =
    \\measure_roundtrip_time($self, /, rounds)
    \\--
    \\
    \\Coroutine: send `rounds` pings, one after the other's answer, and return the seconds each took.
    \\
    \\The ping is what WSListener.send_user_specific_ping sends. Raises ConnectionResetError if
    \\the connection is lost meanwhile.
;

pub const notify_user_specific_pong_received =
    \\notify_user_specific_pong_received($self, /)
    \\--
    \\
    \\Say that the answer to a ping has come, where on_ws_frame finds that out cheaper than
    \\is_user_specific_pong could. Does nothing if none is expected.
;
