//! The parser as every receiver uses it. Rules that only a strict one has: parser_strict_test.zig.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const Failure = @import("../frame/failure.zig").Failure;
const feeders = @import("../testing/feeder_test.zig");
const Feeder = feeders.Feeder;
const mask = @import("../frame/mask.zig");
const opcodes = @import("../frame/opcode.zig");
const Parser = @import("parser.zig").Parser;
const wire = @import("../testing/wire_test.zig");

const session_size_max = 1 << 19;
const no_limit = std.math.maxInt(u64);
const key = [4]u8{ 0x12, 0x00, 0xFF, 0x80 };

/// A session as one side sends it, and the same frames unmasked, which is what has to come out.
const Session = struct {
    stream: wire.Bytes(session_size_max) = .{},
    log: wire.Bytes(session_size_max) = .{},
    masked: bool,
    random: std.Random,

    fn frame(self: *Session, first: u8, payload: []const u8) void {
        const masking_key: ?[4]u8 = if (self.masked) @bitCast(self.random.int(u32)) else null;
        self.stream.frame(first, payload, masking_key);
        self.log.frame(first, payload, null);
    }

    /// One TEXT message in pieces that cut characters anywhere, with control frames in between.
    fn fragmentedText(self: *Session, text: []const u8, piece_size_max: usize) void {
        var first: u8 = 0x01;
        var rest = text;
        while (rest.len > piece_size_max) : (first = 0x00) {
            const size = self.random.uintAtMost(usize, piece_size_max);
            self.frame(first, rest[0..size]);
            self.frame(0x89, "\xE2\x82"); // a PING that is no UTF-8
            rest = rest[size..];
        }
        self.frame(first | 0x80, rest);
    }

    /// Frames of all sizes and kinds that a strict receiver takes as well.
    fn fill(self: *Session, scratch: []u8) void {
        fillText(scratch);
        for (0..300) |size| self.frame(0x81, utf8Prefix(scratch, size));
        for (0..126) |size| self.frame(if (size % 2 == 0) 0x89 else 0x8A, scratch[0..size]);
        for ([_]usize{ 0, 1, 125, 126, 127, 128, 1000, 65535, 65536, 65537 }) |size| {
            self.frame(0x82, scratch[1..][0..size]);
            self.frame(0x81, utf8Prefix(scratch, size));
        }
        for (1..60) |size| self.fragmentedText(utf8Prefix(scratch, size * 3), 5);
        self.fragmentedText(utf8Prefix(scratch, 3000), 700);
        self.frame(0x02, scratch[1..200]);
        self.frame(0x00, "");
        self.frame(0x8A, "");
        self.frame(0x80, scratch[3..100]);
        self.frame(0x88, "\x03\xE8bye \xE2\x82\xAC");
    }
};

/// Characters of one to four bytes, over and over.
fn fillText(bytes: []u8) void {
    const pattern = "a\u{E9}\u{20AC}\u{1F600}";
    for (bytes, 0..) |*byte, i| byte.* = pattern[i % pattern.len];
}

/// The longest part of the text that has at most `size` bytes and ends with a character.
fn utf8Prefix(text: []const u8, size: usize) []const u8 {
    var end = size;
    while (end > 0 and text[end] & 0xC0 == 0x80) end -= 1;
    return text[0..end];
}

const Way = enum { whole, byte_by_byte, random };

fn checkSession(role: opcodes.Role, strict: bool, way: Way) !void {
    const gpa = std.testing.allocator;
    const session = try gpa.create(Session);
    defer gpa.destroy(session);
    const feeder = try gpa.create(Feeder(session_size_max));
    defer gpa.destroy(feeder);
    const scratch = try gpa.alloc(u8, 70000);
    defer gpa.free(scratch);

    var prng: std.Random.DefaultPrng = .init(6455);
    session.* = .{ .masked = role == .server, .random = prng.random() };
    session.fill(scratch);
    feeder.init(.{ .role = role, .strict = strict, .payload_size_max = 65537 });
    switch (way) {
        .whole => try feeder.feedWhole(session.stream.slice()),
        .byte_by_byte => try feeder.feedByteByByte(session.stream.slice()),
        .random => for (0..5) |_| {
            feeder.init(feeder.parser);
            try feeder.feedRandomly(session.stream.slice(), prng.random());
            try expect(std.mem.eql(u8, session.log.slice(), feeder.log.slice()));
        },
    }
    try expectEqual(null, feeder.failure);
    try expect(std.mem.eql(u8, session.log.slice(), feeder.log.slice()));
    try expectEqual(session.stream.size, feeder.consumed);
    try expectEqual(2, feeder.wanted);
}

test "a session of all kinds of frames, whole" {
    for ([_]bool{ false, true }) |strict| {
        for ([_]opcodes.Role{ .client, .server }) |role| try checkSession(role, strict, .whole);
    }
}

test "a session of all kinds of frames, byte by byte" {
    for ([_]bool{ false, true }) |strict| {
        for ([_]opcodes.Role{ .client, .server }) |role| try checkSession(role, strict, .byte_by_byte);
    }
}

test "a session of all kinds of frames, cut at random" {
    for ([_]bool{ false, true }) |strict| {
        for ([_]opcodes.Role{ .client, .server }) |role| try checkSession(role, strict, .random);
    }
}

test "need_more is the size of the header, then that of the frame" {
    var bytes = "\x82\xFE\x01\x00\x12\x00\xFF\x80".* ++ @as([256]u8, @splat(0x55));
    var parser: Parser = .{ .role = .server, .payload_size_max = no_limit };
    for (0..bytes.len) |size| {
        const wanted: usize = if (size < 2) 2 else if (size < 8) 8 else 264;
        try expectEqual(wanted, parser.next(bytes[0..size]).need_more);
    }
    try expectEqual(264, parser.next(&bytes).frame.size);
}

test "a payload is unmasked as it arrives" {
    var bytes = wire.rfc_examples.masked_text.*;
    var parser: Parser = .{ .role = .server, .payload_size_max = no_limit };
    try expectEqual(11, parser.next(bytes[0..9]).need_more);
    try expectEqualStrings("Hel", bytes[6..9]);
    try expectEqual(11, parser.next(bytes[0..9]).need_more);
    try expectEqualStrings("Hel", bytes[6..9]);
    try expectEqualStrings("Hello", parser.next(&bytes).frame.payload);
}

test "a payload is walked once, in however many pieces it arrives" {
    const Counter = struct {
        var walked: usize = 0;
        fn kernel(dst: [*]u8, src: [*]const u8, size: usize, masking_key: [4]u8) void {
            walked += size;
            mask.scalar(dst, src, size, masking_key);
        }
    };
    const gpa = std.testing.allocator;
    const feeder = try gpa.create(Feeder(20_000));
    defer gpa.destroy(feeder);
    feeder.init(.{ .role = .server, .payload_size_max = no_limit, .mask = Counter.kernel });
    var stream: wire.Bytes(20_000) = .{};
    stream.frame(0x82, &@as([10_000]u8, @splat('x')), key);
    try feeder.feedByteByByte(stream.slice());
    try expectEqual(10_000 + 4, feeder.log.size);
    try expectEqual(10_000, Counter.walked);
}

test "a size that cannot be allocated is only a number" {
    var bytes = "\x82\x7F\x40\x00\x00\x00\x00\x00\x00\x00rest".*; // 2^62
    var parser: Parser = .{ .role = .client, .payload_size_max = no_limit };
    if (@bitSizeOf(usize) == 64) {
        try expectEqual((1 << 62) + 10, parser.next(&bytes).need_more);
    } else {
        try expectEqual(Failure.frame_too_big, parser.next(&bytes).failure);
    }
    var largest = "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF".*; // 2^63 - 1
    parser = .{ .role = .client, .payload_size_max = no_limit };
    if (@bitSizeOf(usize) == 64) try expectEqual((1 << 63) + 9, parser.next(&largest).need_more);
}

test "header and payload together have to fit in usize" {
    var bytes = "\x82\xFF\x00\x00\x00\x00\xFF\xFF\xFF\xF2\x00\x00\x00\x00".*; // 2^32 - 14
    var parser: Parser = .{ .role = .server, .payload_size_max = no_limit };
    if (@bitSizeOf(usize) == 64) {
        try expectEqual(1 << 32, parser.next(&bytes).need_more);
    } else {
        try expectEqual(Failure.frame_too_big, parser.next(&bytes).failure);
    }
    bytes[9] -= 1;
    parser = .{ .role = .server, .payload_size_max = no_limit };
    try expectEqual((1 << 32) - 1, parser.next(&bytes).need_more);
}

/// The shortest bytes with a fault, for a client; the same is then done with masked frames for a server. `good` is one
/// frame after the other, `bad` is cut at the byte that gives it away.
fn expectFailure(payload_size_max: u64, good: []const []const u8, bad: []const u8, failure: Failure) !void {
    for ([_]opcodes.Role{ .client, .server }) |role| {
        const parser: Parser = .{ .role = role, .payload_size_max = payload_size_max };
        try feeders.expectFailure(parser, good, bad, failure);
    }
}

test "unknown opcodes are refused on the header" {
    for ([_]u8{ 0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF }) |opcode| {
        try expectFailure(no_limit, &.{"\x81\x02ok"}, &.{ 0x80 + opcode, 0x05 }, .unknown_opcode);
        try expectFailure(no_limit, &.{}, &.{ opcode, 0x7E, 0x01, 0x00 }, .unknown_opcode);
    }
}

test "control frames without FIN are refused on the header" {
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x08\x02", .fragmented_control);
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x09\x00", .fragmented_control);
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x0A\x05", .fragmented_control);
}

test "control frames of more than 125 bytes are refused on the header" {
    const full_ping = "\x89\x7D" ++ @as([125]u8, @splat('p'));
    try expectFailure(no_limit, &.{full_ping}, "\x88\x7E\x00\x7E", .oversized_control);
    try expectFailure(no_limit, &.{full_ping}, "\x89\x7E\x00\x7E", .oversized_control);
    try expectFailure(no_limit, &.{full_ping}, "\x8A\x7F\x00\x00\x00\x00\x00\x01\x00\x00", .oversized_control);
}

test "a server refuses a frame without masking key" {
    const parser: Parser = .{ .role = .server, .payload_size_max = no_limit };
    try feeders.expectFailureOnWire(parser, "\x82\x81\x01\x02\x03\x04\x05", "\x81\x00", .unmasked_frame);
    try feeders.expectFailureOnWire(parser, "", wire.rfc_examples.unmasked_text[0..2], .unmasked_frame);
}

test "a client refuses a frame with a masking key" {
    const parser: Parser = .{ .role = .client, .payload_size_max = no_limit };
    try feeders.expectFailureOnWire(parser, "\x82\x01\x05", "\x82\x80\x00\x00\x00\x00", .masked_frame);
    try feeders.expectFailureOnWire(parser, "", wire.rfc_examples.masked_text[0..6], .masked_frame);
}

test "lengths that are not in their shortest form" {
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x82\x7E\x00\x00", .non_minimal_length);
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x82\x7E\x00\x7D", .non_minimal_length);
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x82\x7F\x00\x00\x00\x00\x00\x00\x00\x05", .non_minimal_length);
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF", .non_minimal_length);
}

test "a 64-bit length with its top bit set is refused whatever it says" {
    const good: []const []const u8 = &.{"\x81\x02ok"};
    try expectFailure(no_limit, good, "\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00", .length_over_63_bits);
    try expectFailure(no_limit, good, "\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x05", .length_over_63_bits);
    try expectFailure(no_limit, good, "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", .length_over_63_bits);
    try expectFailure(0, good[0..0], "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xF0", .length_over_63_bits);
}

test "a frame above the limit is refused on the header" {
    try expectFailure(5, &.{"\x82\x05exact"}, "\x82\x06", .frame_too_big);
    try expectFailure(2, &.{"\x82\x02ok"}, "\x89\x03", .frame_too_big);
    try expectFailure(0, &.{"\x82\x00"}, "\x82\x01", .frame_too_big);
    try expectFailure(65535, &.{}, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", .frame_too_big);
    try expectFailure((1 << 62) - 1, &.{}, "\x82\x7F\x40\x00\x00\x00\x00\x00\x00\x00", .frame_too_big);
    try expectFailure((1 << 63) - 2, &.{}, "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", .frame_too_big);
}

test "CLOSE of one byte" {
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x01\x03", .close_payload_of_one_byte);
}

test "CLOSE with a code that may not be sent" {
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x02\x13\x88", .close_code_not_allowed); // 5000
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x02\x03\xEE", .close_code_not_allowed); // 1006
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x02\x03\xED", .close_code_not_allowed); // 1005
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x05\x00\x00bye", .close_code_not_allowed); // 0
}

test "CLOSE with a reason that is not UTF-8" {
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x04\x03\xE8\xE2\x82", .close_reason_not_utf8);
    try expectFailure(no_limit, &.{"\x81\x02ok"}, "\x88\x05\x03\xE8\xFFab", .close_reason_not_utf8);
}

test "order of checks: length form, opcode, control rules, mask direction, limit" {
    const parser: Parser = .{ .role = .client, .payload_size_max = 100 };
    const cases = [_]struct { []const u8, Failure }{
        .{ "\x03\xFE\x00\x01\x00\x00\x00\x00", .non_minimal_length },
        .{ "\x0B\xFE\x01\x00\x00\x00\x00\x00", .unknown_opcode },
        .{ "\x09\xFE\x01\x00\x00\x00\x00\x00", .fragmented_control },
        .{ "\x89\xFE\x01\x00\x00\x00\x00\x00", .oversized_control },
        .{ "\x82\xFE\x01\x00\x00\x00\x00\x00", .masked_frame },
        .{ "\xF2\x7E\x01\x00", .frame_too_big },
    };
    for (cases) |case| try feeders.expectFailureOnWire(parser, "", case[0], case[1]);
}

test "a CLOSE is delivered although the bytes behind it are no frame" {
    var bytes = "\x88\x02\x03\xE8\x88\x02\xFF\xFF".*;
    var parser: Parser = .{ .role = .client, .payload_size_max = no_limit };
    const frame = parser.next(&bytes).frame;
    try expectEqual(.close, frame.opcode);
    try expectEqual(4, frame.size);
    try expectEqual(Failure.close_code_not_allowed, parser.next(bytes[4..]).failure);
}

test "two CLOSE frames in one segment are two frames" {
    var bytes = "\x88\x02\x03\xE8\x88\x02\x03\xE9".*;
    var parser: Parser = .{ .role = .client, .payload_size_max = no_limit };
    try expectEqualStrings("\x03\xE8", parser.next(&bytes).frame.payload);
    try expectEqualStrings("\x03\xE9", parser.next(bytes[4..]).frame.payload);
}

test "without strict, RSV bits, any order of fragments and TEXT that is not UTF-8 are delivered" {
    const feeder = try std.testing.allocator.create(Feeder(200));
    defer std.testing.allocator.destroy(feeder);
    feeder.init(.{ .role = .client, .payload_size_max = no_limit });
    const stream = "\xC1\x02ok" ++ "\xF9\x00" ++ "\x80\x01x" ++ "\x01\x01a" ++ "\x82\x01b" ++ "\x01\x01c" ++ "\x81\x02\xFF\xE2";
    try feeder.feedByteByByte(stream);
    try expectEqualStrings(stream, feeder.log.slice());
}
