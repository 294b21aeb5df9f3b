//! Every way in which a peer can break the protocol, and the one table from it to a close code.

const CloseCode = @import("close.zig").CloseCode;

pub const Failure = enum {
    unknown_opcode,
    reserved_bits,
    fragmented_control,
    oversized_control,
    /// A client sent a frame without a masking key (we are the server).
    unmasked_frame,
    /// A server sent a frame with a masking key (we are the client).
    masked_frame,
    non_minimal_length,
    length_over_63_bits,
    frame_too_big,
    close_payload_of_one_byte,
    close_code_not_allowed,
    close_reason_not_utf8,
    unexpected_continuation,
    unfinished_message,
    text_not_utf8,
    message_too_big,
    too_many_fragments,
    /// A compressed message has bytes that no deflater makes. RFC 7692 7.2.2
    bad_data,
    /// A compressed message ends inside a block. RFC 7692 7.2.2
    cut_data,

    /// What the connection is failed with, RFC 6455 7.1.7 and 7.4.1.
    pub fn closeCode(self: Failure) CloseCode {
        return entry(self).code;
    }

    /// A fragment of a sentence for an exception's text and for the CLOSE reason, so at most 123 bytes of ASCII.
    pub fn message(self: Failure) [:0]const u8 {
        return entry(self).message;
    }

    /// The payload of the CLOSE that fails the connection: code and message. Static.
    pub fn closePayload(self: Failure) []const u8 {
        switch (self) {
            inline else => |failure| {
                const code: u16 = @backingInt(comptime failure.closeCode());
                return &[_]u8{ code >> 8, code & 0xFF } ++ comptime failure.message();
            },
        }
    }
};

const Entry = struct { code: CloseCode, message: [:0]const u8 };

fn entry(failure: Failure) Entry {
    return switch (failure) {
        .unknown_opcode => .{ .code = .protocol_error, .message = "unknown opcode" },
        .reserved_bits => .{ .code = .protocol_error, .message = "reserved bits are set that no negotiated extension uses" },
        .fragmented_control => .{ .code = .protocol_error, .message = "control frame is fragmented" },
        .oversized_control => .{ .code = .protocol_error, .message = "control frame has more than 125 bytes of payload" },
        .unmasked_frame => .{ .code = .protocol_error, .message = "client sent a frame that is not masked" },
        .masked_frame => .{ .code = .protocol_error, .message = "server sent a masked frame" },
        .non_minimal_length => .{ .code = .protocol_error, .message = "payload length is not encoded in the shortest form" },
        .length_over_63_bits => .{ .code = .protocol_error, .message = "payload length has its most significant bit set" },
        .frame_too_big => .{ .code = .message_too_big, .message = "frame is larger than the limit" },
        .close_payload_of_one_byte => .{ .code = .protocol_error, .message = "CLOSE frame has a payload of one byte" },
        .close_code_not_allowed => .{ .code = .protocol_error, .message = "CLOSE frame has a code that may not be sent" },
        .close_reason_not_utf8 => .{ .code = .invalid_text, .message = "CLOSE reason is not UTF-8" },
        .unexpected_continuation => .{ .code = .protocol_error, .message = "CONTINUATION frame without a message to continue" },
        .unfinished_message => .{ .code = .protocol_error, .message = "new message before the last fragment of the previous one" },
        .text_not_utf8 => .{ .code = .invalid_text, .message = "TEXT message is not UTF-8" },
        .message_too_big => .{ .code = .message_too_big, .message = "message is larger than the limit" },
        .too_many_fragments => .{ .code = .message_too_big, .message = "message has more fragments than the limit" },
        .bad_data => .{ .code = .protocol_error, .message = "compressed message cannot be inflated" },
        .cut_data => .{ .code = .protocol_error, .message = "compressed message ends inside a block" },
    };
}
