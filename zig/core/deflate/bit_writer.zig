//! Bits of a DEFLATE stream into memory, lowest bit of each byte first, RFC 1951 3.1.1.

const std = @import("std");
const assert = std.debug.assert;

pub const BitWriter = struct {
    bytes: []u8,
    at: usize = 0,
    /// Fewer than eight bits, which are not in `bytes` yet.
    bits: u64 = 0,
    count: u32 = 0,

    /// What has to be free behind the last byte, as bits are stored eight bytes at a time.
    pub const spare = 8;
    /// The most bits of one `put`.
    pub const put_max = 56;

    pub inline fn put(self: *BitWriter, value: u64, count: u32) void {
        self.bits |= value << @intCast(self.count);
        self.count += count;
        std.mem.writeInt(u64, self.bytes[self.at..][0..8], self.bits, .little);
        self.at += self.count >> 3;
        self.bits >>= @intCast(self.count & 0x38);
        self.count &= 7;
    }

    /// Zeros up to the end of the byte.
    pub fn alignToByte(self: *BitWriter) void {
        self.put(0, (8 - self.count) & 7);
    }

    pub fn append(self: *BitWriter, bytes: []const u8) void {
        assert(self.count == 0);
        @memcpy(self.bytes[self.at..][0..bytes.len], bytes);
        self.at += bytes.len;
    }
};
