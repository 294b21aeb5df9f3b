//! Tables that read a prefix code, RFC 1951 3.2.2: bits of the input are the index of an entry, which says what they mean
//! and how many of them belong to it. Codes that are longer than the first table's index go on in a second one.

const std = @import("std");
const format = @import("format.zig");

pub const Kind = enum(u3) {
    /// `value` is a byte, or a code length.
    literal,
    /// A length or a distance: `value`, plus `extra_bits` more bits.
    base,
    end_of_block,
    /// Go on at `value` in the same table, with `extra_bits` bits as the index.
    second,
    /// No symbol of this alphabet.
    invalid,
};

pub const Entry = packed struct(u32) {
    /// How many bits of the index belong to this code.
    code_bits: u4,
    extra_bits: u4,
    kind: Kind,
    unused: u5 = 0,
    value: u16,
};

pub const Alphabet = enum {
    code_lengths,
    literals,
    distances,

    /// Bits of the first table's index.
    pub fn rootBits(comptime self: Alphabet) u4 {
        return switch (self) {
            .code_lengths => 7,
            .literals => 10,
            .distances => 8,
        };
    }

    /// Entries that any code of this alphabet needs at most, second tables included. The numbers for 288 and 32 symbols
    /// of up to 15 bits are those that an exhaustive search finds: decode_table_test.zig does it again.
    pub fn entriesMax(comptime self: Alphabet) usize {
        return switch (self) {
            .code_lengths => 128,
            .literals => 1334,
            .distances => 402,
        };
    }

    fn symbolsMax(comptime self: Alphabet) usize {
        return switch (self) {
            .code_lengths => format.code_length_count,
            .literals => format.fixed_literal_sizes.len,
            .distances => format.fixed_distance_sizes.len,
        };
    }

    fn meaning(comptime self: Alphabet, symbol: u16) Entry {
        var entry: Entry = .{ .code_bits = 0, .extra_bits = 0, .kind = .invalid, .value = 0 };
        switch (self) {
            .code_lengths => {
                entry.kind = .literal;
                entry.value = symbol;
            },
            .literals => if (symbol < format.end_of_block) {
                entry.kind = .literal;
                entry.value = symbol;
            } else if (symbol == format.end_of_block) {
                entry.kind = .end_of_block;
            } else if (symbol < format.literal_count) {
                entry.kind = .base;
                entry.value = format.length_base[symbol - format.first_length];
                entry.extra_bits = format.length_extra[symbol - format.first_length];
            },
            .distances => if (symbol < format.distance_count) {
                entry.kind = .base;
                entry.value = format.distance_base[symbol];
                entry.extra_bits = format.distance_extra[symbol];
            },
        }
        return entry;
    }

    /// What each symbol means, without its code.
    fn meanings(comptime self: Alphabet) [self.symbolsMax()]Entry {
        @setEvalBranchQuota(10_000);
        var entries: [self.symbolsMax()]Entry = undefined;
        for (&entries, 0..) |*entry, symbol| entry.* = self.meaning(symbol);
        return entries;
    }
};

pub fn Table(comptime alphabet: Alphabet) type {
    return struct {
        const Self = @This();

        pub const root_bits_max = alphabet.rootBits();

        entries: [alphabet.entriesMax()]Entry,
        /// How many bits of the input are the index of the first table.
        root_bits: u4,

        /// Makes the table of the code in which symbol i has `sizes[i]` bits, at most 15, or none at all.
        ///
        /// A code in which more bits are used up than there are is refused, and so is one that leaves some unused, but
        /// for two cases that deflaters make: a single symbol of one bit, and no distances at all (RFC 1951 3.2.7). Bits
        /// without a symbol are `invalid` then.
        pub fn build(self: *Self, sizes: []const u8) error{BadCode}!void {
            const meanings = comptime alphabet.meanings();
            var counts: [format.code_size_max + 1]u16 = @splat(0);
            for (sizes) |size| counts[size] += 1;
            counts[0] = 0;
            const size_max = try check(&counts);

            var sorted: [alphabet.symbolsMax()]u16 = undefined;
            const used = sort(sizes, &counts, &sorted);

            self.root_bits = @min(root_bits_max, size_max);
            const root_size = @as(usize, 1) << self.root_bits;
            if (used.len < 2) {
                // Incomplete, or with a single symbol in `check`'s terms.
                const nothing: Entry = .{ .code_bits = 1, .extra_bits = 0, .kind = .invalid, .value = 0 };
                @memset(self.entries[0..root_size], nothing);
            }

            // Codes of one size follow each other as numbers, RFC 1951 3.2.2, and lie in the input with their first bit
            // lowest: `code` is counted in that order of bits.
            var code: usize = 0;
            var second: []Entry = &.{};
            var second_bits: u4 = 0;
            var second_prefix: usize = std.math.maxInt(usize);
            var end = root_size;
            for (used) |symbol| {
                const size: u4 = @intCast(sizes[symbol]);
                var entry = meanings[symbol];
                if (size <= self.root_bits) {
                    entry.code_bits = size;
                    fill(self.entries[0..root_size], code, size, entry);
                } else {
                    const prefix = code & (root_size - 1);
                    if (prefix != second_prefix) {
                        second_prefix = prefix;
                        second_bits = secondBits(&counts, size, self.root_bits, size_max);
                        self.entries[prefix] = .{
                            .code_bits = self.root_bits,
                            .extra_bits = second_bits,
                            .kind = .second,
                            .value = @intCast(end),
                        };
                        second = self.entries[end..][0 .. @as(usize, 1) << second_bits];
                        end += second.len;
                    }
                    entry.code_bits = size - self.root_bits;
                    fill(second, code >> self.root_bits, entry.code_bits, entry);
                }
                counts[size] -= 1;
                code = next(code, size);
            }
        }

        /// The size of the longest code.
        fn check(counts: *const [format.code_size_max + 1]u16) error{BadCode}!u4 {
            var left: i32 = 1; // codes of this size that no shorter one begins
            var size_max: u4 = 0;
            for (counts[1..], 1..) |count, size| {
                left = 2 * left - count;
                if (left < 0) return error.BadCode;
                if (count > 0) size_max = @intCast(size);
            }
            if (left > 0 and (alphabet == .code_lengths or size_max > 1)) return error.BadCode;
            return @max(size_max, 1);
        }
    };
}

/// The symbols that have a code, by size and number.
fn sort(sizes: []const u8, counts: *const [format.code_size_max + 1]u16, sorted: []u16) []u16 {
    var offsets: [format.code_size_max + 1]u16 = @splat(0);
    var total: u16 = 0;
    for (counts, &offsets) |count, *offset| {
        offset.* = total;
        total += count;
    }
    for (sizes, 0..) |size, symbol| {
        if (size == 0) continue;
        sorted[offsets[size]] = @intCast(symbol);
        offsets[size] += 1;
    }
    return sorted[0..total];
}

/// Every index that begins with the code of `size` bits.
fn fill(table: []Entry, code: usize, size: u4, entry: Entry) void {
    const step = @as(usize, 1) << size;
    var index = code;
    while (index < table.len) : (index += step) table[index] = entry;
}

/// The code that follows, with its bits in reverse: the carry goes from the highest bit down. 0 after the last one.
fn next(code: usize, size: u4) usize {
    var bit = @as(usize, 1) << (size - 1);
    while (bit != 0 and code & bit != 0) bit >>= 1;
    return if (bit == 0) 0 else (code & (bit - 1)) + bit;
}

/// Index bits of a second table whose first code has `size` bits: as many as the codes need that begin like it. They are
/// those that come next, as `counts` has the codes not yet given out.
fn secondBits(counts: *const [format.code_size_max + 1]u16, size: u4, root_bits: u4, size_max: u4) u4 {
    var bits = size - root_bits;
    var left: i32 = @as(i32, 1) << bits;
    while (root_bits + bits < size_max) : (bits += 1) {
        left -= counts[root_bits + bits];
        if (left <= 0) break;
        left *= 2;
    }
    return bits;
}
