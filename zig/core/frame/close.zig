//! The payload of a CLOSE frame: nothing, or a code in two bytes and a reason in UTF-8. RFC 6455 5.5.1, 7.4

const std = @import("std");
const assert = std.debug.assert;
const control_payload_size_max = @import("opcode.zig").control_payload_size_max;
const Failure = @import("failure.zig").Failure;
const utf8 = @import("../text/utf8.zig");

/// RFC 6455 7.4.1, and 1012-1014 from the IANA registry. 3000-4999 belong to libraries and applications and have no
/// names here.
pub const CloseCode = enum(u16) {
    /// Not a code: a CLOSE frame without payload. (RFC 6455 reserves 1005 for saying so; the API says 0.)
    no_info = 0,
    ok = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    /// Says locally that a connection ended without CLOSE. Never on the wire. RFC 6455 7.4.1
    abnormal_closure = 1006,
    invalid_text = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    mandatory_extension = 1010,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    bad_gateway = 1014,
    _,

    /// Whether the code may stand in a CLOSE frame, ours or the peer's. RFC 6455 7.4.2; 1004, 1005, 1006 and 1015
    /// are reserved for what never goes on the wire, and everything else is unassigned.
    pub fn maySend(self: CloseCode) bool {
        return switch (@backingInt(self)) {
            1000...1003, 1007...1014, 3000...4999 => true,
            else => false,
        };
    }
};

pub const Close = struct {
    code: CloseCode,
    /// Inside the payload it was decoded from.
    reason: []const u8,

    /// The reason, or null: with nothing behind its code a CLOSE gives none.
    pub fn text(self: Close) ?[]const u8 {
        return if (self.reason.len > 0) self.reason else null;
    }
};

pub const Decoded = union(enum) { close: Close, failure: Failure };

const code_size = 2;
pub const reason_size_max = control_payload_size_max - code_size;

/// Reads the unmasked payload of a complete CLOSE frame. An empty one is `.no_info`.
pub fn decode(payload: []const u8) Decoded {
    if (payload.len == 0) return .{ .close = .{ .code = .no_info, .reason = "" } };
    if (payload.len < code_size) return .{ .failure = .close_payload_of_one_byte }; // RFC 6455 5.5.1
    const code: CloseCode = @fromBackingInt(std.mem.readInt(u16, payload[0..code_size], .big));
    if (!code.maySend()) return .{ .failure = .close_code_not_allowed }; // RFC 6455 7.4
    const reason = payload[code_size..];
    if (!utf8.isValid(reason)) return .{ .failure = .close_reason_not_utf8 }; // RFC 6455 5.5.1, 8.1
    return .{ .close = .{ .code = code, .reason = reason } };
}

/// Writes the payload of a CLOSE frame to the start of `buffer`. `.no_info` is the empty payload.
///
/// The caller has made sure that the code may be sent and that the reason is UTF-8 of at most `reason_size_max`
/// bytes (and empty for `.no_info`): what comes from a user is checked where an error can be raised.
pub fn encode(code: CloseCode, reason: []const u8, buffer: *[control_payload_size_max]u8) []const u8 {
    if (code == .no_info) {
        assert(reason.len == 0);
        return buffer[0..0];
    }
    assert(code.maySend());
    assert(reason.len <= reason_size_max);
    assert(utf8.isValid(reason));
    std.mem.writeInt(u16, buffer[0..code_size], @backingInt(code), .big);
    @memcpy(buffer[code_size..][0..reason.len], reason);
    return buffer[0 .. code_size + reason.len];
}
