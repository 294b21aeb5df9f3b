//! Frames for the tests, put together byte by byte from the picture in RFC 6455 5.2 and without the code under test.

const std = @import("std");

pub const LengthForm = enum { in_7_bits, in_16_bits, in_64_bits };

pub fn shortestForm(size: u64) LengthForm {
    if (size <= 125) return .in_7_bits;
    if (size <= 0xFFFF) return .in_16_bits;
    return .in_64_bits;
}

/// A list of bytes with room for what the tests need; an overrun is a failed test.
pub fn Bytes(comptime capacity: usize) type {
    return struct {
        storage: [capacity]u8 = undefined,
        size: usize = 0,

        const Self = @This();

        pub fn slice(self: *Self) []u8 {
            return self.storage[0..self.size];
        }

        pub fn byte(self: *Self, value: u8) void {
            self.storage[self.size] = value;
            self.size += 1;
        }

        pub fn bytes(self: *Self, values: []const u8) void {
            @memcpy(self.storage[self.size..][0..values.len], values);
            self.size += values.len;
        }

        /// The length most significant byte first, in the form asked for, be it right or wrong.
        pub fn header(self: *Self, first: u8, form: LengthForm, size: u64, key: ?[4]u8) void {
            self.byte(first);
            const mask_bit: u8 = if (key == null) 0 else 128;
            switch (form) {
                .in_7_bits => self.byte(mask_bit + @as(u8, @intCast(size))),
                .in_16_bits => {
                    self.byte(mask_bit + 126);
                    self.byte(@intCast(size / 256));
                    self.byte(@intCast(size % 256));
                },
                .in_64_bits => {
                    self.byte(mask_bit + 127);
                    var divisor: u64 = 1 << 56;
                    while (divisor > 0) : (divisor /= 256) self.byte(@intCast(size / divisor % 256));
                },
            }
            if (key) |some| self.bytes(&some);
        }

        pub fn frame(self: *Self, first: u8, payload: []const u8, key: ?[4]u8) void {
            self.header(first, shortestForm(payload.len), payload.len, key);
            for (payload, 0..) |value, i| self.byte(if (key) |some| value ^ some[i % 4] else value);
        }
    };
}

/// The examples of RFC 6455 5.7, the long ones without their payload.
pub const rfc_examples = struct {
    pub const unmasked_text = "\x81\x05\x48\x65\x6c\x6c\x6f";
    pub const masked_text = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    pub const masking_key = [4]u8{ 0x37, 0xfa, 0x21, 0x3d };
    pub const fragments = "\x01\x03\x48\x65\x6c" ++ "\x80\x02\x6c\x6f";
    pub const ping = "\x89\x05\x48\x65\x6c\x6c\x6f";
    pub const masked_pong = "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    pub const header_of_256_bytes = "\x82\x7E\x01\x00";
    pub const header_of_64_kib = "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00";
};

test "the helper builds the examples of the RFC" {
    const examples = rfc_examples;
    var list: Bytes(100) = .{};
    list.frame(0x81, "Hello", null);
    list.frame(0x81, "Hello", examples.masking_key);
    list.frame(0x01, "Hel", null);
    list.frame(0x80, "lo", null);
    list.frame(0x89, "Hello", null);
    list.frame(0x8A, "Hello", examples.masking_key);
    list.header(0x82, .in_16_bits, 256, null);
    list.header(0x82, .in_64_bits, 65536, null);
    try std.testing.expectEqualSlices(u8, examples.unmasked_text ++ examples.masked_text ++ examples.fragments ++
        examples.ping ++ examples.masked_pong ++ examples.header_of_256_bytes ++ examples.header_of_64_kib, list.slice());
}
