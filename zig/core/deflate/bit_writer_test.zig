const std = @import("std");
const BitWriter = @import("bit_writer.zig").BitWriter;
const stream = @import("stream_test.zig");
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

test "any numbers of any counts of bits" {
    var prng: std.Random.DefaultPrng = .init(0x311);
    const random = prng.random();
    for (0..200) |_| {
        var buffer: [1000 + BitWriter.spare]u8 = undefined;
        var out: BitWriter = .{ .bytes = &buffer };
        var expected: stream.Stream = .{};
        for (0..100) |_| {
            const count = random.uintAtMost(u6, BitWriter.put_max);
            const value = random.int(u64) & (@as(u64, 1) << count) - 1;
            out.put(value, count);
            expected.number(value, count);
            try expectEqual(expected.bit_count, 8 * out.at + out.count);
            if (random.uintLessThan(u8, 10) == 0) {
                out.alignToByte();
                expected.align_();
                out.append("abc");
                expected.raw("abc");
            }
        }
        out.alignToByte();
        try expectEqualSlices(u8, expected.bytes(), buffer[0..out.at]);
    }
}
