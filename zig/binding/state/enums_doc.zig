//! Docstrings of the enumerations.

pub const WSMsgType =
    \\What a frame is: its opcode (RFC 6455 5.2, 11.8).
    \\
    \\CONTINUATION goes on with the message that a TEXT or BINARY frame without fin began.
    \\CLOSE, PING and PONG are control frames: 125 bytes at the most, never fragmented, and
    \\allowed between the fragments of a message.
;

pub const WSCloseCode =
    \\Why a connection is closed (RFC 6455 7.4.1; 1012 to 1014 from the IANA registry).
    \\
    \\NO_INFO is a CLOSE without payload; it and ABNORMAL_CLOSURE, which stands for a
    \\connection that ended without a CLOSE, are never on the wire. 3000 to 3999 are for
    \\libraries and frameworks, 4000 to 4999 for applications: plain ints.
;

pub const WSAutoPingStrategy =
    \\When auto-ping sends a ping: PING_WHEN_IDLE after auto_ping_idle_timeout without a byte
    \\received, PING_PERIODICALLY every auto_ping_idle_timeout, whatever is received.
;
