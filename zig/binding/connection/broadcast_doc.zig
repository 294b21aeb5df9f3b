//! Docstring of ws_broadcast. The first line is the signature that `inspect` reads.

pub const function =
    \\ws_broadcast($module, /, transports, msg_type, message, fin=True, rsv1=False, rsv2=False, rsv3=False, *, max_queued=1048576, when_full='skip', compress=None)
    \\--
    \\
    \\Send one frame to many connections. Return the connections that had to queue or skip it.
    \\
    \\The frame is built once and written to the socket of each connection at once, without
    \\waiting. What a socket does not take is queued for that connection only, within a bound.
    \\Connections that are closing or gone are skipped. Clients and servers may be mixed,
    \\but each client masks a copy of its own (RFC 6455 5.3).
    \\Where permessage_deflate is on, the message is compressed once for all of them.
    \\
    \\If sending raises for one connection, the others still get the frame. Then the first
    \\exception is raised.
    \\
    \\Args:
    \\    transports: iterable of WSTransport, read before anything is sent.
    \\    msg_type: a WSMsgType other than CLOSE.
    \\    message: str (sent as UTF-8), a contiguous bytes-like object, or None for no payload.
    \\    fin: whether the frame is the last one of its message.
    \\    rsv1: first reserved bit, for extensions that all sides have agreed on.
    \\    rsv2: second reserved bit.
    \\    rsv3: third reserved bit.
    \\    max_queued: how many bytes one connection may queue. A connection with nothing queued
    \\        takes a frame of any size, so it queues at most this or one frame.
    \\    when_full: what happens to a connection whose queue has no room for the frame. 'skip'
    \\        does not send it the frame; 'disconnect' ends it and drops its queue.
    \\    compress: whether the message is compressed for those that have agreed on it; None leaves
    \\        it to the threshold of each.
    \\
    \\Returns:
    \\    A WSBroadcastResult.
    \\
    \\Raises:
    \\    ValueError: the frame may not be sent, a fragment with when_full='skip', or a
    \\        wrong max_queued or when_full. Nothing was sent.
    \\    TypeError: the message or a transport has another type. Nothing was sent.
    \\    RuntimeError: a connection belongs to another thread. Nothing was sent.
;
