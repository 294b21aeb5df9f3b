//! The header codec over arbitrary bytes, against a decoder that reads RFC 6455 5.2 bit by bit.
//!
//! Input: the bytes.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const corpus = @import("../testing/corpus_fuzz.zig");
const header = @import("header.zig");
const Decoded = header.Decoded;

/// Takes bits from the most significant one of the first byte on, as the picture in the RFC does.
const BitReader = struct {
    bytes: []const u8,
    at: usize = 0,

    fn take(self: *BitReader, count: usize) error{EndOfBytes}!u128 {
        var value: u128 = 0;
        for (0..count) |_| {
            if (self.at / 8 >= self.bytes.len) return error.EndOfBytes;
            const shift: u3 = @intCast(7 - self.at % 8);
            value = value * 2 + (self.bytes[self.at / 8] >> shift & 1);
            self.at += 1;
        }
        return value;
    }
};

pub fn reference(bytes: []const u8) error{EndOfBytes}!Decoded {
    var bits: BitReader = .{ .bytes = bytes };
    const fin = try bits.take(1) == 1;
    const rsv1 = try bits.take(1) == 1;
    const rsv2 = try bits.take(1) == 1;
    const rsv3 = try bits.take(1) == 1;
    const opcode = try bits.take(4);
    const masked = try bits.take(1) == 1;
    var size = try bits.take(7);
    var size_min: u128 = 0;
    if (size == 126) {
        size_min = 126;
        size = try bits.take(16);
    } else if (size == 127) {
        size_min = 65536;
        size = try bits.take(64);
    }
    const key: [4]u8 = if (masked) key: {
        var key: [4]u8 = undefined;
        for (&key) |*byte| byte.* = @intCast(try bits.take(8));
        break :key key;
    } else undefined;
    if (size > std.math.maxInt(i64)) return .{ .failure = .length_over_63_bits };
    if (size < size_min) return .{ .failure = .non_minimal_length };
    return .{ .header = .{
        .opcode = @fromBackingInt(@as(u4, @intCast(opcode))),
        .flags = .{ .fin = fin, .rsv1 = rsv1, .rsv2 = rsv2, .rsv3 = rsv3 },
        .masking_key = if (masked) key else null,
        .payload_size = @intCast(size),
    } };
}

fn check(bytes: []const u8) !void {
    const decoded = header.decode(bytes);
    const wanted = reference(bytes) catch |err| switch (err) {
        error.EndOfBytes => {
            try expect(decoded.need_more > bytes.len and decoded.need_more <= 14);
            return;
        },
    };
    try expectEqual(wanted, decoded);
    if (decoded != .header) return;
    // What was read is what would be written: there is one way to write a header.
    var buffer: [14]u8 = undefined;
    const size = header.encode(decoded.header, &buffer);
    try expect(std.mem.eql(u8, bytes[0..size], buffer[0..size]));
}

test "fuzz: header" {
    try corpus.run("header", check);
}

test "header: random bytes against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x5_2);
    const random = prng.random();
    for (0..50_000) |_| {
        var buffer: [20]u8 = undefined;
        random.bytes(&buffer);
        // Long lengths, and small numbers in them, would be rare otherwise.
        if (random.boolean()) buffer[1] |= 0x7E;
        if (random.boolean()) @memset(buffer[2..][0..random.uintAtMost(usize, 8)], 0);
        try check(buffer[0..random.uintAtMost(usize, buffer.len)]);
    }
}
