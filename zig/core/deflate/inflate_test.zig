const std = @import("std");
const format = @import("format.zig");
const inflate = @import("inflate.zig");
const stream = @import("stream_test.zig");
const Inflate = inflate.Inflate;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

/// Too large for the stack.
const static = struct {
    var scratch: [1 << 17]u8 = undefined;
};

/// The stream is inflated at once, and byte by byte with room for one byte at a time and a window.
pub fn expectText(bytes: []const u8, expected: []const u8) !void {
    const at_once = try expectFault(bytes, expected, null);
    try expect(at_once.isBetweenBlocks());
}

pub fn expectFault(bytes: []const u8, expected: []const u8, fault: ?inflate.Fault) !Inflate {
    var tables: inflate.Tables = undefined;
    var at_once: Inflate = .init(15, &.{});
    const result = at_once.run(&tables, bytes, &static.scratch, 0);
    try expectEqual(if (fault == null) inflate.Status.need_input else .failure, result.status);
    try expectEqual(fault, at_once.fault);
    try expectEqualSlices(u8, expected, static.scratch[0..result.size]);

    var window: [1 << 15]u8 = undefined;
    var bytewise: Inflate = .init(15, &window);
    var written: usize = 0;
    var status: inflate.Status = .need_input;
    for (bytes) |byte| {
        if (status == .failure) break;
        var byte_left: []const u8 = &.{byte};
        while (true) {
            var room: [1]u8 = undefined;
            const step = bytewise.run(&tables, byte_left, &room, 0);
            byte_left = byte_left[step.read..];
            status = step.status;
            bytewise.keep(room[0..step.size]);
            if (step.size == 1) try expectEqual(expected[written], room[0]);
            written += step.size;
            if (status != .need_room) break;
        }
    }
    try expectEqual(expected.len, written);
    try expectEqual(fault, bytewise.fault);
    return at_once;
}

test "the examples of RFC 7692 7.2.3" {
    const tail = "\x00\x00\xff\xff";
    try expectText("\xf2\x48\xcd\xc9\xc9\x07\x00" ++ tail, "Hello");
    try expectText("\xf2\x48\xcd\xc9\xc9\x07\x00" ++ tail ++ "\xf2\x00\x11\x00\x00" ++ tail, "HelloHello");
    try expectText("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00" ++ tail, "Hello");
    try expectText("\xf3\x48\xcd\xc9\xc9\x07\x00\x00" ++ tail, "Hello"); // BFINAL is 1
    try expectText("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00" ++ tail, "Hello"); // two blocks
}

test "stored blocks of all sizes, empty ones and the largest among them" {
    var made: stream.Stream = .{};
    var text: [format.stored_size_max]u8 = undefined;
    for (&text, 0..) |*byte, i| byte.* = @truncate(i *% 7);
    for ([_]usize{ 0, 1, 0, 0, 2, 300 }) |size| made.stored(text[0..size]);
    var expected: [303]u8 = undefined;
    @memcpy(expected[0..1], text[0..1]);
    @memcpy(expected[1..3], text[0..2]);
    @memcpy(expected[3..], text[0..300]);
    try expectText(made.bytes(), &expected);

    made = .{};
    made.stored(&text);
    try expectText(made.bytes(), &text);
}

test "a stored block begins at a byte, wherever the one before it ended" {
    for (0..9) |nines| {
        var made: stream.Stream = .{};
        made.block(false, 1);
        for (0..nines) |_| made.symbol(&stream.fixed_literals, 0xFF); // nine bits
        made.symbol(&stream.fixed_literals, 256);
        made.stored("x");
        var expected: [10]u8 = @splat(0xFF);
        expected[nines] = 'x';
        try expectText(made.bytes(), expected[0 .. nines + 1]);
    }
}

test "the sizes of a stored block have to agree" {
    _ = try expectFault("\x00\x05\x00\xfb\xff", "", .stored_size);
    _ = try expectFault("\x00\x05\x00\x05\x00", "", .stored_size);
}

test "the reserved type of a block is refused, in whatever place" {
    _ = try expectFault("\x06", "", .block_type);
    _ = try expectFault("\x07", "", .block_type);
    var made: stream.Stream = .{};
    made.stored("Hello");
    made.block(false, 3);
    _ = try expectFault(made.bytes(), "Hello", .block_type);
}

test "the longest match, at the largest distance, at the end of every window" {
    for (format.window_bits_min..format.window_bits_max + 1) |bits| {
        const reach = @as(usize, 1) << @intCast(bits);
        for ([_]usize{ reach, reach + 1 }) |distance| {
            var made: stream.Stream = .{};
            var text: [1 << 15]u8 = undefined;
            for (&text, 0..) |*byte, i| byte.* = @truncate(i >> 3 ^ i);
            made.stored("before");
            made.stored(text[0..reach]);
            made.block(false, 1);
            // One more than the largest distance is within reach of the output, but not of the window.
            if (distance > 1 << format.window_bits_max) continue; // cannot be written
            made.match(&stream.fixed_literals, &stream.fixed_distances, 258, distance);
            made.symbol(&stream.fixed_literals, 256);
            for (0..4) |_| made.stored(""); // input to spare

            var tables: inflate.Tables = undefined;
            var self: Inflate = .init(@intCast(bits), &.{});
            const result = self.run(&tables, made.bytes(), &static.scratch, 0);
            if (distance > reach) {
                try expectEqual(.distance, self.fault.?);
                try expectEqual("before".len + reach, result.size);
            } else {
                try expectEqual(null, self.fault);
                const end = static.scratch[0..result.size];
                var expected: [258]u8 = undefined;
                for (&expected, 0..) |*byte, i| byte.* = text[i % reach];
                try expectEqualSlices(u8, &expected, end[end.len - 258 ..]);
            }
        }
    }
}

test "nothing lies in front of the first byte" {
    var made: stream.Stream = .{};
    made.block(false, 1);
    made.match(&stream.fixed_literals, &stream.fixed_distances, 3, 1);
    _ = try expectFault(made.bytes(), "", .distance);
    made = .{};
    made.block(false, 1);
    made.symbol(&stream.fixed_literals, 'a');
    made.match(&stream.fixed_literals, &stream.fixed_distances, 3, 2);
    _ = try expectFault(made.bytes(), "a", .distance);
}

test "a stream may end nowhere but behind a block, at a whole byte" {
    const bytes = "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff";
    for (0..bytes.len + 1) |size| {
        var tables: inflate.Tables = undefined;
        var self: Inflate = .init(15, &.{});
        const result = self.run(&tables, bytes[0..size], &static.scratch, 0);
        try expectEqual(.need_input, result.status);
        try expectEqual(size, result.read);
        try expectEqual(size == 0 or size == bytes.len, self.isBetweenBlocks());
    }
}

test "a final block is followed by another one at the next byte" {
    var made: stream.Stream = .{};
    made.block(true, 1);
    made.symbol(&stream.fixed_literals, 'a');
    made.symbol(&stream.fixed_literals, 256);
    var tables: inflate.Tables = undefined;
    var self: Inflate = .init(15, &.{});
    var size = self.run(&tables, made.bytes(), &static.scratch, 0).size;
    try expect(self.isBehindFinal());
    made = .{};
    made.block(false, 1);
    made.match(&stream.fixed_literals, &stream.fixed_distances, 5, 1); // the window stays
    made.symbol(&stream.fixed_literals, 256);
    made.stored("");
    size = self.run(&tables, made.bytes(), &static.scratch, size).size;
    try expectEqualSlices(u8, "aaaaaa", static.scratch[0..size]);
    try expect(self.isBetweenBlocks() and !self.isBehindFinal());
}

test "no byte is written for which there is no room, and exactly enough is enough" {
    var made: stream.Stream = .{};
    made.block(false, 1);
    made.symbol(&stream.fixed_literals, 'a');
    made.match(&stream.fixed_literals, &stream.fixed_distances, 258, 1);
    made.symbol(&stream.fixed_literals, 256);
    made.stored("b");
    made.stored("");
    for (0..261) |room| {
        var tables: inflate.Tables = undefined;
        var self: Inflate = .init(15, &.{});
        @memset(static.scratch[0..270], '-');
        const result = self.run(&tables, made.bytes(), static.scratch[0..room], 0);
        try expectEqual(if (room < 260) inflate.Status.need_room else .need_input, result.status);
        try expectEqual(room, result.size);
        for (static.scratch[room..270]) |byte| try expectEqual('-', byte);
    }
}

test "a stored block that has to wait for its bytes does not ask for room" {
    for (0..5) |size| {
        var tables: inflate.Tables = undefined;
        var self: Inflate = .init(15, &.{});
        const bytes = "\x00\x05\x00\xfa\xffHello"[0 .. 5 + size];
        const result = self.run(&tables, bytes, static.scratch[0..size], 0);
        try expectEqual(inflate.Result{ .status = .need_input, .read = bytes.len, .size = size }, result);
    }
}

test "after a fault nothing is right any more" {
    var self = try expectFault("\x06", "", .block_type);
    var tables: inflate.Tables = undefined;
    const result = self.run(&tables, "\x00\x00\x00\xff\xff", &static.scratch, 0);
    try expectEqual(inflate.Result{ .status = .failure, .read = 0, .size = 0 }, result);
    try expect(!self.isBetweenBlocks());
}

test "all streams of two bytes, and what std says of them, if they end there" {
    for (0..1 << 16) |number| {
        const bytes = [2]u8{ @truncate(number), @truncate(number >> 8) };
        var tables: inflate.Tables = undefined;
        var self: Inflate = .init(15, &.{});
        var out: [600]u8 = undefined;
        const result = self.run(&tables, &bytes, &out, 0);
        var reader: std.Io.Reader = .fixed(&bytes);
        var decompress: std.compress.flate.Decompress = .init(&reader, .raw, &.{});
        var expected: [600]u8 = undefined;
        var writer: std.Io.Writer = .fixed(&expected);
        _ = decompress.reader.streamRemaining(&writer) catch continue;
        // Std stops behind the final block.
        try expectEqualSlices(u8, expected[0..writer.end], out[0..writer.end]);
        try expect(result.size >= writer.end);
    }
}
