//! Docstrings of WSTransport. The first lines are the signatures that `inspect` reads.

pub const class =
    \\One end of a WebSocket connection, passed to the listener's callbacks.
    \\
    \\Sending never blocks: what the socket does not take at once is queued. Call methods only
    \\from the thread of the connection's event loop; in another thread they raise RuntimeError.
;

pub const send =
    \\send($self, /, msg_type, message, fin=True, rsv1=False, rsv2=False, rsv3=False, compress=None)
    \\--
    \\
    \\Send one frame (RFC 6455 5.2).
    \\
    \\The message is copied before the call returns. After a CLOSE was sent, or after the
    \\connection ended, this does nothing. A control frame must have at most 125 bytes and fin
    \\set (RFC 6455 5.5).
    \\
    \\Args:
    \\    msg_type: a WSMsgType other than CLOSE, for which there is send_close.
    \\    message: str (sent as UTF-8), a contiguous bytes-like object, or None for no payload.
    \\    fin: whether the frame is the last one of its message.
    \\    rsv1: first reserved bit, for extensions that both sides have agreed on.
    \\    rsv2: second reserved bit.
    \\    rsv3: third reserved bit.
    \\    compress: whether the message is compressed, decided by its first frame; None leaves it to
    \\        the threshold. Where both sides have not agreed on permessage_deflate, this does nothing.
    \\
    \\Raises:
    \\    ValueError: the frame may not be sent; rsv1 is True where permessage_deflate is on.
    \\    TypeError: the message has another type.
    \\    RuntimeError: called from another thread.
;

pub const send_reuse_external_bytearray =
    \\send_reuse_external_bytearray($self, /, msg_type, buffer, msg_offset, fin=True, rsv1=False, rsv2=False, rsv3=False)
    \\--
    \\
    \\Send one frame without copying its payload, the bytes of `buffer` from `msg_offset` to the end.
    \\
    \\The frame header is written into the (up to 14) bytes in front of msg_offset. A client
    \\masks the payload in place, so do not use the buffer's content again. When the call
    \\returns, the buffer is yours again.
    \\
    \\Args:
    \\    msg_type: as for send.
    \\    buffer: bytearray, or another writable and contiguous buffer.
    \\    msg_offset: where the payload begins, 14 or more.
    \\    fin: as for send, and so are rsv1, rsv2 and rsv3.
    \\
    \\Raises:
    \\    ValueError: the offset leaves no room for the header, or the frame may not be sent.
    \\    BufferError: the buffer is read-only.
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
    \\send_close($self, /, close_code=0, close_message=None, answer_timeout=None)
    \\--
    \\
    \\Send a CLOSE (RFC 6455 5.5.1). Later sends do nothing. This disconnects only if
    \\answer_timeout is given.
    \\
    \\Args:
    \\    close_code: a WSCloseCode that may be sent, or an int from 3000 to 4999.
    \\        NO_INFO (0), the default, sends a CLOSE without payload.
    \\    close_message: the reason, str or UTF-8 bytes, at most 123 bytes.
    \\    answer_timeout: seconds that the peer has to answer with its own CLOSE (RFC 6455 7.1.1).
    \\        The connection ends when it has, or when they are over. None for no such end.
    \\
    \\Raises:
    \\    ValueError: the code may not be sent, or the message is too long, is not UTF-8 or has
    \\        no code.
    \\    ValueError: answer_timeout is negative, or above 1000000000 seconds.
;

pub const disconnect =
    \\disconnect($self, /, graceful=True)
    \\--
    \\
    \\End the connection. Calling it again does nothing new.
    \\
    \\Nothing that arrives from now on is delivered.
    \\
    \\Args:
    \\    graceful: send what is queued first. If the peer does not read, this can take
    \\        as long as the operating system keeps trying. False drops the queue.
;

pub const wait_disconnected =
    \\wait_disconnected($self, /)
    \\--
    \\
    \\Coroutine: wait until the connection has ended and on_ws_disconnected has run.
    \\
    \\It raises nothing when the peer closes, whatever the code. Cancelling one waiter disturbs
    \\neither the connection nor other waiters.
    \\
    \\Raises:
    \\    WSProtocolError: on a client, if the peer broke the protocol.
    \\    Exception: on a client, the first exception that a callback of the listener raised.
;

pub const measure_roundtrip_time =
    \\measure_roundtrip_time($self, /, rounds)
    \\--
    \\
    \\Coroutine: send `rounds` pings, each after the answer to the last, and return their times in seconds.
    \\
    \\WSListener.send_user_specific_ping sends the ping; by default a PING with a number.
    \\Several measurements may run at once, and you may cancel one. There is no time limit
    \\except that of auto-ping, if it is on.
    \\
    \\Raises:
    \\    ConnectionResetError: no answer can come any more, because a CLOSE was sent or
    \\        received, or the connection has ended.
    \\    RuntimeError: more than 64 pings wait for an answer, or called from another thread.
    \\    Exception: what send_user_specific_ping raised.
;

pub const notify_user_specific_pong_received =
    \\notify_user_specific_pong_received($self, /)
    \\--
    \\
    \\Report that the answer to the oldest ping has arrived. Use it if on_ws_frame finds this
    \\out at less cost than is_user_specific_pong. It does nothing if no answer is expected.
;

pub const underlying_transport =
    \\The asyncio transport underneath, for buffer limits and extra info. Do not send through
    \\it, and do not change its protocol.
;

pub const request = "The request of the opening handshake; None on a server until it was received.";
pub const response = "The response of the opening handshake; None until it was sent or received.";
pub const close_handshake = "The CLOSE frames seen so far (recv, sent, recv_then_sent), None before the first.";
pub const is_client_side = "Whether this is the client's end.";
pub const is_secure = "Whether the connection runs over TLS.";
pub const is_close_frame_sent = "Whether a CLOSE was sent. Later sends do nothing.";
pub const is_disconnected = "Whether the connection has ended.";
pub const disconnect_info = "Why the connection ended and when it was last used, None before the end.";
