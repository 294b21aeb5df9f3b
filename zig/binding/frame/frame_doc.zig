//! Docstrings of WSFrame. The first lines are the signatures that `inspect` reads.

pub const class =
    \\A received frame (RFC 6455 5.2), passed to WSListener.on_ws_frame.
    \\
    \\The payload is in the receive buffer. You may keep a frame after the callback. It then
    \\keeps its buffer alive, so to keep many small frames for long, copy the payload with
    \\get_payload_as_bytes() instead. A frame is a read-only buffer itself:
    \\memoryview(frame) and bytes(frame) work.
;

pub const get_payload_as_bytes =
    \\get_payload_as_bytes($self, /)
    \\--
    \\
    \\The payload as new bytes.
;

pub const get_payload_as_utf8_text =
    \\get_payload_as_utf8_text($self, /)
    \\--
    \\
    \\The payload as str.
    \\
    \\Raises:
    \\    UnicodeDecodeError: it is not UTF-8, as a fragment that ends inside a character is not.
;

pub const get_payload_as_ascii_text =
    \\get_payload_as_ascii_text($self, /)
    \\--
    \\
    \\The payload as str.
    \\
    \\Raises:
    \\    UnicodeDecodeError: it is not ASCII.
;

pub const get_payload_as_memoryview =
    \\get_payload_as_memoryview($self, /)
    \\--
    \\
    \\The payload without a copy, read-only. The view keeps the whole receive chunk
    \\(up to 256 KiB, or the frame's size) alive.
;

pub const get_close_code =
    \\get_close_code($self, /)
    \\--
    \\
    \\The close code of a CLOSE frame (RFC 6455 7.4): a WSCloseCode, an int for
    \\codes 3000 to 4999, NO_INFO if there is none.
    \\
    \\Raises:
    \\    ValueError: it is not a CLOSE frame.
;

pub const get_close_message =
    \\get_close_message($self, /)
    \\--
    \\
    \\The reason of a CLOSE frame as bytes, None if it has none.
    \\
    \\Raises:
    \\    ValueError: it is not a CLOSE frame.
;

pub const get_close_reason =
    \\get_close_reason($self, /)
    \\--
    \\
    \\The reason of a CLOSE frame as str, None if it has none.
    \\
    \\Raises:
    \\    ValueError: it is not a CLOSE frame.
;

pub const msg_type = "The opcode (RFC 6455 5.2).";
pub const fin =
    \\Whether this is the last frame of its message. If a message is in fragments, the first
    \\frame has the message type and fin False; the others are CONTINUATION (RFC 6455 5.4).
;
pub const rsv1 =
    \\First reserved bit. picows negotiates no extension. So it is False unless your own
    \\headers asked for one, or the peer breaks the protocol (strict=True refuses that).
;
pub const rsv2 = "Second reserved bit.";
pub const rsv3 = "Third reserved bit.";
pub const last_in_buffer =
    \\Whether no other whole frame follows this one in the receive buffer. The start of one
    \\may follow.
;
pub const tail_size = "Bytes in the receive buffer after this frame.";
pub const payload_size = "Bytes of payload.";
pub const received_at =
    \\time.monotonic() of the read that completed the frame, in seconds. All frames that one
    \\read completed have the same.
;
pub const kernel_time_ns =
    \\time.time_ns() at which the kernel received the last bytes of that read, in nanoseconds.
    \\None without enable_kernel_timestamps=True, and where the kernel does not say.
;
