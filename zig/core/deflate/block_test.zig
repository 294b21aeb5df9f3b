const std = @import("std");
const BitWriter = @import("bit_writer.zig").BitWriter;
const Block = @import("block.zig").Block;
const reference = @import("reference_test.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

/// Too large for the stack.
const static = struct {
    var block: Block = undefined;
    var buffer: [1 << 18]u8 = undefined;
    var inflated: [1 << 18]u8 = undefined;
};

/// Writes the block and returns the type that it got, by its first three bits.
fn expectBytes(bytes: []const u8, bits_before: u3) !u2 {
    var out: BitWriter = .{ .bytes = &static.buffer };
    if (bits_before > 0) { // of an empty stored block; the rest of its byte is skipped
        out.put(0, 3);
        out.alignToByte();
        out.put(0xFFFF_0000, 32);
        out.put(0b010, 3); // an empty fixed block has ten bits
        out.put(0, 7);
    }
    const start = 8 * out.at + out.count;
    static.block.write(&out, bytes);
    out.put(0, 3);
    out.alignToByte();
    const outcome: reference.Outcome = .inflate(static.buffer[0..out.at], 15, &static.inflated);
    try expectEqualSlices(u8, bytes, outcome.written);
    try expectEqual(0, static.block.count);
    try expect(8 * out.at + out.count - start <= 8 * (bytes.len + Block.overhead(bytes.len)) + 3 + 7);
    const first = static.buffer[start / 8] | @as(u16, static.buffer[start / 8 + 1]) << 8;
    return @intCast(first >> @intCast(start % 8 + 1) & 3);
}

fn addLiterals(bytes: []const u8) void {
    for (bytes) |byte| static.block.addLiteral(byte);
}

test "the shortest kind of block is taken" {
    static.block.clear();
    addLiterals("Hello");
    try expectEqual(1, try expectBytes("Hello", 0));

    var noise: [10_000]u8 = undefined;
    var prng: std.Random.DefaultPrng = .init(1);
    prng.random().bytes(&noise);
    addLiterals(&noise);
    try expectEqual(0, try expectBytes(&noise, 0));
    for (noise[0..60]) |*byte| byte.* |= 0x90; // nine bits in the fixed code
    addLiterals(noise[0..60]);
    try expectEqual(0, try expectBytes(noise[0..60], 1));

    for (&noise) |*byte| byte.* = 'a' + byte.* % 3;
    addLiterals(&noise);
    try expectEqual(2, try expectBytes(&noise, 1));
}

test "matches of every size and of distances of every kind" {
    for ([_]u3{ 0, 1 }) |bits_before| {
        var expected: [200_000]u8 = undefined;
        var size: usize = 0;
        static.block.clear();
        for (0..300) |i| {
            const byte: u8 = @truncate(i * i);
            static.block.addLiteral(byte);
            expected[size] = byte;
            size += 1;
        }
        for (3..259) |length| {
            const distance = @min(32768, size, length * length / 2 + 1);
            static.block.addMatch(length, distance);
            for (0..length) |_| {
                expected[size] = expected[size - distance];
                size += 1;
            }
        }
        for (0..30) |i| { // what is a match of 3 at each power of two, and one less
            for ([_]usize{ 0, 1 }) |less| {
                const distance = (@as(usize, 1) << @intCast(i / 2)) - less;
                if (distance == 0 or distance > size) continue;
                static.block.addMatch(3, distance);
                for (0..3) |_| {
                    expected[size] = expected[size - distance];
                    size += 1;
                }
            }
        }
        try expectEqual(2, try expectBytes(expected[0..size], bits_before));
    }
}

test "a stored block is cut at 65,535 bytes" {
    var prng: std.Random.DefaultPrng = .init(2);
    var noise: [Block.symbols_max * 5]u8 = undefined;
    prng.random().bytes(&noise);
    // As if each symbol stood for five bytes, of which none is shorter in codes.
    static.block.clear();
    while (!static.block.isFull()) static.block.addMatch(5, 32768);
    var out: BitWriter = .{ .bytes = &static.buffer };
    static.block.literals = @splat(1 << 10);
    static.block.write(&out, &noise);
    try expect(out.at <= noise.len + Block.overhead(noise.len));
    const outcome: reference.Outcome = .inflate(static.buffer[0..out.at], 15, &static.inflated);
    try expectEqualSlices(u8, &noise, outcome.written);
}

test "all bytes there are, in codes" {
    static.block.clear();
    var expected: [256 * 3]u8 = undefined;
    for (&expected, 0..) |*byte, i| {
        byte.* = @truncate(i);
        static.block.addLiteral(byte.*);
    }
    for (0..2000) |_| static.block.addLiteral(0);
    var all: [expected.len + 2000]u8 = @splat(0);
    @memcpy(all[0..expected.len], &expected);
    try expectEqual(2, try expectBytes(&all, 0));
}
