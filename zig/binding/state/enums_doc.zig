//! Docstrings of the enumerations.

pub const WSMsgType =
    \\What a frame is: its opcode (RFC 6455 5.2, 11.8).
    \\
    \\CONTINUATION continues the message that a TEXT or BINARY frame without fin began.
    \\CLOSE, PING and PONG are control frames: at most 125 bytes, never fragmented, and
    \\allowed between the fragments of a message.
;

pub const WSCloseCode =
    \\Why a connection is closed (RFC 6455 7.4.1; 1012 to 1014 from the IANA registry).
    \\
    \\NO_INFO stands for a CLOSE without payload, ABNORMAL_CLOSURE for a connection that ended
    \\without a CLOSE. Neither is ever sent. 3000 to 3999 are for libraries and frameworks,
    \\4000 to 4999 for applications; these are plain ints.
;

pub const WSAutoPingStrategy =
    \\When auto-ping sends a ping. PING_WHEN_IDLE: when no byte has arrived for
    \\auto_ping_idle_timeout. PING_PERIODICALLY: every auto_ping_idle_timeout, whatever arrives.
;
