//! CLOSE payloads, arbitrary ones, against std's idea of UTF-8 and the list of codes in RFC 6455 7.4.
//!
//! Input: the payload.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const close = @import("close.zig");
const corpus = @import("../testing/corpus_fuzz.zig");
const Failure = @import("failure.zig").Failure;

pub fn reference(payload: []const u8) ?Failure {
    if (payload.len == 0) return null;
    if (payload.len == 1) return .close_payload_of_one_byte;
    const code = @as(usize, payload[0]) * 256 + payload[1];
    const never_sent = code == 1004 or code == 1005 or code == 1006 or code == 1015;
    const assigned = (code >= 1000 and code <= 1014) or (code >= 3000 and code <= 4999);
    if (never_sent or !assigned) return .close_code_not_allowed;
    return if (std.unicode.utf8ValidateSlice(payload[2..])) null else .close_reason_not_utf8;
}

fn check(input: []const u8) !void {
    const payload = input[0..@min(input.len, 125)]; // a parser refuses larger ones on their header
    const decoded = close.decode(payload);
    if (reference(payload)) |failure| return expectEqual(close.Decoded{ .failure = failure }, decoded);
    // What was accepted can be sent back, and is the same bytes then.
    var buffer: [125]u8 = undefined;
    const encoded = close.encode(decoded.close.code, decoded.close.reason, &buffer);
    try expect(std.mem.eql(u8, payload, encoded));
}

test "fuzz: close" {
    try corpus.run("close", check);
}

test "close: random payloads against the reference" {
    var prng: std.Random.DefaultPrng = .init(0x5_5_1);
    const random = prng.random();
    const texts = [_][]const u8{ "a", "\u{E9}", "\u{20AC}", "\u{1F600}", "\xED\xA0\x80", "\xC0\x80", "\x80", "\xE2\x82" };
    for (0..50_000) |_| {
        var buffer: [125]u8 = undefined;
        const code = random.intRangeAtMost(u16, 990, 1020) + if (random.boolean()) random.uintAtMost(u16, 4000) else 0;
        buffer[0] = @intCast(code / 256);
        buffer[1] = @intCast(code % 256);
        var size: usize = random.uintAtMost(usize, 2);
        if (size == 2) {
            // Mostly good text, now and then a wrong piece.
            while (random.uintLessThan(usize, 10) != 0 and size + 4 <= buffer.len) {
                const good = random.uintLessThan(usize, 20) != 0;
                const text = texts[if (good) random.uintLessThan(usize, 4) else random.uintLessThan(usize, texts.len)];
                @memcpy(buffer[size..][0..text.len], text);
                size += text.len;
            }
        }
        try check(buffer[0..size]);
    }
}
