//! Docstrings of WSListener. The first lines are the signatures that `inspect` reads.

pub const class =
    \\Handler of one connection's events. Derive from it and override what you need.
    \\
    \\Callbacks run in the event loop's thread, one after the other, between receiving and
    \\the next read: what takes long in one holds up every connection of the loop.
;

pub const on_ws_connected =
    \\on_ws_connected($self, transport, /)
    \\--
    \\
    \\Called once, when the opening handshake is done and frames can be sent.
    \\
    \\If it raises, CLOSE(INTERNAL_ERROR) is sent and the connection ends.
    \\
    \\Args:
    \\    transport: the WSTransport, to be kept by whoever wants to send later.
;

pub const on_ws_frame =
    \\on_ws_frame($self, transport, frame, /)
    \\--
    \\
    \\Called with each frame received, in order. Nothing is assembled, and a CLOSE is the
    \\listener's to answer.
    \\
    \\If it raises and disconnect_on_exception is set, CLOSE(INTERNAL_ERROR) is sent and the
    \\connection ends; a WSProtocolError ends it always and chooses code and reason.
    \\
    \\Args:
    \\    transport: the WSTransport.
    \\    frame: the WSFrame. It may be kept, and then keeps the memory it was received into.
;

pub const on_ws_disconnected =
    \\on_ws_disconnected($self, transport, /)
    \\--
    \\
    \\Called once, when the connection is gone, if on_ws_connected was called.
    \\
    \\Args:
    \\    transport: the WSTransport; its disconnect_info says why.
;

pub const send_user_specific_ping =
    \\send_user_specific_ping($self, transport, /)
    \\--
    \\
    \\Called when auto-ping or measure_roundtrip_time wants a ping sent; by default
    \\transport.send_ping(), by which measure_roundtrip_time numbers its PINGs. If it raises
    \\for auto-ping, the connection ends; measure_roundtrip_time raises it again.
    \\
    \\Args:
    \\    transport: the WSTransport to send it on.
;

pub const is_user_specific_pong =
    \\is_user_specific_pong($self, frame, /)
    \\--
    \\
    \\Whether a frame answers a ping; by default whether it is a PONG. Asked only while an
    \\answer is expected; a frame that is one does not reach on_ws_frame. A PONG is the answer
    \\to the PING with its payload and to those before it, another frame to the oldest ping.
    \\
    \\Args:
    \\    frame: the WSFrame received.
;

pub const pause_writing =
    \\pause_writing($self, /)
    \\--
    \\
    \\Called when more bytes wait to be sent than the high-water mark of the underlying
    \\transport; by default a warning is logged.
;

pub const resume_writing =
    \\resume_writing($self, /)
    \\--
    \\
    \\Called when the bytes that wait have fallen below the low-water mark; by default a
    \\warning is logged.
;
