//! Docstrings of WSListener. The first lines are the signatures that `inspect` reads.

pub const class =
    \\Handler of one connection's events. Derive from it and override what you need.
    \\
    \\Callbacks run in the thread of the event loop, one after the other, before the next
    \\read. A slow callback holds up every connection of the event loop.
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
    \\    transport: the WSTransport. Keep it if you want to send later.
;

pub const on_ws_frame =
    \\on_ws_frame($self, transport, frame, /)
    \\--
    \\
    \\Called with each received frame, in order. Fragments are not assembled. The listener
    \\must answer a CLOSE.
    \\
    \\If it raises and disconnect_on_exception is set, CLOSE(INTERNAL_ERROR) is sent and the
    \\connection ends. A WSProtocolError always ends it; its code and text go into the CLOSE.
    \\
    \\Args:
    \\    transport: the WSTransport.
    \\    frame: the WSFrame. You may keep it; it keeps the memory it was received into.
;

pub const on_ws_read_end =
    \\on_ws_read_end($self, transport, /)
    \\--
    \\
    \\Called after each read of an open connection, when all frames that the read completed
    \\were shown, also if there were none. It is the place to send what the frames of a read
    \\add up to; coalesce_sends gathers that too. By default it does nothing.
    \\
    \\An exception has the same effect as one of on_ws_frame.
    \\
    \\Args:
    \\    transport: the WSTransport.
;

pub const on_ws_disconnected =
    \\on_ws_disconnected($self, transport, /)
    \\--
    \\
    \\Called once, when the connection has ended, if on_ws_connected was called.
    \\
    \\Args:
    \\    transport: the WSTransport; its disconnect_info says why the connection ended.
;

pub const send_user_specific_ping =
    \\send_user_specific_ping($self, transport, /)
    \\--
    \\
    \\Called when auto-ping or measure_roundtrip_time wants to send a ping. By default it calls
    \\transport.send_ping(), and measure_roundtrip_time numbers these PINGs. If it raises for
    \\auto-ping, the connection ends; measure_roundtrip_time raises the exception again.
    \\
    \\Args:
    \\    transport: the WSTransport to send it on.
;

pub const is_user_specific_pong =
    \\is_user_specific_pong($self, frame, /)
    \\--
    \\
    \\Whether a frame answers a ping; by default, whether it is a PONG. Called only while an
    \\answer is expected. A frame that is an answer does not reach on_ws_frame. A PONG answers
    \\the PING with the same payload and those before it; another frame answers the oldest ping.
    \\
    \\Args:
    \\    frame: the WSFrame received.
;

pub const pause_writing =
    \\pause_writing($self, /)
    \\--
    \\
    \\Called when the queue of bytes to send grows above the high-water mark of the underlying
    \\transport. By default it logs a warning.
;

pub const resume_writing =
    \\resume_writing($self, /)
    \\--
    \\
    \\Called when the queue of bytes to send has fallen below the low-water mark. By default it
    \\logs a warning.
;
