//! The numbers of DEFLATE, RFC 1951 3.2.5 to 3.2.7, which both directions need.

const std = @import("std");

/// The distance that a match may reach back is at most two to the power of this, RFC 7692 7.1.2.
pub const window_bits_min = 8;
pub const window_bits_max = 15;

pub const match_size_min = 3;
pub const match_size_max = 258;

pub const BlockType = enum(u2) { stored, fixed, dynamic, reserved };
pub const stored_size_max = 0xFFFF;

/// Symbols of the literal/length code: the bytes, the end of the block, the lengths.
pub const end_of_block = 256;
pub const first_length = end_of_block + 1;
pub const literal_count = first_length + length_base.len;
pub const distance_count = distance_base.len;

pub const length_base = [29]u16{
    3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23,  27,
    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
};
pub const length_extra = [29]u4{
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
    2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
};
pub const distance_base = [30]u16{
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
};
pub const distance_extra = [30]u4{
    0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
    6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
};

/// No code is longer; that of the code lengths has at most seven bits.
pub const code_size_max = 15;
pub const code_length_size_max = 7;

/// The alphabet of code lengths: a length of 0 to 15, or how often one is repeated.
pub const code_length_count = 19;
pub const repeat_previous = 16;
pub const repeat_zero = 17;
pub const repeat_zero_long = 18;
pub const code_length_order = [code_length_count]u8{ 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };

/// What a repeat stands for: this often, and as often as its extra bits say.
pub const Repeat = struct { base: u8, extra: u4 };
pub fn repeat(symbol: u16) Repeat {
    return switch (symbol) {
        repeat_previous => .{ .base = 3, .extra = 2 },
        repeat_zero => .{ .base = 3, .extra = 3 },
        repeat_zero_long => .{ .base = 11, .extra = 7 },
        else => unreachable,
    };
}

/// The fixed codes have more symbols than may be used, so that they are complete.
pub const fixed_literal_sizes: [288]u8 = sizes: {
    var sizes: [288]u8 = @splat(8);
    @memset(sizes[144..256], 9);
    @memset(sizes[256..280], 7);
    break :sizes sizes;
};
pub const fixed_distance_sizes: [32]u8 = @splat(5);

/// A sync flush is an empty stored block, which ends at a whole byte. A message goes without these last four bytes of
/// it, RFC 7692 7.2.1.
pub const sync_tail = [4]u8{ 0x00, 0x00, 0xFF, 0xFF };
