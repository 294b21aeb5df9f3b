const std = @import("std");
const History = @import("history.zig").History;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

test "the last bytes are there, in rings of any size that is large enough, and when they move" {
    var prng: std.Random.DefaultPrng = .init(0x714);
    const random = prng.random();
    var text: [4000]u8 = undefined;
    random.bytes(&text);
    for (0..200) |_| {
        var rings: [2][400]u8 = undefined;
        var history: History = .{ .reach = random.intRangeAtMost(u16, 1, 300), .ring = &.{} };
        var size: usize = 0;
        var moves: usize = 0;
        for (0..40) |_| {
            const more = random.uintAtMost(usize, if (random.boolean()) 8 else text.len - size);
            const needed = history.sizeWith(more);
            if (needed > history.ring.len or random.uintLessThan(u8, 4) == 0) {
                moves += 1;
                history.move(rings[moves % 2][0 .. needed + random.uintAtMost(usize, 400 - needed)]);
            }
            history.keep(text[size..][0..more]);
            size += more;
            try expectEqual(@min(size, history.reach), history.size);
            const back = random.uintAtMost(usize, history.size);
            var read: [300]u8 = undefined;
            const part = read[0..random.uintAtMost(usize, back)];
            history.read(back, part);
            try expectEqualSlices(u8, text[size - back ..][0..part.len], part);
            if (size > text.len - 8) break;
        }
    }
}

test "what is forgotten takes no room" {
    var ring: [8]u8 = undefined;
    var history: History = .{ .reach = 8, .ring = &ring };
    history.keep("12345678");
    history.forget();
    try expectEqual(0, history.size);
    try expectEqual(3, history.sizeWith(3));
    history.ring = &.{};
    history.keep("");
    history.move(ring[0..2]);
    history.keep("ab");
    var read: [2]u8 = undefined;
    history.read(2, &read);
    try expectEqualSlices(u8, "ab", &read);
}
