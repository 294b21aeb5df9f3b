const std = @import("std");
const KeyStream = @import("keys.zig").KeyStream;
const ChaCha8 = std.crypto.stream.chacha.ChaCha8IETF;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

const seed: [32]u8 = "a seed for tests, 32 bytes long.".*;
const keys_per_block = (1024 - 32) / 4;

test "keys are the ChaCha8 key stream behind the next seed, block after block" {
    var stream: KeyStream = .init(seed);
    var block_seed = seed;
    for (0..3) |_| {
        var block: [1024]u8 = undefined;
        ChaCha8.stream(&block, 0, block_seed, @splat(0));
        for (0..keys_per_block) |at| try expectEqual(block[32 + 4 * at ..][0..4].*, stream.next());
        block_seed = block[0..32].*;
    }
}

test "one seed makes one stream, another seed another" {
    var a: KeyStream = .init(seed);
    var b: KeyStream = .init(seed);
    var other_seed = seed;
    other_seed[31] ^= 1;
    var c: KeyStream = .init(other_seed);
    var same: usize = 0;
    for (0..1000) |_| {
        const key = a.next();
        try expectEqual(key, b.next());
        if (std.mem.eql(u8, &key, &c.next())) same += 1;
    }
    try expect(same <= 1); // 1000 chances in 2^32
}

test "no block comes again" {
    var stream: KeyStream = .init(seed);
    var seen: std.AutoHashMap([2][4]u8, void) = .init(std.testing.allocator);
    defer seen.deinit();
    for (0..100 * keys_per_block / 2) |_| {
        // Two keys at a time: 64 bits do not repeat by chance, 32 bits do.
        const entry = try seen.getOrPut(.{ stream.next(), stream.next() });
        try expect(!entry.found_existing);
    }
}

test "every bit of a key is set half of the time" {
    const draws = 64 * 1024;
    var stream: KeyStream = .init(seed);
    var ones: [32]usize = @splat(0);
    for (0..draws) |_| {
        const key: u32 = @bitCast(stream.next());
        for (&ones, 0..) |*count, at| count.* += (key >> @intCast(at)) & 1;
    }
    // Five standard deviations of 128 to either side.
    for (ones) |count| try expect(count > draws / 2 - 640 and count < draws / 2 + 640);
}
