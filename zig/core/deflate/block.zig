//! A block of symbols into bits, RFC 1951 3.2: stored, in the fixed codes or in codes of its own, whichever is shortest.

const std = @import("std");
const assert = std.debug.assert;
const format = @import("format.zig");
const BitWriter = @import("bit_writer.zig").BitWriter;
const prefix_code = @import("prefix_code.zig");
const Code = prefix_code.Code;

/// A match, or a literal: `size` 0 and the byte as `value`.
pub const Symbol = struct { size: u16, value: u16 };

const length_symbols: [format.match_size_max + 1]u8 = symbols: {
    var symbols: [format.match_size_max + 1]u8 = @splat(0);
    @setEvalBranchQuota(2_000);
    for (format.length_base, 0..) |base, symbol| @memset(symbols[base..], symbol);
    break :symbols symbols;
};

/// RFC 1951 3.2.5: two symbols for each power of two, from 2 on.
inline fn distanceSymbol(distance: u16) usize {
    if (distance <= 2) return distance - 1;
    const last = distance - 1;
    const high: u4 = @intCast(15 - @clz(last));
    return 2 * @as(usize, high) + (last >> (high - 1) & 1);
}

const Codes = struct {
    literals: [format.fixed_literal_sizes.len]Code,
    distances: [format.fixed_distance_sizes.len]Code,
};

const fixed_codes: Codes = codes: {
    @setEvalBranchQuota(5_000);
    var codes: Codes = undefined;
    prefix_code.makeCodes(&format.fixed_literal_sizes, &codes.literals);
    prefix_code.makeCodes(&format.fixed_distance_sizes, &codes.distances);
    break :codes codes;
};

/// Symbols as they are found, and how often each occurs.
pub const Block = struct {
    symbols: [symbols_max]Symbol,
    count: usize,
    literals: [format.literal_count]u32,
    distances: [format.distance_count]u32,

    pub const symbols_max = 16 * 1024;

    pub fn clear(self: *Block) void {
        self.count = 0;
        self.literals = @splat(0);
        self.distances = @splat(0);
    }

    pub fn isFull(self: *const Block) bool {
        return self.count == symbols_max;
    }

    pub inline fn addLiteral(self: *Block, byte: u8) void {
        self.symbols[self.count] = .{ .size = 0, .value = byte };
        self.count += 1;
        self.literals[byte] += 1;
    }

    pub inline fn addMatch(self: *Block, size: usize, distance: usize) void {
        self.symbols[self.count] = .{ .size = @intCast(size), .value = @intCast(distance) };
        self.count += 1;
        self.literals[format.first_length + @as(usize, length_symbols[size])] += 1;
        self.distances[distanceSymbol(@intCast(distance))] += 1;
    }

    /// Writes the symbols, which stand for `bytes`, and clears them. It takes at most `bytes.len` plus
    /// `overhead(bytes.len)` bytes.
    pub fn write(self: *Block, out: *BitWriter, bytes: []const u8) void {
        assert(self.count > 0);
        self.literals[format.end_of_block] = 1;
        const extra = self.extraBits();
        const fixed = 3 + extra + cost(&self.literals, &format.fixed_literal_sizes) +
            cost(&self.distances, &format.fixed_distance_sizes);
        const stored = storedBits(out, bytes.len);
        if (fixed <= dynamic_bits_min) {
            if (stored < fixed) return self.writeStored(out, bytes);
            return self.writeFixed(out);
        }
        var header: Header = undefined;
        header.choose(&self.literals, &self.distances);
        const dynamic = 3 + extra + header.bits +
            cost(&self.literals, &header.literal_sizes) + cost(&self.distances, &header.distance_sizes);
        if (stored < @min(fixed, dynamic)) return self.writeStored(out, bytes);
        if (fixed <= dynamic) return self.writeFixed(out);
        header.write(out);
        var codes: Codes = undefined;
        prefix_code.makeCodes(&header.literal_sizes, codes.literals[0..format.literal_count]);
        prefix_code.makeCodes(&header.distance_sizes, codes.distances[0..format.distance_count]);
        self.writeSymbols(out, &codes);
    }

    /// What comes on top of the bytes if they are stored.
    pub fn overhead(size: usize) usize {
        return 5 * (size / format.stored_size_max + 1) + 1;
    }

    fn extraBits(self: *const Block) usize {
        return cost(self.literals[format.first_length..], &format.length_extra) +
            cost(&self.distances, &format.distance_extra);
    }

    fn writeFixed(self: *Block, out: *BitWriter) void {
        putType(out, .fixed);
        self.writeSymbols(out, &fixed_codes);
    }

    fn writeStored(self: *Block, out: *BitWriter, bytes: []const u8) void {
        var rest = bytes;
        while (rest.len > 0) {
            const size: u16 = @intCast(@min(rest.len, format.stored_size_max));
            putType(out, .stored);
            out.alignToByte();
            out.put(size, 16);
            out.put(~size, 16);
            out.append(rest[0..size]);
            rest = rest[size..];
        }
        self.clear();
    }

    fn writeSymbols(self: *Block, out: *BitWriter, codes: *const Codes) void {
        var to = out.*; // in registers
        for (self.symbols[0..self.count]) |symbol| {
            if (symbol.size == 0) {
                const code = codes.literals[symbol.value];
                to.put(code.bits, code.size);
                continue;
            }
            const length = length_symbols[symbol.size];
            const code = codes.literals[format.first_length + @as(usize, length)];
            var bits: u64 = code.bits;
            var count: u6 = @intCast(code.size);
            bits |= @as(u64, symbol.size - format.length_base[length]) << count;
            count += format.length_extra[length];
            const far = distanceSymbol(symbol.value);
            bits |= @as(u64, codes.distances[far].bits) << count;
            count += @intCast(codes.distances[far].size);
            bits |= @as(u64, symbol.value - format.distance_base[far]) << count;
            count += format.distance_extra[far];
            to.put(bits, count);
        }
        const end = codes.literals[format.end_of_block];
        to.put(end.bits, end.size);
        out.* = to;
        self.clear();
    }
};

comptime {
    assert(2 * @as(u32, format.code_size_max) + 5 + 13 <= BitWriter.put_max);
    assert(Block.symbols_max < prefix_code.total_max);
}

/// Codes of its own are not worth looking at in a block that has no more bits than this: their sizes alone take as much.
const dynamic_bits_min = 8 * 80;

fn cost(counts: []const u32, sizes: anytype) usize {
    var bits: usize = 0;
    for (counts, sizes[0..counts.len]) |count, size| bits += count * @as(usize, size);
    return bits;
}

fn storedBits(out: *const BitWriter, size: usize) usize {
    const to_byte = (16 - (out.count + 3)) & 7;
    return 3 + to_byte + 8 * (size + 4) + 8 * 5 * ((size - 1) / format.stored_size_max);
}

fn putType(out: *BitWriter, block_type: format.BlockType) void {
    out.put(@as(u64, @backingInt(block_type)) << 1, 3); // never the final block
}

/// The codes of a dynamic block, and how they are told, RFC 1951 3.2.7.
const Header = struct {
    literal_sizes: [format.literal_count]u8,
    distance_sizes: [format.distance_count]u8,
    literal_count: usize,
    distance_count: usize,
    /// The sizes as symbols of the code of code lengths, and their extra bits.
    symbols: [format.literal_count + format.distance_count]struct { symbol: u8, extra: u8 },
    symbol_count: usize,
    counts: [format.code_length_count]u32,
    code_lengths: [format.code_length_count]u8,
    code_length_count: usize,
    /// Of all that.
    bits: usize,

    fn choose(self: *Header, literals: []const u32, distances: []const u32) void {
        prefix_code.chooseSizes(literals, &self.literal_sizes, format.code_size_max);
        prefix_code.chooseSizes(distances, &self.distance_sizes, format.code_size_max);
        self.literal_count = withoutZeros(&self.literal_sizes, format.first_length);
        self.distance_count = withoutZeros(&self.distance_sizes, 1);

        var sizes: [format.literal_count + format.distance_count]u8 = undefined;
        @memcpy(sizes[0..self.literal_count], self.literal_sizes[0..self.literal_count]);
        @memcpy(sizes[self.literal_count..][0..self.distance_count], self.distance_sizes[0..self.distance_count]);
        self.shorten(sizes[0 .. self.literal_count + self.distance_count]);

        prefix_code.chooseSizes(&self.counts, &self.code_lengths, format.code_length_size_max);
        self.code_length_count = format.code_length_count;
        while (self.code_length_count > 4) : (self.code_length_count -= 1) {
            if (self.code_lengths[format.code_length_order[self.code_length_count - 1]] != 0) break;
        }
        self.bits = 14 + 3 * self.code_length_count + cost(&self.counts, &self.code_lengths);
        for (format.repeat_previous..format.code_length_count) |symbol| {
            self.bits += self.counts[symbol] * format.repeat(@intCast(symbol)).extra;
        }
    }

    /// Runs of one size become repeats.
    fn shorten(self: *Header, sizes: []const u8) void {
        self.symbol_count = 0;
        self.counts = @splat(0);
        var at: usize = 0;
        while (at < sizes.len) {
            const size = sizes[at];
            var left: usize = 1;
            while (at + left < sizes.len and sizes[at + left] == size) left += 1;
            at += left;
            if (size != 0) {
                self.add(size, 0);
                left -= 1;
            }
            while (left >= 3) {
                const symbol: u8 = if (size != 0)
                    format.repeat_previous
                else if (left < format.repeat(format.repeat_zero_long).base)
                    format.repeat_zero
                else
                    format.repeat_zero_long;
                const repeat = format.repeat(symbol);
                const times = @min(left, repeat.base + (@as(usize, 1) << repeat.extra) - 1);
                self.add(symbol, @intCast(times - repeat.base));
                left -= times;
            }
            for (0..left) |_| self.add(size, 0);
        }
    }

    fn add(self: *Header, symbol: u8, extra: u8) void {
        self.symbols[self.symbol_count] = .{ .symbol = symbol, .extra = extra };
        self.symbol_count += 1;
        self.counts[symbol] += 1;
    }

    fn write(self: *const Header, out: *BitWriter) void {
        putType(out, .dynamic);
        out.put(self.literal_count - format.first_length, 5);
        out.put(self.distance_count - 1, 5);
        out.put(self.code_length_count - 4, 4);
        for (format.code_length_order[0..self.code_length_count]) |symbol| out.put(self.code_lengths[symbol], 3);
        var codes: [format.code_length_count]Code = undefined;
        prefix_code.makeCodes(&self.code_lengths, &codes);
        for (self.symbols[0..self.symbol_count]) |one| {
            out.put(codes[one.symbol].bits, codes[one.symbol].size);
            if (one.symbol >= format.repeat_previous) out.put(one.extra, format.repeat(one.symbol).extra);
        }
    }
};

/// How many sizes are left without those zeros at the end that need not be told.
fn withoutZeros(sizes: []const u8, count_min: usize) usize {
    var count = sizes.len;
    while (count > count_min and sizes[count - 1] == 0) count -= 1;
    return count;
}
