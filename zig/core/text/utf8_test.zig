const std = @import("std");
const utf8 = @import("utf8.zig");
const Validator = utf8.Validator;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "every character there is is accepted, and is incomplete until its last byte" {
    for (0..0x110000) |number| {
        const character: u21 = @intCast(number);
        if (!std.unicode.utf8ValidCodepoint(character)) continue;
        var buffer: [4]u8 = undefined;
        const size = try std.unicode.utf8Encode(character, &buffer);
        var validator: Validator = .{};
        for (buffer[0..size], 1..) |byte, fed| {
            try expect(validator.feed(&.{byte}));
            try expectEqual(fed == size, validator.isComplete());
        }
    }
}

/// How many characters of each size UTF-8 has: with the test above, accepting as many means accepting no other.
const counts = [4]usize{ 0x80, 0x800 - 0x80, 0x10000 - 0x800 - 0x800, 0x110000 - 0x10000 };

test "no other sequence of bytes is a character, and a wrong byte is noticed when it comes" {
    var accepted: [4]usize = @splat(0);
    try countCharacters(.{}, 0, &accepted);
    try expectEqual(counts, accepted);
}

/// Tries every next byte. Whatever is not refused must have a continuation that is accepted; otherwise a byte before
/// it should have been refused.
fn countCharacters(before: Validator, size: usize, accepted: *[4]usize) error{TestUnexpectedResult}!void {
    const total = sum(accepted);
    for (0..256) |byte| {
        var validator = before;
        if (!validator.feed(&.{@intCast(byte)})) continue;
        if (validator.isComplete()) {
            accepted[size] += 1;
        } else {
            try expect(size + 1 < accepted.len);
            try countCharacters(validator, size + 1, accepted);
        }
    }
    try expect(sum(accepted) > total);
}

fn sum(values: *const [4]usize) usize {
    return values[0] + values[1] + values[2] + values[3];
}

test "all sequences of up to two bytes are judged as std judges them" {
    try expect(utf8.isValid(""));
    for (0..256) |first| {
        try expectLikeStd(&.{@intCast(first)});
        for (0..256) |second| try expectLikeStd(&.{ @intCast(first), @intCast(second) });
    }
}

/// First and last of each range of RFC 3629 4 and their neighbours outside of it.
const boundaries = [_][]const u8{
    "\x00",             "\x7F",             "\x80",             "\xBF",             "\xC0\x80",
    "\xC1\xBF",         "\xC2\x80",         "\xDF\xBF",         "\xC2\x7F",         "\xC2\xC0",
    "\xE0\x9F\xBF",     "\xE0\xA0\x80",     "\xE0\xA0\x7F",     "\xE1\x80\x80",     "\xE1\x7F\x80",
    "\xEC\xBF\xBF",     "\xED\x80\x80",     "\xED\x9F\xBF",     "\xED\xA0\x80",     "\xED\xBF\xBF",
    "\xEE\x80\x80",     "\xEF\xBF\xBF",     "\xEF\xC0\xBF",     "\xF0\x8F\xBF\xBF", "\xF0\x90\x80\x80",
    "\xF0\x90\x80\xC0", "\xF1\x80\x80\x80", "\xF3\xBF\xBF\xBF", "\xF3\xBF\xC0\xBF", "\xF4\x80\x80\x80",
    "\xF4\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF8\x88\x80\x80", "\xFE",
    "\xFF",             "\xE2\x82",         "\xF0\x9F\x98",     "\xE2\x82a",        "\xF0\x9F\x98a",
};

test "boundary sequences anywhere in a text, cut anywhere" {
    // Longer than two of the validator's chunks, so that a sequence lies in, between and behind them.
    const length = 72;
    for (boundaries) |sequence| {
        for (0..length + 1 - sequence.len) |at| {
            var text: [length]u8 = @splat('a');
            @memcpy(text[at..][0..sequence.len], sequence);
            try expectLikeStd(&text);
            try expectCutsMakeNoDifference(&text);
        }
    }
}

test "two multi-byte characters after each other, and nothing else" {
    for (boundaries) |first| for (boundaries) |second| {
        var text: [8]u8 = undefined;
        @memcpy(text[0..first.len], first);
        @memcpy(text[first.len..][0..second.len], second);
        try expectLikeStd(text[0 .. first.len + second.len]);
    };
}

test "long text without ASCII" {
    var text: [300]u8 = undefined;
    for (0..100) |at| @memcpy(text[3 * at ..][0..3], "€");
    for (0..text.len + 1) |size| {
        try expectEqual(size % 3 == 0, utf8.isValid(text[0..size]));
        try expectEqual(size % 3 == 0, utf8.isValid(text[text.len - size ..]));
    }
}

test "each single wrong byte in a chunk of ASCII is seen" {
    for ([_]u8{ 0x00, 0x7F }) |ascii| {
        for (0..65) |length| for (0..length) |at| for ([_]u8{ 0x80, 0xC0, 0xFF }) |wrong| {
            var text: [65]u8 = @splat(ascii);
            text[at] = wrong;
            try expect(!utf8.isValid(text[0..length]));
        };
    }
}

test "after a wrong byte nothing is right any more" {
    var validator: Validator = .{};
    try expect(!validator.feed("a\xFFb"));
    try expect(!validator.feed("plain"));
    try expect(!validator.feed(""));
    try expect(!validator.feed(&@as([100]u8, @splat('a'))));
    try expect(!validator.isComplete());
}

test "nothing fed is complete, and feeding nothing changes nothing" {
    var validator: Validator = .{};
    try expect(validator.isComplete());
    try expect(validator.feed("\xE2\x82"));
    try expect(validator.feed(""));
    try expect(!validator.isComplete());
    try expect(validator.feed("\xAC"));
    try expect(validator.isComplete());
}

fn expectLikeStd(bytes: []const u8) !void {
    try expectEqual(std.unicode.utf8ValidateSlice(bytes), utf8.isValid(bytes));
}

/// Byte by byte is what the tests above have shown to be right.
fn expectCutsMakeNoDifference(text: []const u8) !void {
    var bytewise: Validator = .{};
    for (text, 0..) |*byte, cut| {
        var parts: Validator = .{};
        try expectEqual(bytewise.feed(byte[0..1]), parts.feed(text[0 .. cut + 1]));
        try expectEqual(bytewise, parts);
        _ = parts.feed(text[cut + 1 ..]);
        try expectEqual(utf8.isValid(text), parts.isComplete());
    }
}
