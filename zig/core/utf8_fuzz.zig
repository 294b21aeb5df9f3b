//! Any text in any pieces: whole, cut and std agree, and what is not refused can still become valid.
const std = @import("std");
const utf8 = @import("utf8.zig");
const Smith = std.testing.Smith;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "fuzz: utf8" {
    try std.testing.fuzz({}, check, .{});
}

test "the fuzz target on random input" {
    var random: std.Random.DefaultPrng = .init(0);
    for (0..2_000) |_| {
        var input: [400]u8 = undefined;
        random.random().bytes(&input);
        var smith: Smith = .{ .in = &input };
        try check({}, &smith);
    }
}

fn check(_: void, smith: *Smith) !void {
    var buffer: [200]u8 = undefined;
    const text = makeText(smith, &buffer);
    try expectEqual(std.unicode.utf8ValidateSlice(text), utf8.isValid(text));

    var validator: utf8.Validator = .{};
    var fed: usize = 0;
    while (fed < text.len) {
        const size = 1 + smith.index(text.len - fed);
        const accepted = validator.feed(text[fed..][0..size]);
        fed += size;
        try expectEqual(canBecomeValid(text[0..fed]), accepted);
        try expectEqual(std.unicode.utf8ValidateSlice(text[0..fed]), validator.isComplete());
    }
}

/// Mostly characters, so that wrong bytes come late enough to matter.
fn makeText(smith: *Smith, buffer: *[200]u8) []const u8 {
    var size: usize = 0;
    while (buffer.len - size >= 4 and !smith.eosWeightedSimple(40, 1)) {
        if (smith.boolWeighted(30, 1)) {
            buffer[size] = smith.value(u8);
            size += 1;
        } else {
            const limits = [_]u21{ 0x7F, 0x7FF, 0xFFFF, 0x10FFFF };
            const character = smith.valueRangeAtMost(u21, 0, limits[smith.index(limits.len)]);
            // Surrogates stay out: they are no characters.
            size += std.unicode.utf8Encode(character, buffer[size..]) catch 0;
        }
    }
    return buffer[0..size];
}

/// One of these completes whatever can be completed.
const endings = [_][]const u8{ "", "\x80", "\x80\x80", "\x80\x80\x80", "\xA0\x80", "\x90\x80\x80" };

fn canBecomeValid(text: []const u8) bool {
    var buffer: [203]u8 = undefined;
    @memcpy(buffer[0..text.len], text);
    for (endings) |ending| {
        @memcpy(buffer[text.len..][0..ending.len], ending);
        if (std.unicode.utf8ValidateSlice(buffer[0 .. text.len + ending.len])) return true;
    }
    return false;
}
