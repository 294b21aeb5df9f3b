const std = @import("std");
const decode_table = @import("decode_table.zig");
const format = @import("format.zig");
const stream = @import("stream_test.zig");
const Table = decode_table.Table;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

const literals = Table(.literals);
const distances = Table(.distances);
const code_lengths = Table(.code_lengths);

/// What the bits say of which the first is the lowest one: the symbol's meaning and how many bits it has.
fn lookUp(table: anytype, bits: u32) struct { decode_table.Entry, u8 } {
    const entry = table.entries[bits & (@as(u32, 1) << table.root_bits) - 1];
    if (entry.kind != .second) return .{ entry, entry.code_bits };
    const index = bits >> entry.code_bits & (@as(u32, 1) << entry.extra_bits) - 1;
    const second = table.entries[entry.value + index];
    return .{ second, @as(u8, entry.code_bits) + second.code_bits };
}

test "each symbol of a code is found, whatever bits follow it" {
    var prng: std.Random.DefaultPrng = .init(0x322);
    for (0..300) |_| {
        var sizes: [format.literal_count]u8 = @splat(0);
        randomCode(prng.random(), &sizes);
        var table: literals = undefined;
        try table.build(&sizes);
        for (sizes, 0..) |size, symbol| {
            if (size == 0) continue;
            const code = @bitReverse(@as(u16, @intCast(stream.codeOf(&sizes, symbol)))) >> @intCast(16 - size);
            for ([_]u32{ 0, 0xFFFF_FFFF, prng.random().int(u32) }) |behind| {
                const entry, const found = lookUp(&table, code | behind << @intCast(size));
                try expectEqual(size, found);
                switch (symbol) {
                    0...255 => {
                        try expectEqual(.literal, entry.kind);
                        try expectEqual(symbol, entry.value);
                    },
                    256 => try expectEqual(.end_of_block, entry.kind),
                    else => {
                        try expectEqual(.base, entry.kind);
                        try expectEqual(symbol, stream.lengthOf(entry.value).symbol);
                        try expectEqual(stream.lengthOf(entry.value).extra_bits, entry.extra_bits);
                    },
                }
            }
        }
    }
}

/// A complete code: leaves are split until there are no more, at random depths.
fn randomCode(random: std.Random, sizes: []u8) void {
    const wanted = random.intRangeAtMost(usize, 2, sizes.len);
    sizes[0] = 1;
    sizes[1] = 1;
    var count: usize = 2;
    while (count < wanted) {
        // Mostly the youngest, so that there are long codes too.
        const at = if (random.boolean()) count - 1 else random.uintLessThan(usize, count);
        if (sizes[at] == format.code_size_max) {
            if (random.uintLessThan(u8, 50) == 0) break;
            continue;
        }
        sizes[at] += 1;
        sizes[count] = sizes[at];
        count += 1;
    }
    random.shuffle(u8, sizes);
}

test "the fixed codes have symbols that may not occur" {
    var table: literals = undefined;
    try table.build(&stream.fixed_literals);
    for ([_]usize{ 286, 287 }) |symbol| {
        const code = @bitReverse(@as(u8, @intCast(stream.codeOf(&stream.fixed_literals, symbol))));
        try expectEqual(.invalid, lookUp(&table, code)[0].kind);
    }
    var far: distances = undefined;
    try far.build(&stream.fixed_distances);
    for (30..32) |symbol| {
        const code = @bitReverse(@as(u5, @intCast(symbol)));
        try expectEqual(.invalid, lookUp(&far, code)[0].kind);
    }
}

test "over-subscribed codes are refused" {
    var table: literals = undefined;
    try expectError(error.BadCode, table.build(&.{ 1, 1, 1 }));
    try expectError(error.BadCode, table.build(&.{ 1, 2, 2, 15 }));
    try expectError(error.BadCode, table.build(&@as([286]u8, @splat(8))));
    var lengths: code_lengths = undefined;
    try expectError(error.BadCode, lengths.build(&.{ 1, 1, 7 }));
}

test "incomplete codes are refused, but for a single symbol of one bit and for none" {
    var table: distances = undefined;
    try expectError(error.BadCode, table.build(&.{ 2, 2, 2 }));
    try expectError(error.BadCode, table.build(&.{2}));
    try expectError(error.BadCode, table.build(&.{ 1, 15 }));
    try expectError(error.BadCode, table.build(&@as([30]u8, @splat(15))));

    try table.build(&.{ 0, 0, 1 });
    try expectEqual(3, lookUp(&table, 0)[0].value);
    try expectEqual(.invalid, lookUp(&table, 1)[0].kind);
    for ([_][]const u8{ "", &.{0}, &.{ 0, 0, 0 } }) |none| {
        try table.build(none);
        for (0..2) |bit| try expectEqual(.invalid, lookUp(&table, @intCast(bit))[0].kind);
    }

    var lengths: code_lengths = undefined;
    try expectError(error.BadCode, lengths.build(&.{1}));
    try expectError(error.BadCode, lengths.build(&@as([19]u8, @splat(0))));
    try lengths.build(&.{ 1, 1 });
}

test "the largest tables have room" {
    try expectEqual(decode_table.Alphabet.literals.entriesMax(), largest(288, 10));
    try expectEqual(decode_table.Alphabet.distances.entriesMax(), largest(32, 8));
}

/// How many entries a complete code of up to `symbols` symbols can need, the first table having `root` bits.
///
/// A second table holds all codes that begin with one index of the first: a tree as deep as the table has bits. Codes
/// are sorted by size, so a tree begins at the depth where the one before it ended, or deeper. One with leaves at depths
/// `low` to `high` has at least 2^low + (high - low) of them. The other indices belong to short codes, of which there
/// are as few as their number has bits.
fn largest(comptime symbols: usize, comptime root: u4) usize {
    const roots = @as(usize, 1) << root;
    const depth_max = format.code_size_max - root;
    // By depth of the last tree and symbols used: entries of second tables, plus one; 0 if there is no such code.
    const Reached = [depth_max + 1][symbols + 1]u32;
    var reached: Reached = @splat(@splat(0));
    reached[1][0] = 1;
    var best: usize = 0;
    for (1..roots + 1) |trees| {
        var next: Reached = @splat(@splat(0));
        for (reached[1..], 1..) |row, least| for (row, 0..) |entries, used| {
            if (entries == 0) continue;
            for (least..depth_max + 1) |low| for (low..depth_max + 1) |high| {
                const leaves = (@as(usize, 1) << @intCast(low)) + high - low;
                if (used + leaves > symbols) continue;
                const to = &next[high][used + leaves];
                to.* = @max(to.*, entries + (@as(u32, 1) << @intCast(high)));
                if (used + leaves + @popCount(roots - trees) <= symbols) best = @max(best, roots + to.* - 1);
            };
        };
        reached = next;
    }
    return best;
}
