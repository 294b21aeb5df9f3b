//! Prefix codes for a block, RFC 1951 3.2.2: from how often symbols occur to the sizes of their codes, and from the sizes
//! to the codes.

const std = @import("std");
const assert = std.debug.assert;
const format = @import("format.zig");

pub const Code = struct { bits: u16 = 0, size: u8 = 0 };

/// How often a symbol may occur in all: an item of the sort has the symbol in its lower bits.
pub const total_max = (1 << (32 - symbol_bits)) - 1;
const symbol_bits = 9;
const symbols_max = format.literal_count;

/// Sizes of a code in which frequent symbols are short, none longer than `size_max`, and those that do not occur have
/// none. The code is complete and has two symbols at least: not every inflater takes less.
pub fn chooseSizes(counts: []const u32, sizes: []u8, size_max: u4) void {
    var items_buffer: [symbols_max]u32 = undefined;
    var item_count: usize = 0;
    for (counts, 0..) |count, symbol| {
        if (count == 0) continue;
        items_buffer[item_count] = count << symbol_bits | @as(u32, @intCast(symbol));
        item_count += 1;
    }
    const items = items_buffer[0..item_count];
    @memset(sizes, 0);
    if (items.len < 2) {
        const symbol = if (items.len == 1) symbolOf(items[0]) else 0;
        sizes[symbol] = 1;
        sizes[if (symbol == 0) 1 else 0] = 1;
        return;
    }
    sort(items);
    var size_counts: [format.code_size_max + 1]u16 = @splat(0);
    countSizes(items, size_max, &size_counts);
    limit(size_max, &size_counts);
    // The longest codes to the rarest symbols.
    var at: usize = 0;
    var size: usize = size_max;
    while (size > 0) : (size -= 1) {
        for (items[at..][0..size_counts[size]]) |item| sizes[symbolOf(item)] = @intCast(size);
        at += size_counts[size];
    }
    assert(at == items.len);
}

/// By count. Most counts are small: those are counted, and only the rest is compared.
fn sort(items: []u32) void {
    const small = 64;
    var starts: [small]u16 = @splat(0);
    for (items) |item| starts[@min(item >> symbol_bits, small - 1)] += 1;
    var total: u16 = 0;
    for (&starts) |*start| {
        const count = start.*;
        start.* = total;
        total += count;
    }
    const first_large = starts[small - 1];
    var unsorted: [symbols_max]u32 = undefined;
    @memcpy(unsorted[0..items.len], items);
    for (unsorted[0..items.len]) |item| {
        const start = &starts[@min(item >> symbol_bits, small - 1)];
        items[start.*] = item;
        start.* += 1;
    }
    std.sort.pdq(u32, items[first_large..], {}, std.sort.asc(u32));
}

fn symbolOf(item: u32) usize {
    return item & ((1 << symbol_bits) - 1);
}

/// Huffman's algorithm with two queues: the symbols by weight, and the pairs that were made, which come by weight too.
/// Sizes above `size_max` count as that.
fn countSizes(items: []const u32, size_max: u4, size_counts: *[format.code_size_max + 1]u16) void {
    var weights: [symbols_max]u32 = undefined;
    var parents: [symbols_max]u16 = undefined; // of pairs
    var leaf_parents: [symbols_max]u16 = undefined;
    var leaf: usize = 0;
    var pair: usize = 0;
    const pair_count = items.len - 1;
    for (0..pair_count) |made| {
        var weight: u32 = 0;
        for (0..2) |_| {
            if (pair == made or (leaf < items.len and items[leaf] >> symbol_bits <= weights[pair])) {
                weight += items[leaf] >> symbol_bits;
                leaf_parents[leaf] = @intCast(made);
                leaf += 1;
            } else {
                weight += weights[pair];
                parents[pair] = @intCast(made);
                pair += 1;
            }
        }
        weights[made] = weight;
    }
    // The last pair is the root; every other one is a step deeper than its parent.
    var depths: [symbols_max]u16 = undefined;
    depths[pair_count - 1] = 0;
    var at = pair_count - 1;
    while (at > 0) {
        at -= 1;
        depths[at] = depths[parents[at]] + 1;
    }
    for (leaf_parents[0..items.len]) |parent| size_counts[@min(depths[parent] + 1, size_max)] += 1;
}

/// Makes the code possible again that `countSizes` cut off at `size_max`: a leaf of the longest code below that gets a
/// sibling, which is one of those at `size_max`, until no more bits are used up than there are.
fn limit(size_max: u4, size_counts: *[format.code_size_max + 1]u16) void {
    const all = @as(u32, 1) << size_max;
    var used: u32 = 0;
    for (size_counts[1..][0..size_max], 1..) |count, size| used += @as(u32, count) << @intCast(size_max - size);
    while (used > all) : (used -= 1) {
        var size = size_max - 1;
        while (size_counts[size] == 0) size -= 1;
        size_counts[size] -= 1;
        size_counts[size + 1] += 2;
        size_counts[size_max] -= 1;
    }
}

/// The codes of these sizes, with their bits in the order of the stream.
pub fn makeCodes(sizes: []const u8, codes: []Code) void {
    var counts: [format.code_size_max + 1]u16 = @splat(0);
    for (sizes) |size| counts[size] += 1;
    counts[0] = 0;
    var next: [format.code_size_max + 1]u16 = @splat(0);
    for (next[1..], 0..) |*first, shorter| first.* = (next[shorter] + counts[shorter]) << 1;
    for (sizes, codes) |size, *code| {
        if (size == 0) {
            code.* = .{};
            continue;
        }
        code.* = .{ .bits = @bitReverse(next[size]) >> @intCast(16 - size), .size = size };
        next[size] += 1;
    }
}
