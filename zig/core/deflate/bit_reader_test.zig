const std = @import("std");
const BitReader = @import("bit_reader.zig").BitReader;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "any counts of bits, from bytes that are cut anywhere" {
    var prng: std.Random.DefaultPrng = .init(0x311);
    const random = prng.random();
    for (0..2_000) |_| {
        var bytes: [40]u8 = undefined;
        random.bytes(&bytes);
        const cut = random.uintAtMost(usize, bytes.len);
        var in: BitReader = .{ .bytes = bytes[0..cut], .bits = 0, .count = 0 };
        var is_second = false;
        var read: usize = 0;
        while (true) {
            const count = random.int(u4);
            in.fill();
            if (in.count < count) {
                try expectEqual(in.bytes.len, in.at);
                if (is_second) break;
                // What is left of the first part is kept without it.
                in = .{ .bytes = bytes[cut..], .bits = in.pending(), .count = in.count };
                is_second = true;
                continue;
            }
            var expected: usize = 0;
            for (0..count) |i| {
                const bit = bytes[(read + i) / 8] >> @intCast((read + i) % 8) & 1;
                expected |= @as(usize, bit) << @intCast(i);
            }
            try expectEqual(expected, in.peek(count));
            try expectEqual(expected, in.take(count));
            read += count;
        }
        try expectEqual(8 * bytes.len, read + in.count);
    }
}

test "filling takes as many bytes as fit, and promises 56 bits where there are eight bytes" {
    const bytes: [20]u8 = @splat(0xAA);
    for (0..64) |count| {
        for (0..bytes.len + 1) |size| {
            var in: BitReader = .{ .bytes = bytes[0..size], .bits = 0, .count = @intCast(count) };
            in.fill();
            try expectEqual(count + 8 * in.at, in.count);
            try expect(in.count >= BitReader.filled or in.at == size);
            try expect(in.count <= 63);
        }
    }
}

test "bits above those that count are not kept" {
    var in: BitReader = .{ .bytes = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", .bits = 0, .count = 3 };
    in.fill();
    try expectEqual(59, in.count);
    try expectEqual((1 << 59) - 8, in.pending());
}
