const std = @import("std");
const prefix_code = @import("prefix_code.zig");
const stream = @import("stream_test.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

fn expectComplete(sizes: []const u8, size_max: u4) !void {
    var used: usize = 0;
    for (sizes) |size| {
        try expect(size <= size_max);
        if (size > 0) used += @as(usize, 1) << @intCast(size_max - size);
    }
    try expectEqual(@as(usize, 1) << size_max, used);
}

test "codes are complete, have what occurs and nothing else, and the frequent ones are not longer" {
    var prng: std.Random.DefaultPrng = .init(0x322);
    const random = prng.random();
    for (0..2_000) |turn| {
        var counts: [286]u32 = @splat(0);
        const used = random.intRangeAtMost(usize, 2, counts.len);
        for (counts[0..used]) |*count| count.* = switch (turn % 3) {
            0 => random.uintLessThan(u32, 100),
            1 => @as(u32, 1) << random.uintLessThan(u5, 16), // deep codes
            else => 1,
        };
        if (std.mem.max(u32, &counts) == 0) continue;
        random.shuffle(u32, &counts);
        var sizes: [286]u8 = undefined;
        const size_max: u4 = if (turn % 2 == 0) 15 else 9;
        prefix_code.chooseSizes(&counts, &sizes, size_max);
        try expectComplete(&sizes, size_max);
        for (counts, sizes) |count, size| {
            for (counts, sizes) |other, other_size| {
                if (count > other and other > 0) try expect(size <= other_size);
            }
        }
    }
}

test "counts that grow like Fibonacci's numbers make the deepest code, which is cut off" {
    for ([_]u4{ 7, 15 }) |size_max| {
        var counts: [19]u32 = undefined;
        counts[0] = 1;
        counts[1] = 1;
        for (2..19) |i| counts[i] = counts[i - 1] + counts[i - 2];
        var sizes: [19]u8 = undefined;
        prefix_code.chooseSizes(&counts, &sizes, size_max);
        try expectComplete(&sizes, size_max);
        try expectEqual(size_max, std.mem.max(u8, &sizes));
    }
}

test "without a limit in the way the code is the shortest" {
    // Their frequencies are powers of two, so each bit halves what is left.
    const counts = [_]u32{ 16, 1, 8, 0, 1, 2, 4 };
    var sizes: [counts.len]u8 = undefined;
    prefix_code.chooseSizes(&counts, &sizes, 15);
    try expectEqual([_]u8{ 1, 5, 2, 0, 5, 4, 3 }, sizes);
}

test "one symbol or none becomes two" {
    for ([_][3]u32{ .{ 0, 0, 0 }, .{ 5, 0, 0 }, .{ 0, 5, 0 }, .{ 0, 0, 5 } }) |counts| {
        var sizes: [3]u8 = undefined;
        prefix_code.chooseSizes(&counts, &sizes, 15);
        try expectComplete(&sizes, 15);
        for (counts, sizes) |count, size| try expect(count == 0 or size == 1);
    }
}

test "codes are those of RFC 1951 3.2.2, the first bit lowest" {
    const sizes = [_]u8{ 3, 3, 3, 3, 3, 2, 4, 4, 0 };
    var codes: [sizes.len]prefix_code.Code = undefined;
    prefix_code.makeCodes(&sizes, &codes);
    for (sizes, codes, 0..) |size, code, symbol| {
        try expectEqual(size, code.size);
        if (size == 0) continue;
        const first_highest = @bitReverse(code.bits) >> @intCast(16 - size);
        try expectEqual(stream.codeOf(&sizes, symbol), first_highest);
    }
}
