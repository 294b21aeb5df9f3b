//! Docstring of ws_broadcast. The first line is the signature that `inspect` reads.

pub const function =
    \\ws_broadcast($module, /, transports, msg_type, message, fin=True, rsv1=False, rsv2=False, rsv3=False, *, max_queued=1048576, when_full='skip')
    \\--
    \\
    \\Send one frame to many connections; return for which of them it had to be queued.
    \\
    \\The frame is built once. It goes to the socket of each connection at once and never
    \\waits: what a socket does not take is queued for that connection alone, within a bound.
    \\Connections that are closing or gone are passed over. Clients and servers may be mixed,
    \\but each client masks a copy of its own (RFC 6455 5.3).
    \\
    \\If sending raises for one connection the others still get the frame, and then the first
    \\exception is raised.
    \\
    \\Args:
    \\    transports: iterable of WSTransport, read before anything is sent.
    \\    msg_type: a WSMsgType other than CLOSE.
    \\    message: str (sent as UTF-8), a contiguous bytes-like object, or None for no payload.
    \\    fin: whether the frame is the last one of its message.
    \\    rsv1: first reserved bit, for extensions that all sides know of.
    \\    rsv2: second reserved bit.
    \\    rsv3: third reserved bit.
    \\    max_queued: bytes that may wait in one connection. With nothing waiting a frame of any
    \\        size is taken, so what waits is at most this or one frame.
    \\    when_full: what becomes of a connection whose queue has no room for the frame. 'skip'
    \\        leaves the frame out for it; 'disconnect' ends it, with what waits dropped.
    \\
    \\Returns:
    \\    A WSBroadcastResult.
    \\
    \\Raises:
    \\    ValueError: a frame that may not be sent, a fragment with when_full='skip', or a
    \\        wrong max_queued or when_full. Nothing was sent.
    \\    TypeError: a message or a transport of another type. Nothing was sent.
    \\    RuntimeError: a connection belongs to another thread. Nothing was sent.
;
