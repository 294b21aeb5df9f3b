//! Helps the tests of this folder: DEFLATE streams put together bit by bit, right and wrong ones, without the code under
//! test.

const std = @import("std");

/// Writes bits into memory that is large enough.
pub const Stream = struct {
    buffer: [100_000]u8 = undefined,
    bit_count: usize = 0,

    pub fn bytes(self: *const Stream) []const u8 {
        return self.buffer[0 .. (self.bit_count + 7) / 8];
    }

    /// The lowest bit first, RFC 1951 3.1.1.
    pub fn number(self: *Stream, value: u64, count: usize) void {
        for (0..count) |i| self.bit(@intCast(value >> @intCast(i) & 1));
    }

    /// The highest bit first: that is how codes lie in a stream.
    pub fn code(self: *Stream, value: usize, count: usize) void {
        for (0..count) |i| self.bit(value >> @intCast(count - 1 - i) & 1);
    }

    fn bit(self: *Stream, value: usize) void {
        const byte = &self.buffer[self.bit_count / 8];
        if (self.bit_count % 8 == 0) byte.* = 0;
        byte.* |= @as(u8, @intCast(value)) << @intCast(self.bit_count % 8);
        self.bit_count += 1;
    }

    pub fn align_(self: *Stream) void {
        while (self.bit_count % 8 != 0) self.bit(0);
    }

    pub fn raw(self: *Stream, data: []const u8) void {
        for (data) |byte| self.number(byte, 8);
    }

    pub fn block(self: *Stream, final: bool, block_type: u2) void {
        self.number(@intFromBool(final), 1);
        self.number(block_type, 2);
    }

    pub fn stored(self: *Stream, data: []const u8) void {
        self.block(false, 0);
        self.align_();
        self.number(data.len, 16);
        self.number(data.len ^ 0xFFFF, 16);
        self.raw(data);
    }

    /// The head of a dynamic block in which every code length stands for itself, and the code of the code lengths has
    /// four bits for each of sixteen lengths.
    pub fn dynamic(self: *Stream, literal_sizes: []const u8, distance_sizes: []const u8) void {
        self.block(false, 2);
        self.number(literal_sizes.len - 257, 5);
        self.number(distance_sizes.len - 1, 5);
        self.number(19 - 4, 4);
        for (0..3) |_| self.number(0, 3); // no repeats
        for (3..19) |_| self.number(4, 3);
        for (literal_sizes) |size| self.code(size, 4);
        for (distance_sizes) |size| self.code(size, 4);
    }

    /// A symbol of the code with these sizes.
    pub fn symbol(self: *Stream, sizes: []const u8, which: usize) void {
        self.code(codeOf(sizes, which), sizes[which]);
    }

    /// A match in a code of these sizes, RFC 1951 3.2.5.
    pub fn match(self: *Stream, literal_sizes: []const u8, distance_sizes: []const u8, size: usize, distance: usize) void {
        const length = lengthOf(size);
        self.symbol(literal_sizes, length.symbol);
        self.number(length.extra, length.extra_bits);
        const far = distanceOf(distance);
        self.symbol(distance_sizes, far.symbol);
        self.number(far.extra, far.extra_bits);
    }
};

const Number = struct { symbol: usize, extra: usize, extra_bits: usize };

/// RFC 1951 3.2.5, its first table: four lengths for each number of extra bits, twice that for none.
pub fn lengthOf(size: usize) Number {
    if (size == 258) return .{ .symbol = 285, .extra = 0, .extra_bits = 0 };
    var base: usize = 3;
    for (257..285) |symbol| {
        const extra_bits = if (symbol < 265) 0 else (symbol - 261) / 4;
        const next = base + (@as(usize, 1) << @intCast(extra_bits));
        if (size < next) return .{ .symbol = symbol, .extra = size - base, .extra_bits = extra_bits };
        base = next;
    }
    unreachable;
}

/// The second table: two distances for each number of extra bits, four for none.
pub fn distanceOf(distance: usize) Number {
    var base: usize = 1;
    for (0..30) |symbol| {
        const extra_bits = if (symbol < 4) 0 else (symbol - 2) / 2;
        const next = base + (@as(usize, 1) << @intCast(extra_bits));
        if (distance < next) return .{ .symbol = symbol, .extra = distance - base, .extra_bits = extra_bits };
        base = next;
    }
    unreachable;
}

/// RFC 1951 3.2.2: by size, then by number.
pub fn codeOf(sizes: []const u8, which: usize) usize {
    var next: usize = 0;
    for (1..16) |size| {
        for (sizes, 0..) |other, symbol| {
            if (other != size) continue;
            if (symbol == which) return next;
            next += 1;
        }
        next *= 2;
    }
    unreachable;
}

/// The fixed codes, RFC 1951 3.2.6.
pub const fixed_literals: [288]u8 = @as([144]u8, @splat(8)) ++ @as([112]u8, @splat(9)) ++ @as([24]u8, @splat(7)) ++ @as([8]u8, @splat(8));
pub const fixed_distances: [32]u8 = @splat(5);
