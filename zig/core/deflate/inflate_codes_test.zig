const inflate_test = @import("inflate_test.zig");
const stream = @import("stream_test.zig");
const expectFault = inflate_test.expectFault;
const expectText = inflate_test.expectText;

test "symbols that may not occur" {
    for ([_]usize{ 286, 287 }) |symbol| {
        var made: stream.Stream = .{};
        made.block(false, 1);
        made.symbol(&stream.fixed_literals, symbol);
        _ = try expectFault(made.bytes(), "", .symbol);
        made.raw("input to spare, so that nobody looks for its end");
        _ = try expectFault(made.bytes(), "", .symbol);
    }
    for ([_]usize{ 30, 31 }) |symbol| {
        var made: stream.Stream = .{};
        made.block(false, 1);
        made.symbol(&stream.fixed_literals, 'a');
        made.symbol(&stream.fixed_literals, 257);
        made.symbol(&stream.fixed_distances, symbol);
        _ = try expectFault(made.bytes(), "a", .symbol);
        made.raw("input to spare, so that nobody looks for its end");
        _ = try expectFault(made.bytes(), "a", .symbol);
    }
}

test "a dynamic block of literals alone needs no distances" {
    var sizes: [257]u8 = @splat(0);
    sizes['a'] = 1;
    sizes['b'] = 2;
    sizes[256] = 2;
    for ([_]u8{ 0, 1 }) |distance_size| {
        var made: stream.Stream = .{};
        made.dynamic(&sizes, &.{distance_size});
        for ("abba") |byte| made.symbol(&sizes, byte);
        made.symbol(&sizes, 256);
        made.stored("");
        try expectText(made.bytes(), "abba");
    }
}

test "an end of block that is the only symbol has one bit" {
    var sizes: [257]u8 = @splat(0);
    sizes[256] = 1;
    var made: stream.Stream = .{};
    made.dynamic(&sizes, &.{0});
    made.symbol(&sizes, 256);
    made.stored("x");
    try expectText(made.bytes(), "x");

    made = .{};
    made.dynamic(&sizes, &.{0});
    made.number(1, 1);
    _ = try expectFault(made.bytes(), "", .symbol);
}

test "a single distance has one bit, and the other one is a fault" {
    var sizes: [258]u8 = @splat(0);
    sizes['a'] = 1;
    sizes[256] = 2;
    sizes[257] = 2;
    for ([_]u1{ 0, 1 }) |bit| {
        var made: stream.Stream = .{};
        made.dynamic(&sizes, &.{1});
        made.symbol(&sizes, 'a');
        made.symbol(&sizes, 257);
        made.number(bit, 1);
        made.symbol(&sizes, 256);
        made.stored("");
        if (bit == 0) try expectText(made.bytes(), "aaaa") else _ = try expectFault(made.bytes(), "a", .symbol);
    }
    var made: stream.Stream = .{};
    made.dynamic(&sizes, &.{0}); // none at all, and a match
    made.symbol(&sizes, 'a');
    made.symbol(&sizes, 257);
    made.number(0, 1);
    _ = try expectFault(made.bytes(), "a", .symbol);
}

test "codes of fifteen bits" {
    var sizes: [270]u8 = @splat(0);
    for (sizes[0..14], 1..) |*size, bits| size.* = @intCast(bits);
    sizes[14] = 15;
    sizes[256] = 15;
    var made: stream.Stream = .{};
    made.dynamic(&sizes, &.{0});
    for (0..15) |symbol| made.symbol(&sizes, symbol);
    made.symbol(&sizes, 256);
    made.stored("");
    try expectText(made.bytes(), "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E");
}

test "codes that are too full or not full enough" {
    var sizes: [257]u8 = @splat(0);
    sizes['a'] = 1;
    sizes['b'] = 1;
    sizes[256] = 1;
    var made: stream.Stream = .{};
    made.dynamic(&sizes, &.{0});
    _ = try expectFault(made.bytes(), "", .code);
    sizes['b'] = 0;
    sizes[256] = 2;
    made = .{};
    made.dynamic(&sizes, &.{0});
    _ = try expectFault(made.bytes(), "", .code);
    sizes['b'] = 2;
    for ([_][]const u8{ &.{ 1, 1, 1 }, &.{ 1, 2 }, &.{2}, &.{ 2, 2 } }) |distances| {
        made = .{};
        made.dynamic(&sizes, distances);
        _ = try expectFault(made.bytes(), "", .code);
    }
}

test "a block without a code for its end is refused" {
    var sizes: [257]u8 = @splat(0);
    sizes['a'] = 1;
    sizes['b'] = 1;
    var made: stream.Stream = .{};
    made.dynamic(&sizes, &.{0});
    _ = try expectFault(made.bytes(), "", .no_end_of_block);
}

test "more symbols than there are" {
    for ([_][2]usize{ .{ 30, 0 }, .{ 31, 0 }, .{ 0, 30 }, .{ 0, 31 } }) |counts| {
        var made: stream.Stream = .{};
        made.block(false, 2);
        made.number(counts[0], 5);
        made.number(counts[1], 5);
        made.number(0, 4);
        _ = try expectFault(made.bytes(), "", .symbol_count);
    }
}

/// The head of a dynamic block whose code of code lengths has two symbols: 0 means 1 and 1 means `symbol`.
fn repeats(symbol: usize) stream.Stream {
    const order = [19]u8{ 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
    var made: stream.Stream = .{};
    made.block(false, 2);
    made.number(0, 5);
    made.number(0, 5);
    made.number(19 - 4, 4);
    for (order) |other| made.number(@intFromBool(other == 1 or other == symbol), 3);
    return made;
}

test "a repeat needs something to repeat, and ends where the sizes do" {
    var made = repeats(16);
    made.number(0b00_1, 3);
    _ = try expectFault(made.bytes(), "", .repeat);

    made = repeats(18); // 138 zeros, 120 of 120 left, or one more
    for ([_]usize{ 109, 110 }) |extra| {
        var copy = made;
        copy.number(1, 1);
        copy.number(127, 7);
        copy.number(1, 1);
        copy.number(extra, 7);
        copy.align_();
        _ = try expectFault(copy.bytes(), "", if (extra == 109) .no_end_of_block else .repeat);
    }
}

test "sizes are repeated across the border of the two codes" {
    var made: stream.Stream = .{};
    made.block(false, 2);
    made.number(0, 5); // 257
    made.number(1, 5); // 2
    made.number(18 - 4, 4);
    const order = [18]u8{ 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1 };
    for (order) |symbol| made.number(switch (symbol) {
        1 => 2,
        18 => 1,
        16 => 2,
        else => 0,
    }, 3);
    const sizes = [19]u8{ 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
    made.symbol(&sizes, 18); // 0 to 137
    made.number(127, 7);
    made.symbol(&sizes, 18); // 138 to 254
    made.number(117 - 11, 7);
    made.symbol(&sizes, 1); // 255
    made.symbol(&sizes, 16); // 256 and both distances
    made.number(0, 2);
    made.number(0, 1); // 255
    made.number(1, 1);
    made.stored("");
    try expectText(made.bytes(), "\xFF");
}
