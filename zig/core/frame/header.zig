//! The header of a frame, RFC 6455 5.2, between bytes and a struct. Two bytes, then the length in none, two or eight
//! more, then the masking key if there is one:
//!
//!       bit 7    6     5     4     3  2  1  0
//!     byte 0   FIN  RSV1  RSV2  RSV3      opcode
//!     byte 1  MASK    length: 0-125, or 126 (16 bits follow), or 127 (64 bits follow)
//!
//! Only what concerns the form of the length is refused here; what a frame may be is the parser's business.

const std = @import("std");
const assert = std.debug.assert;
const Opcode = @import("opcode.zig").Opcode;
const header_size_max = @import("opcode.zig").header_size_max;
const Failure = @import("failure.zig").Failure;

/// The high half of the first byte, bit for bit.
pub const Flags = packed struct(u4) {
    rsv3: bool = false,
    rsv2: bool = false,
    rsv1: bool = false,
    fin: bool = false,
};

/// The first byte, bit for bit.
pub const First = packed struct(u8) {
    opcode: Opcode,
    flags: Flags,
};

pub const Header = struct {
    opcode: Opcode,
    flags: Flags,
    /// Present exactly if the MASK bit is set: the payload on the wire is masked with it. RFC 6455 5.3
    masking_key: ?[4]u8,
    payload_size: u64,

    /// How many bytes it takes on the wire.
    pub fn size(self: Header) usize {
        return sizeFor(self.payload_size, self.masking_key != null);
    }
};

pub const Decoded = union(enum) {
    /// How many bytes of header are wanted in all; always more than were given.
    need_more: usize,
    header: Header,
    failure: Failure,
};

const mask_bit = 0x80;
/// Values of the 7-bit length that announce a longer one.
const length_in_16_bits = 126;
const length_in_64_bits = 127;
/// "The most significant bit MUST be 0", RFC 6455 5.2.
const payload_size_max = std.math.maxInt(u63);

/// Reads the header at the start of `bytes`, whatever follows it. Nothing is refused before the header is complete.
///
/// Inline because the parser calls it once a frame and takes the struct apart at once: it should never exist in memory.
pub inline fn decode(bytes: []const u8) Decoded {
    if (bytes.len < 2) return .{ .need_more = 2 };
    const masked = bytes[1] & mask_bit != 0;
    const length_7_bits: u7 = @truncate(bytes[1]);
    const length_end: usize = switch (length_7_bits) {
        else => 2,
        length_in_16_bits => 2 + 2,
        length_in_64_bits => 2 + 8,
    };
    const header_end = if (masked) length_end + 4 else length_end;
    if (bytes.len < header_end) return .{ .need_more = header_end };

    var payload_size: u64 = length_7_bits;
    if (length_7_bits >= length_in_16_bits) {
        switch (decodeExtendedLength(bytes[2..length_end])) {
            .payload_size => |long| payload_size = long,
            .failure => |failure| return .{ .failure = failure },
        }
    }
    return .{ .header = .{
        .opcode = @fromBackingInt(@as(u4, @truncate(bytes[0]))),
        .flags = @bitCast(@as(u4, @truncate(bytes[0] >> 4))),
        .masking_key = if (masked) bytes[length_end..][0..4].* else null,
        .payload_size = payload_size,
    } };
}

/// Masking key and payload of a frame of less than 64 KiB that is all there, masked or not as it has to be. Null if it is
/// anything else.
pub inline fn splitWhole(bytes: []u8, masked: bool) ?struct { ?[4]u8, []u8 } {
    if (bytes.len < 2 or (bytes[1] & mask_bit != 0) != masked) return null;
    const length_7_bits = bytes[1] & ~@as(u8, mask_bit);
    var payload_size: usize = length_7_bits;
    var size: usize = 2;
    if (length_7_bits >= length_in_16_bits) {
        if (length_7_bits == length_in_64_bits or bytes.len < 2 + 2) return null;
        payload_size = std.mem.readInt(u16, bytes[2..4], .big);
        if (payload_size < length_in_16_bits) return null;
        size = 2 + 2;
    }
    if (masked) size += 4;
    if (size + payload_size > bytes.len) return null;
    return .{ if (masked) bytes[size - 4 ..][0..4].* else null, bytes[size..][0..payload_size] };
}

/// Whether a whole frame stands at the start of `bytes`. Faults in it are found when its turn comes.
///
/// Inline because it is asked once a frame, and most are short.
pub inline fn startsWithFrame(bytes: []const u8) bool {
    if (bytes.len < 2) return false;
    const length_7_bits = bytes[1] & ~@as(u8, mask_bit);
    if (length_7_bits >= length_in_16_bits) return startsWithLongFrame(bytes);
    const header_size: usize = if (bytes[1] & mask_bit == 0) 2 else 2 + 4;
    return header_size + length_7_bits <= bytes.len;
}

fn startsWithLongFrame(bytes: []const u8) bool {
    return switch (decode(bytes)) {
        .header => |header| header.payload_size <= bytes.len - header.size(),
        .need_more, .failure => false,
    };
}

const ExtendedLength = union(enum) { payload_size: u64, failure: Failure };

/// "The minimal number of bytes MUST be used to encode the length", RFC 6455 5.2.
fn decodeExtendedLength(bytes: []const u8) ExtendedLength {
    if (bytes.len == 2) {
        const length = std.mem.readInt(u16, bytes[0..2], .big);
        if (length < length_in_16_bits) return .{ .failure = .non_minimal_length };
        return .{ .payload_size = length };
    }
    const length = std.mem.readInt(u64, bytes[0..8], .big);
    if (length > payload_size_max) return .{ .failure = .length_over_63_bits };
    if (length <= std.math.maxInt(u16)) return .{ .failure = .non_minimal_length };
    return .{ .payload_size = length };
}

/// Writes the header to the start of `buffer` and returns its size.
pub fn encode(header: Header, buffer: *[header_size_max]u8) usize {
    const size = header.size();
    encodeExactly(header, buffer[0..size]);
    return size;
}

/// Writes the header into `bytes`, which has exactly its size.
pub fn encodeExactly(header: Header, bytes: []u8) void {
    assert(header.payload_size <= payload_size_max);
    assert(bytes.len == header.size());
    const flags: u4 = @bitCast(header.flags);
    bytes[0] = @as(u8, flags) << 4 | @backingInt(header.opcode);
    bytes[1] = if (header.masking_key == null) 0 else mask_bit;
    if (header.payload_size < length_in_16_bits) {
        bytes[1] |= @intCast(header.payload_size);
    } else if (header.payload_size <= std.math.maxInt(u16)) {
        bytes[1] |= length_in_16_bits;
        std.mem.writeInt(u16, bytes[2..4], @intCast(header.payload_size), .big);
    } else {
        bytes[1] |= length_in_64_bits;
        std.mem.writeInt(u64, bytes[2..10], header.payload_size, .big);
    }
    if (header.masking_key) |key| bytes[bytes.len - 4 ..][0..4].* = key;
}

/// The size of the header in front of a payload of that size.
pub fn sizeFor(payload_size: u64, masked: bool) usize {
    const unmasked_size: usize = if (payload_size < length_in_16_bits)
        2
    else if (payload_size <= std.math.maxInt(u16))
        2 + 2
    else
        2 + 8;
    return if (masked) unmasked_size + 4 else unmasked_size;
}
