//! Any text in any pieces: whole, cut and std agree, and what is not refused can still become valid.
//!
//! Input: settings (bit 0: bytes from 0x80 on stand for `pieces`), a seed for the cuts, the text.

const std = @import("std");
const corpus = @import("../testing/corpus_fuzz.zig");
const utf8 = @import("utf8.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "fuzz: utf8" {
    try corpus.run("utf8", check);
}

test "utf8: random text against std" {
    var prng: std.Random.DefaultPrng = .init(0x3629);
    for (0..10_000) |_| {
        var buffer: [60]u8 = undefined;
        const input = corpus.randomInput(prng.random(), pieces.len, &buffer);
        input[0] |= 1;
        // Wrong pieces, which are the last ones, only now and then, so that they come late enough to matter.
        for (input[corpus.Settings.size..]) |*byte| {
            if (byte.* >= first_wrong and prng.random().uintLessThan(u8, 8) != 0) byte.* -= first_wrong - 0x80;
        }
        try check(input);
    }
}

const first_wrong = 0x80 + 12;

/// First and last of each range of RFC 3629 4, then what no text has.
const pieces = [_][]const u8{
    "0123456789ABCDEF0123456789ABCDEF", // as much as is skipped at once
    "\u{0}",
    "\u{7F}",
    "\u{80}",
    "\u{7FF}",
    "\u{800}",
    "\u{FFF}\u{1000}",
    "\u{D7FF}",
    "\u{E000}",
    "\u{FFFF}",
    "\u{10000}\u{3FFFF}\u{40000}\u{FFFFF}",
    "\u{100000}\u{10FFFF}",
    "\x80",
    "\xBF",
    "\xC0\x80",
    "\xC1\xBF",
    "\xC2",
    "\xE0\x9F\xBF",
    "\xE0\xA0",
    "\xED\xA0\x80",
    "\xEF\xBF",
    "\xF0\x8F\xBF\xBF",
    "\xF0\x90\x80",
    "\xF4\x90\x80\x80",
    "\xF5\x80\x80\x80",
    "\xFE",
    "\xFF",
};

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    var buffer: [corpus.input_size_max]u8 = undefined;
    const text = if (settings.bits & 1 != 0)
        corpus.expand(settings.rest, &pieces, &buffer)
    else
        settings.rest;
    try expectEqual(std.unicode.utf8ValidateSlice(text), utf8.isValid(text));

    var prng: std.Random.DefaultPrng = .init(settings.seed);
    var validator: utf8.Validator = .{};
    var fed: usize = 0;
    var accepted = true;
    while (fed < text.len) {
        const size_max: usize = if (settings.bits & 2 != 0) 4 else 200;
        const size = @min(text.len - fed, prng.random().intRangeAtMost(usize, 1, size_max));
        const now = validator.feed(text[fed..][0..size]);
        fed += size;
        try expect(accepted or !now);
        accepted = now;
        try expectEqual(canBecomeValid(text[0..fed]), accepted);
        try expectEqual(std.unicode.utf8ValidateSlice(text[0..fed]), validator.isComplete());
    }
}

/// One of these completes whatever can be completed.
const endings = [_][]const u8{ "", "\x80", "\x80\x80", "\x80\x80\x80", "\xA0\x80", "\x90\x80\x80" };

fn canBecomeValid(text: []const u8) bool {
    var buffer: [corpus.input_size_max + 3]u8 = undefined;
    @memcpy(buffer[0..text.len], text);
    for (endings) |ending| {
        @memcpy(buffer[text.len..][0..ending.len], ending);
        if (std.unicode.utf8ValidateSlice(buffer[0 .. text.len + ending.len])) return true;
    }
    return false;
}
