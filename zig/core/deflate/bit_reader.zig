//! Bits of a DEFLATE stream, lowest bit of each byte first (RFC 1951 3.1.1), from bytes that may end anywhere.

const std = @import("std");

pub const BitReader = struct {
    bytes: []const u8,
    /// How many of them are in `bits`, or were.
    at: usize = 0,
    /// The next `count` bits, the lowest one first. Those above may be the ones that follow, and count for nothing.
    bits: u64,
    count: u32,

    /// Most bits that `fill` promises, if there are as many bytes.
    pub const filled = 56;

    /// Takes in as many whole bytes as fit.
    pub inline fn fill(self: *BitReader) void {
        if (self.bytes.len - self.at >= 8) return self.fillWord();
        self.fillBytes();
    }

    /// The same, where eight bytes are left: one load, and the bytes that did not fit are loaded again next time.
    pub inline fn fillWord(self: *BitReader) void {
        const word = std.mem.readInt(u64, self.bytes[self.at..][0..8], .little);
        self.bits |= word << @intCast(self.count);
        self.at += (63 - self.count) >> 3;
        self.count |= filled;
    }

    fn fillBytes(self: *BitReader) void {
        self.bits = self.pending();
        while (self.count < filled and self.at < self.bytes.len) {
            self.bits |= @as(u64, self.bytes[self.at]) << @intCast(self.count);
            self.at += 1;
            self.count += 8;
        }
    }

    /// The bits that were taken from the bytes and not used: what has to be kept when the bytes go.
    pub fn pending(self: *const BitReader) u64 {
        return self.bits & ((@as(u64, 1) << @intCast(self.count)) - 1);
    }

    pub inline fn peek(self: *const BitReader, count: u4) usize {
        return @intCast(self.bits & ((@as(u64, 1) << count) - 1));
    }

    pub inline fn drop(self: *BitReader, count: u32) void {
        self.bits >>= @intCast(count);
        self.count -= count;
    }

    pub inline fn take(self: *BitReader, count: u4) usize {
        const value = self.peek(count);
        self.drop(count);
        return value;
    }
};
