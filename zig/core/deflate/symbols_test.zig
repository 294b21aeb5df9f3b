const std = @import("std");
const BitReader = @import("bit_reader.zig").BitReader;
const decode_table = @import("decode_table.zig");
const History = @import("history.zig").History;
const symbols = @import("symbols.zig");
const stream = @import("stream_test.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

const before = "0123456789abcdefghijklmnopqrstuvwxyz";

test "matches of all sizes at all distances, from the window, the output or both, with and without room to spare" {
    var ring: [before.len]u8 = undefined;
    var history: History = .{ .reach = before.len, .ring = &ring };
    history.keep(before[0..7]); // so that the window is in two parts
    history.keep(before);
    for ([_]usize{ 0, 1, 5, 20 }) |ahead| {
        for ([_]usize{ 3, 4, 8, 15, 16, 17, 31, 32, 33, 100, 257, 258 }) |size| {
            for (1..before.len + 1) |distance| {
                var expected: [before.len + 20 + 258]u8 = undefined;
                @memcpy(expected[0..before.len], before);
                @memset(expected[before.len..][0..ahead], 'A');
                for (0..size) |i| expected[before.len + ahead + i] = expected[before.len + ahead + i - distance];
                for ([_]usize{ 0, 1, 16, 300 }) |spare| {
                    try expectMatch(&history, ahead, size, distance, spare, expected[before.len..][0 .. ahead + size]);
                }
            }
        }
    }
}

fn expectMatch(history: *const History, ahead: usize, size: usize, distance: usize, spare: usize, expected: []const u8) !void {
    var made: stream.Stream = .{};
    for (0..ahead) |_| made.symbol(&stream.fixed_literals, 'A');
    made.match(&stream.fixed_literals, &stream.fixed_distances, size, distance);
    made.symbol(&stream.fixed_literals, 256);
    made.raw("behind it"); // input to spare
    var literals: decode_table.Table(.literals) = undefined;
    try literals.build(&stream.fixed_literals);
    var distances: decode_table.Table(.distances) = undefined;
    try distances.build(&stream.fixed_distances);
    var in: BitReader = .{ .bytes = made.bytes(), .bits = 0, .count = 0 };
    var buffer: [600]u8 = undefined;
    var out: symbols.Output = .{ .bytes = buffer[0 .. expected.len + spare], .size = 0, .history = history };
    var match: symbols.Match = .{};
    try expectEqual(.end_of_block, symbols.read(&in, &out, &literals, &distances, &match));
    try expectEqualSlices(u8, expected, buffer[0..out.size]);
}

test "a match that does not fit goes on where it stopped" {
    const history: History = .{ .reach = 100, .ring = &.{} };
    var buffer: [10]u8 = undefined;
    var out: symbols.Output = .{ .bytes = buffer[0..4], .size = 0, .history = &history };
    out.append("ab");
    var match: symbols.Match = .{ .size = 7, .distance = 2 };
    try expect(!out.copy(&match));
    try expectEqual(symbols.Match{ .size = 5, .distance = 2 }, match);
    out.bytes = &buffer;
    try expect(out.copy(&match));
    try expectEqualSlices(u8, "ababababa", buffer[0..out.size]);
}

test "distances end at the window and at what was written" {
    var history: History = .{ .reach = 4, .ring = &.{}, .size = 1 };
    var buffer: [10]u8 = undefined;
    var out: symbols.Output = .{ .bytes = &buffer, .size = 2, .history = &history };
    try expect(out.canReach(3) and !out.canReach(4));
    out.size = 9;
    try expect(out.canReach(4) and !out.canReach(5));
}
