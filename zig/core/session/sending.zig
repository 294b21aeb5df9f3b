//! What may be sent, and what is wrong with what may not. Here the caller is wrong, not the peer (`failure`): nothing has
//! happened, and the connection goes on.

const std = @import("std");
const assert = std.debug.assert;
const closes = @import("../frame/close.zig");
const header = @import("../frame/header.zig");
const mask = @import("../frame/mask.zig");
const opcodes = @import("../frame/opcode.zig");
const utf8 = @import("../text/utf8.zig");
const writer = @import("../frame/writer.zig");
const CloseCode = closes.CloseCode;
const Opcode = opcodes.Opcode;

pub const Misuse = error{
    /// Our CLOSE was sent, or has to be what is sent next. RFC 6455 5.5.1
    AfterClose,
    /// No frame has this opcode. RFC 6455 5.2
    UnknownOpcode,
    /// A CLOSE is sent with `close`, which knows its payload.
    CloseHasItsOwnFunction,
    /// PING and PONG are never fragments. RFC 6455 5.4
    FragmentedControl,
    /// PING and PONG carry at most 125 bytes. RFC 6455 5.5
    OversizedControl,
    /// RSV bits that no extension owns, in `messages` mode. RFC 6455 5.2
    ReservedBits,
    /// A CONTINUATION without a message to continue, in `messages` mode. RFC 6455 5.4
    UnexpectedContinuation,
    /// A new message before the last fragment of the one before, in `messages` mode. RFC 6455 5.4
    UnfinishedMessage,
    /// A close code that is never on the wire. RFC 6455 7.4
    CloseCodeNotAllowed,
    /// A reason cannot stand alone in a CLOSE. RFC 6455 5.5.1
    CloseReasonWithoutCode,
    /// More than 123 bytes.
    CloseReasonTooLong,
    CloseReasonNotUtf8,
    /// All places for PINGs are taken by others that wait for an answer.
    TooManyPings,
};

/// A frame that is to be sent. It counts as sent: whoever cannot send it, in the order of plans, ends the connection.
pub const Plan = struct {
    opcode: Opcode,
    flags: header.Flags,
    /// Where the caller or an event has it; not masked yet.
    payload: []const u8,

    /// Of the whole frame.
    pub fn size(self: Plan, role: opcodes.Role) usize {
        return writer.frameSize(self.payload.len, role == .client);
    }

    /// The header alone, for a gathering write. A client gives a key and masks the payload itself.
    pub fn writeHeader(self: Plan, buffer: *[opcodes.header_size_max]u8, key: ?[4]u8) []const u8 {
        const message: writer.Message = .{ .opcode = self.opcode, .flags = self.flags, .payload_size = self.payload.len };
        return buffer[0..header.encode(message.header(key), buffer)];
    }

    /// Writes the frame to the start of `buffer`, which has room for `size`, and returns it. A client gives a key, a
    /// fresh one for every frame; a server gives null. RFC 6455 5.1, 5.3
    pub fn write(self: Plan, buffer: []u8, key: ?[4]u8, kernel: mask.Kernel) []u8 {
        return buffer[0..writer.copy(buffer, self.opcode, self.flags, self.payload, key, kernel)];
    }
};

/// Whether a frame that is no CLOSE may be sent at all. RFC 6455 5.2, 5.5
pub fn checkFrame(opcode: Opcode, flags: header.Flags, payload_size: usize) Misuse!void {
    if (!opcode.isKnown()) return error.UnknownOpcode;
    if (opcode == .close) return error.CloseHasItsOwnFunction;
    if (!opcode.isControl()) return;
    if (!flags.fin) return error.FragmentedControl;
    if (payload_size > opcodes.control_payload_size_max) return error.OversizedControl;
}

/// Whether a CLOSE may say this. RFC 6455 5.5.1, 7.4
pub fn checkClose(code: CloseCode, reason: []const u8) Misuse!void {
    if (code == .no_info) return if (reason.len > 0) error.CloseReasonWithoutCode;
    if (!code.maySend()) return error.CloseCodeNotAllowed;
    if (reason.len > closes.reason_size_max) return error.CloseReasonTooLong;
    if (!utf8.isValid(reason)) return error.CloseReasonNotUtf8;
}
