//! Frames into bytes, for the three ways of sending: the header in front of a payload that stays where it is
//! (`headerInFront`), a copy of both (`copy`), and, for a gathering write, the header alone (`header.encode`).
//!
//! Whether a frame may be sent at all (a control frame of 200 bytes, a CLOSE code) was decided by the caller. A masking
//! key is given exactly if we are the client, a fresh one for every frame. RFC 6455 5.1, 5.3

const std = @import("std");
const assert = std.debug.assert;
const headers = @import("header.zig");
const mask = @import("mask.zig");
const Opcode = @import("opcode.zig").Opcode;

/// A frame to be sent, but for its masking key and its payload.
pub const Message = struct {
    opcode: Opcode,
    flags: headers.Flags = .{ .fin = true },
    payload_size: usize,

    pub fn header(self: Message, key: ?[4]u8) headers.Header {
        return .{
            .opcode = self.opcode,
            .flags = self.flags,
            .masking_key = key,
            .payload_size = self.payload_size,
        };
    }
};

/// Header and payload together.
pub fn frameSize(payload_size: usize, masked: bool) usize {
    return headers.sizeFor(payload_size, masked) + payload_size;
}

/// Makes a frame around a payload that stays where it is, and returns all of it: the header goes into the bytes right
/// before `payload`, of which up to 14 (`header.sizeFor` says how many) belong to the caller and may be overwritten.
/// With a key the payload is masked in place.
pub fn headerInFront(
    opcode: Opcode,
    flags: headers.Flags,
    payload: [*]u8,
    payload_size: usize,
    key: ?[4]u8,
    kernel: mask.Kernel,
) []u8 {
    const message: Message = .{ .opcode = opcode, .flags = flags, .payload_size = payload_size };
    const header = message.header(key);
    const header_size = header.size();
    const frame = (payload - header_size)[0 .. header_size + payload_size];
    headers.encodeExactly(header, frame[0..header_size]);
    if (key) |masking_key| kernel(payload, payload, payload_size, masking_key);
    return frame;
}

/// Writes a whole frame to the start of `dst`, which has room for `frameSize`, and returns its size. With a key the
/// payload is masked on the way. `dst` and `payload` do not overlap.
pub fn copy(
    dst: []u8,
    opcode: Opcode,
    flags: headers.Flags,
    payload: []const u8,
    key: ?[4]u8,
    kernel: mask.Kernel,
) usize {
    const message: Message = .{ .opcode = opcode, .flags = flags, .payload_size = payload.len };
    const header = message.header(key);
    const header_size = header.size();
    assert(dst.len >= header_size + payload.len);
    headers.encodeExactly(header, dst[0..header_size]);
    const body = dst[header_size..][0..payload.len];
    if (key) |masking_key| {
        kernel(body.ptr, payload.ptr, payload.len, masking_key);
    } else {
        @memcpy(body, payload);
    }
    return header_size + payload.len;
}
