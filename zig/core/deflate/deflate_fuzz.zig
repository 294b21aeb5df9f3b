//! Any text in any messages, at any level, comes back: what is deflated is read by the reference and by our inflater, with
//! a window as large as promised.
//!
//! Input: settings (bits 0 to 3: the level; bits 4 to 6: the window; bit 7: no context takeover), a seed for the cuts, the
//! text, in which bytes from 0x80 on stand for that many bytes of what is before them, or for noise.

const std = @import("std");
const corpus = @import("../testing/corpus_fuzz.zig");
const deflate = @import("deflate.zig");
const format = @import("format.zig");
const inflate = @import("inflate.zig");
const reference = @import("reference_test.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

test "fuzz: deflate" {
    try corpus.run("deflate", check);
}

test "deflate: random texts come back" {
    var prng: std.Random.DefaultPrng = .init(0x1951);
    const random = prng.random();
    var buffer: [300]u8 = undefined;
    for (0..300) |_| {
        const input = buffer[0..random.uintAtMost(usize, buffer.len)];
        random.bytes(input);
        try check(input);
    }
}

const text_size_max = 40_000;

/// Too large to be made anew for every input.
const static = struct {
    var text: [text_size_max]u8 = undefined;
    var inflated: [text_size_max]u8 = undefined;
    var expected: [text_size_max]u8 = undefined;
    var memory: [1 << 18]u8 align(2) = undefined;
    var block: deflate.Block = undefined;
    var tables: inflate.Tables = undefined;
};

fn makeText(random: std.Random, input: []const u8, text: []u8) []u8 {
    var size: usize = 0;
    for (input) |byte| {
        if (text.len - size < 400) break;
        if (byte < 0x80 or size == 0) {
            text[size] = byte;
            size += 1;
            continue;
        }
        const more = (@as(usize, byte & 0x3F) + 1) * if (byte & 0x3F == 0x3F) @as(usize, 6) else 1;
        const distance = random.intRangeAtMost(usize, 1, size);
        for (0..more) |_| {
            text[size] = if (byte < 0xC0) text[size - distance] else random.int(u8);
            size += 1;
        }
    }
    return text[0..size];
}

fn check(input: []const u8) !void {
    const input_settings: corpus.Settings = .read(input);
    const bits = input_settings.bits;
    const settings: deflate.Settings = .{
        .level = @intCast(deflate.level_min + (bits & 15) % deflate.level_max),
        .window_bits = @intCast(format.window_bits_min + (bits >> 4 & 7)),
    };
    var prng: std.Random.DefaultPrng = .init(input_settings.seed);
    const random = prng.random();
    const gpa = std.testing.allocator;
    const text = makeText(random, input_settings.rest, &static.text);
    var self: deflate.Deflate = .init(settings, static.memory[0..deflate.Deflate.memorySize(settings)]);
    self.matcher.origin = random.int(u16); // as if much had gone before
    var peer: inflate.Inflate = .init(settings.window_bits, &.{});
    const inflated = static.inflated[0..text.len];
    var whole: std.ArrayList(u8) = .empty;
    defer whole.deinit(gpa);
    var at: usize = 0;
    var is_first = true;
    while (at < text.len or is_first) {
        is_first = false;
        const message = text[at..][0..@min(text.len - at, random.uintAtMost(usize, if (random.boolean()) 30 else 20_000))];
        if (bits & 0x80 != 0) self.forget();
        const out = try whole.addManyAsSlice(gpa, deflate.Deflate.bound(message.len));
        const size = self.run(&static.block, message, out, .sync);
        whole.shrinkRetainingCapacity(whole.items.len - out.len + size);
        // With context takeover the messages before it are in front of it, else nothing is.
        const start = if (bits & 0x80 != 0) at else 0;
        const result = peer.run(&static.tables, out[0..size], inflated[start..], at - start);
        try expectEqual(null, peer.fault);
        try expectEqual(inflate.Status.need_input, result.status);
        try expectEqualSlices(u8, message, inflated[at .. start + result.size]);
        try expect(peer.isBetweenBlocks());
        try expect(size <= message.len + message.len / 1000 + 16);
        at += message.len;
    }
    if (text.len > 3_000) return; // the reference is slow
    const outcome: reference.Outcome = .inflate(whole.items, settings.window_bits, &static.expected);
    try expectEqualSlices(u8, text, outcome.written);
    try expect(outcome.is_between_blocks);
}
