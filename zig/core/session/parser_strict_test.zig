//! What a strict receiver refuses beyond the others: reserved bits, disorder of fragments, TEXT that is not UTF-8.
//! RFC 6455 5.2, 5.4, 8.1

const std = @import("std");
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const Failure = @import("../frame/failure.zig").Failure;
const feeders = @import("../testing/feeder_test.zig");
const opcodes = @import("../frame/opcode.zig");
const Parser = @import("parser.zig").Parser;

/// The shortest bytes with a fault, for both roles; see there.
fn expectFailure(good: []const []const u8, bad: []const u8, failure: Failure) !void {
    for ([_]opcodes.Role{ .client, .server }) |role| {
        const parser: Parser = .{ .role = role, .strict = true, .payload_size_max = 1 << 20 };
        try feeders.expectFailure(parser, good, bad, failure);
    }
}

fn expectDelivered(stream: []const u8) !void {
    const feeder = try std.testing.allocator.create(feeders.Feeder(1000));
    defer std.testing.allocator.destroy(feeder);
    for ([_]bool{ false, true }) |whole| {
        feeder.init(.{ .role = .client, .strict = true, .payload_size_max = 1 << 20 });
        if (whole) try feeder.feedWhole(stream) else try feeder.feedByteByByte(stream);
        try expectEqual(null, feeder.failure);
        try expectEqualStrings(stream, feeder.log.slice());
    }
}

test "reserved bits that nobody negotiated are refused on the header" {
    try expectFailure(&.{"\x81\x02ok"}, "\xC1\x05", .reserved_bits);
    try expectFailure(&.{"\x81\x02ok"}, "\xA2\x7E\x01\x00", .reserved_bits);
    try expectFailure(&.{"\x81\x02ok"}, "\x92\x00", .reserved_bits);
    try expectFailure(&.{"\x81\x02ok"}, "\xC9\x00", .reserved_bits);
    try expectFailure(&.{"\x01\x02ok"}, "\x90\x00", .reserved_bits);
}

test "a CONTINUATION of nothing is refused on the header" {
    try expectFailure(&.{}, "\x80\x05", .unexpected_continuation);
    try expectFailure(&.{}, "\x00\x00", .unexpected_continuation);
    try expectFailure(&.{"\x81\x02ok"}, "\x80\x00", .unexpected_continuation);
    try expectFailure(&.{ "\x02\x01a", "\x80\x01b" }, "\x80\x01", .unexpected_continuation);
    try expectFailure(&.{ "\x02\x01a", "\x89\x00", "\x80\x01b", "\x89\x00" }, "\x00\x00", .unexpected_continuation);
}

test "a new message inside a fragmented one is refused on the header" {
    try expectFailure(&.{"\x01\x01a"}, "\x81\x05", .unfinished_message);
    try expectFailure(&.{"\x01\x01a"}, "\x01\x05", .unfinished_message);
    try expectFailure(&.{ "\x02\x01a", "\x00\x01b" }, "\x82\x00", .unfinished_message);
    try expectFailure(&.{ "\x02\x01a", "\x89\x00" }, "\x81\x00", .unfinished_message);
}

test "TEXT fails at its first wrong byte although the frame is not complete" {
    try expectFailure(&.{"\x81\x02ok"}, "\x81\x7Dhello\xFF", .text_not_utf8);
    try expectFailure(&.{"\x81\x02ok"}, "\x81\x7D\xE2\x28", .text_not_utf8);
    try expectFailure(&.{"\x81\x02ok"}, "\x81\x7E\xFF\xFFab\xC0", .text_not_utf8);
    try expectFailure(&.{"\x81\x02ok"}, "\x81\x7D\xED\xA0", .text_not_utf8); // a surrogate
    try expectFailure(&.{"\x81\x02ok"}, "\x81\x7D\xF4\x90", .text_not_utf8); // above U+10FFFF
    try expectFailure(&.{"\x81\x02ok"}, "\x01\x05\x80", .text_not_utf8);
    const long = "\x81\x7E\x01\x00" ++ @as([200]u8, @splat('x'));
    try expectFailure(&.{}, long ++ "\xF8", .text_not_utf8);
}

test "TEXT that ends inside a character fails when the message ends" {
    try expectFailure(&.{"\x81\x03\xE2\x82\xAC"}, "\x81\x02\xE2\x82", .text_not_utf8);
    try expectFailure(&.{ "\x01\x01\xF0", "\x00\x01\x9F" }, "\x80\x01\x98", .text_not_utf8);
    try expectFailure(&.{"\x01\x01\xC3"}, "\x80\x00", .text_not_utf8);
}

test "a character cut between fragments is followed across them" {
    try expectFailure(&.{"\x01\x01\xE2"}, "\x80\x05\x28", .text_not_utf8);
    try expectFailure(&.{ "\x01\x02a\xF0", "\x00\x00" }, "\x00\x05\x80", .text_not_utf8);
    try expectDelivered("\x01\x01\xF0" ++ "\x00\x00" ++ "\x00\x02\x9F\x98" ++ "\x80\x02\x80!" ++ "\x81\x02ok");
}

test "a control frame inside a character disturbs nothing and is not TEXT" {
    try expectDelivered("\x01\x02\xE2\x82" ++ "\x89\x02\xFF\xFF" ++ "\x8A\x01\x82" ++ "\x80\x01\xAC" ++ "\x81\x01a");
    try expectFailure(&.{ "\x01\x02\xE2\x82", "\x89\x01\xAC" }, "\x80\x00", .text_not_utf8);
}

test "BINARY is not TEXT, in fragments neither" {
    try expectDelivered("\x82\x02\xFF\xE2" ++ "\x02\x01\xFF" ++ "\x80\x01\xE2" ++ "\x81\x01a" ++ "\x82\x01\x80");
    try expectDelivered("\x01\x01a" ++ "\x80\x01b" ++ "\x02\x01\xFF" ++ "\x80\x01\xFF");
}

test "each message starts afresh" {
    try expectDelivered("\x81\x03\xE2\x82\xAC" ++ "\x81\x00" ++ "\x01\x00" ++ "\x80\x00" ++ "\x81\x02\xC3\xA9");
}

test "a CLOSE inside a fragmented message is checked by its own rules" {
    try expectDelivered("\x01\x02\xE2\x82" ++ "\x88\x02\x03\xE8");
    try expectFailure(&.{"\x01\x02\xE2\x82"}, "\x88\x03\x03\xE8\xAC", .close_reason_not_utf8);
}

test "strict rules come after the others" {
    try expectFailure(&.{}, "\xF3\x00", .unknown_opcode);
    try expectFailure(&.{}, "\xC0\x7F\x00\x00\x00\x00\x00\x20\x00\x00", .frame_too_big);
    try expectFailure(&.{}, "\xC0\x00", .reserved_bits);
}

test "a message above the limit is refused on the header that makes it so" {
    for ([_]opcodes.Role{ .client, .server }) |role| {
        const parser: Parser = .{
            .role = role,
            .strict = true,
            .payload_size_max = 100,
            .message = .{ .size_max = 5, .frame_count_max = 3 },
        };
        try feeders.expectFailure(parser, &.{"\x81\x05hello"}, "\x81\x06", .message_too_big);
        try feeders.expectFailure(parser, &.{ "\x01\x04hell", "\x89\x02hi", "\x00\x01o" }, "\x80\x01", .message_too_big);
        try feeders.expectFailure(parser, &.{ "\x02\x00", "\x00\x00", "\x00\x00" }, "\x80\x00", .too_many_fragments);
        try feeders.expectFailure(parser, &.{"\x81\x05hello"}, "\x81\x7E\x00\xC8", .frame_too_big);
    }
}

test "compressed TEXT is not looked into" {
    const feeder = try std.testing.allocator.create(feeders.Feeder(1000));
    defer std.testing.allocator.destroy(feeder);
    const stream = "\xC1\x02\xFF\xFE" ++ "\x41\x01\xE2" ++ "\x89\x01\xFF" ++ "\x80\x01\xFF" ++ "\x81\x02ok";
    const parser: Parser = .{
        .role = .client,
        .strict = true,
        .payload_size_max = 100,
        .message = .{ .extensions = .{ .permessage_deflate = true } },
    };
    feeder.init(parser);
    try feeder.feedWhole(stream);
    try expectEqualStrings(stream, feeder.log.slice());
    try feeders.expectFailure(parser, &.{"\xC1\x01\xFF"}, "\x81\x01\xFF", .text_not_utf8);
}

test "every first and second byte, with all that it takes behind them, is judged as byte by byte" {
    const payload: [126]u8 = @splat('a');
    for (0..0x10000) |word| {
        const start = [2]u8{ @intCast(word >> 8), @intCast(word & 0xFF) };
        if (start[1] & 0x7F == 127 and word % 16 != 1) continue; // long forms are all alike
        for ([_]bool{ false, true }) |strict| {
            const role: opcodes.Role = if (start[1] & 0x80 == 0) .client else .server;
            var bytes: [2 + 4 + 126 + 10]u8 = @splat(0);
            @memcpy(bytes[0..2], &start);
            @memcpy(bytes[2..4], "\x00\x7E"); // a length of 16 bits, or two bytes of payload or key
            var whole: Parser = .{ .role = role, .strict = strict, .payload_size_max = 125 + word % 2 };
            var piecewise = whole;
            var copy = bytes;
            @memcpy(bytes[bytes.len - payload.len ..], &payload);
            @memcpy(copy[copy.len - payload.len ..], &payload);
            const wanted = whole.next(&bytes);
            const found = for (0..copy.len + 1) |size| {
                const result = piecewise.next(copy[0..size]);
                if (result != .need_more) break result;
            } else unreachable;
            switch (wanted) {
                .frame => |frame| {
                    try expectEqual(frame.opcode, found.frame.opcode);
                    try expectEqual(frame.flags, found.frame.flags);
                    try expectEqual(frame.size, found.frame.size);
                    try expectEqualStrings(frame.payload, found.frame.payload);
                },
                .failure => |failure| try expectEqual(failure, found.failure),
                .need_more => unreachable,
            }
            try expectEqual(whole, piecewise);
        }
    }
}
