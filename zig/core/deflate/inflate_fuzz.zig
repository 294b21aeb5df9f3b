//! Any bytes in any pieces, into room of any size, with the window moved and cut off anywhere: what comes out is what the
//! reference says, up to the same byte, with the same fault. Std agrees on what is valid.
//!
//! Input: settings (bits 0 to 2: the window; bit 3: small pieces; bit 4: little room), a seed for the cuts, the stream.

const std = @import("std");
const corpus = @import("../testing/corpus_fuzz.zig");
const format = @import("format.zig");
const inflate = @import("inflate.zig");
const reference = @import("reference_test.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

/// A match takes two bits at least.
const output_size_max = (corpus.input_size_max * 8 / 2 + 1) * format.match_size_max;

/// Too large to be made anew for every input.
const static = struct {
    var expected: [output_size_max]u8 = undefined;
    var output: [output_size_max + std.compress.flate.max_window_len]u8 = undefined;
    var windows: [2][1 << format.window_bits_max]u8 = undefined;
    var tables: inflate.Tables = undefined;
};

test "fuzz: inflate" {
    try corpus.run("inflate", check);
}

test "inflate: streams with some bits turned over" {
    var prng: std.Random.DefaultPrng = .init(0x1951);
    const random = prng.random();
    var buffer: [corpus.input_size_max]u8 = undefined;
    for (0..600) |_| {
        random.bytes(buffer[0..corpus.Settings.size]);
        const size = try makeStream(random, buffer[corpus.Settings.size..]);
        const input = buffer[0 .. corpus.Settings.size + size];
        for (0..random.uintLessThan(usize, 3)) |_| {
            const bit = random.uintLessThan(usize, 8 * size);
            input[corpus.Settings.size + bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        }
        try check(input);
    }
}

/// A stream that std makes of text with some repetition.
fn makeStream(random: std.Random, buffer: []u8) !usize {
    var text: [2000]u8 = undefined;
    const letters = random.intRangeAtMost(u8, 1, 60);
    for (&text, 0..) |*byte, at| {
        byte.* = if (at > 40 and random.uintLessThan(u8, 8) != 0)
            text[at - random.intRangeAtMost(usize, 1, 40)]
        else
            ' ' + random.uintLessThan(u8, letters);
    }
    const std_window = try std.testing.allocator.alloc(u8, std.compress.flate.max_window_len);
    defer std.testing.allocator.free(std_window);
    var writer: std.Io.Writer = .fixed(buffer);
    var compress = try std.compress.flate.Compress.init(&writer, std_window, .raw, .default);
    try compress.writer.writeAll(text[0..random.uintAtMost(usize, 1200)]);
    try compress.finish();
    return writer.end;
}

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    const window_bits: u4 = @intCast(format.window_bits_min + (settings.bits & 7));
    const expected: reference.Outcome = .inflate(settings.rest, window_bits, &static.expected);
    try checkStd(settings.rest, window_bits, expected);

    var prng: std.Random.DefaultPrng = .init(settings.seed);
    const random = prng.random();
    const piece_size_max: usize = if (settings.bits & 8 != 0) 3 else corpus.input_size_max;
    const room_max: usize = if (settings.bits & 16 != 0) 5 else 700;
    try checkPieces(random, settings.rest, window_bits, expected, piece_size_max, room_max);
    try checkWhole(settings.rest, window_bits, expected);
}

fn checkPieces(
    random: std.Random,
    input: []const u8,
    window_bits: u4,
    expected: reference.Outcome,
    piece_size_max: usize,
    room_max: usize,
) !void {
    var self: inflate.Inflate = .init(window_bits, &.{});
    var out: [1000]u8 = undefined;
    var room: usize = 0;
    var kept: usize = 0;
    var written: usize = 0; // in `out`
    var fed: usize = 0;
    var moves: usize = 0;
    var status: inflate.Status = .need_input;
    while (status != .failure and (fed < input.len or status == .need_room)) {
        const piece = input[fed..][0..@min(input.len - fed, random.intRangeAtMost(usize, 1, piece_size_max))];
        @memset(&static.tables.literals.entries, undefined); // other connections use them in between
        const result = self.run(&static.tables, piece, out[0..room], written);
        try expect(result.status != .need_input or result.read == piece.len);
        try expect(result.status != .need_room or result.size == room);
        try expect(result.size >= written and result.size <= room);
        fed += result.read;
        written = result.size;
        status = result.status;
        try expect(kept + written <= expected.written.len);
        try expectEqualSlices(u8, expected.written[kept..][0..written], out[0..written]);
        if (status == .need_room or random.uintLessThan(u8, 4) == 0) {
            // As large as needed, and no more: in another place every time.
            moves += 1;
            self.moveWindow(static.windows[moves % 2][0..self.windowSize(written)]);
            self.keep(out[0..written]);
            kept += written;
            written = 0;
            room = random.intRangeAtMost(usize, 0, room_max);
        }
    }
    try expectEqual(expected.written.len, kept + written);
    try expectEqual(expected.fault, self.fault);
    try expectEqual(expected.is_between_blocks, self.isBetweenBlocks());
    try expectEqual(expected.is_behind_final, self.isBehindFinal());
}

/// All of it in one call, and room for exactly as much as there is.
fn checkWhole(input: []const u8, window_bits: u4, expected: reference.Outcome) !void {
    const out = static.output[0..expected.written.len];
    var self: inflate.Inflate = .init(window_bits, &.{});
    const result = self.run(&static.tables, input, out, 0);
    try expect(result.status != .need_room or expected.fault != null);
    try expectEqualSlices(u8, expected.written, out[0..result.size]);
}

/// Std knows the largest window alone, and stops at the end of a final block.
fn checkStd(input: []const u8, window_bits: u4, expected: reference.Outcome) !void {
    if (window_bits != format.window_bits_max) return;
    var reader: std.Io.Reader = .fixed(input);
    var decompress: std.compress.flate.Decompress = .init(&reader, .raw, &.{});
    var writer: std.Io.Writer = .fixed(&static.output);
    _ = decompress.reader.streamRemaining(&writer) catch return;
    const size = writer.end;
    try expect(size <= expected.written.len);
    try expectEqualSlices(u8, static.output[0..size], expected.written[0..size]);
}
