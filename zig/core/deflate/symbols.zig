//! The symbols of a compressed block, RFC 1951 3.2.3: literals, matches and the end of the block.
//!
//! Where there is input and room to spare a symbol is read without looking for their ends. Elsewhere, one at a time, and
//! a symbol is used only if all of it is there. Indices and slices are checked in both.

const std = @import("std");
const assert = std.debug.assert;
const format = @import("format.zig");
const BitReader = @import("bit_reader.zig").BitReader;
const decode_table = @import("decode_table.zig");
const Entry = decode_table.Entry;
const History = @import("history.zig").History;

const Literals = decode_table.Table(.literals);
const Distances = decode_table.Table(.distances);

pub const Match = struct { size: u16 = 0, distance: u16 = 0 };

pub const Output = struct {
    bytes: []u8,
    /// How many are written. What lies behind them is scratch.
    size: usize,
    history: *const History,

    pub fn room(self: *const Output) usize {
        return self.bytes.len - self.size;
    }

    pub fn append(self: *Output, bytes: []const u8) void {
        @memcpy(self.bytes[self.size..][0..bytes.len], bytes);
        self.size += bytes.len;
    }

    pub fn canReach(self: *const Output, distance: usize) bool {
        return distance <= self.history.reach and distance <= self.size + self.history.size;
    }

    /// Copies as much of a match as there is room for, and takes it off. True if that was all.
    pub fn copy(self: *Output, match: *Match) bool {
        while (match.size > 0) {
            const bytes = self.bytes[self.size..][0..@min(match.size, self.room())];
            if (bytes.len == 0) return false;
            const copied = if (match.distance > self.size)
                self.copyFromHistory(match.distance - self.size, bytes)
            else
                self.copyFromOutput(match.distance, bytes);
            self.size += copied;
            match.size -= @intCast(copied);
        }
        return true;
    }

    fn copyFromHistory(self: *const Output, back: usize, to: []u8) usize {
        const size = @min(back, to.len);
        self.history.read(back, to[0..size]);
        return size;
    }

    fn copyFromOutput(self: *const Output, distance: usize, to: []u8) usize {
        const from = self.bytes[self.size - distance ..][0..to.len]; // may go on in `to`
        if (distance >= to.len) @memcpy(to, from) else for (to, from) |*byte, earlier| byte.* = earlier;
        return to.len;
    }
};

pub const Stop = enum { end_of_block, need_input, need_room, bad_symbol, bad_distance };

/// Reads up to the end of the block. A match for which there is not enough room is left in `match`.
pub fn read(in: *BitReader, out: *Output, literals: *const Literals, distances: *const Distances, match: *Match) Stop {
    while (true) {
        if (in.bytes.len - in.at >= input_margin and out.room() >= output_margin) {
            if (readMany(in, out, literals, distances)) |stop| return stop;
        }
        if (readOne(in, out, literals, distances, match)) |stop| return stop;
    }
}

fn readOne(in: *BitReader, out: *Output, literals: *const Literals, distances: *const Distances, match: *Match) ?Stop {
    in.fill();
    var ahead = in.*;
    const entry = lookUp(&ahead, &literals.entries, literals.root_bits) orelse return .need_input;
    switch (entry.kind) {
        .literal => {
            if (out.room() == 0) return .need_room;
            out.append(&.{@intCast(entry.value)});
        },
        .end_of_block => {
            in.* = ahead;
            return .end_of_block;
        },
        .base => {
            const size = value(&ahead, entry) orelse return .need_input;
            const found = lookUp(&ahead, &distances.entries, distances.root_bits) orelse return .need_input;
            if (found.kind != .base) return .bad_symbol;
            const distance = value(&ahead, found) orelse return .need_input;
            if (!out.canReach(distance)) return .bad_distance;
            match.* = .{ .size = @intCast(size), .distance = @intCast(distance) };
        },
        .second, .invalid => return .bad_symbol,
    }
    in.* = ahead;
    return if (out.copy(match)) null else .need_room;
}

/// The entry of the code that comes next, whose bits are dropped. Null if there are fewer bits than it has. Where bits
/// are missing they read as zeros; then what is found has more bits than there are.
fn lookUp(in: *BitReader, entries: []const Entry, root_bits: u4) ?Entry {
    var entry = entries[in.peek(root_bits)];
    if (entry.kind == .second) {
        if (in.count <= entry.code_bits) return null;
        in.drop(entry.code_bits);
        entry = entries[entry.value + in.peek(entry.extra_bits)];
    }
    if (in.count < entry.code_bits) return null;
    in.drop(entry.code_bits);
    return entry;
}

fn value(in: *BitReader, entry: Entry) ?usize {
    if (in.count < entry.extra_bits) return null;
    return entry.value + in.take(entry.extra_bits);
}

/// One load of the bit reader.
const input_margin = 8;
/// A match, and what copying in whole chunks writes behind it; or the literals of one round.
const chunk = 16;
const output_margin = format.match_size_max + chunk;
/// A length with a distance: no more bits than one load promises.
const match_bits_max = format.code_size_max + 5 + format.code_size_max + 13;
const literals_a_round = 3;

comptime {
    assert(match_bits_max <= BitReader.filled);
    assert(literals_a_round * @as(u32, Literals.root_bits_max) + Literals.root_bits_max <= BitReader.filled);
    assert(literals_a_round < output_margin);
}

/// Reads while both margins are there; null when they are not any more.
fn readMany(input: *BitReader, output: *Output, literals: *const Literals, distances: *const Distances) ?Stop {
    // In registers, not in memory that stores of bytes might change.
    var in = input.*;
    var out = output.*;
    defer {
        input.* = in;
        output.size = out.size;
    }
    while (in.bytes.len - in.at >= input_margin and out.room() >= output_margin) {
        in.fillWord();
        var entry = literals.entries[in.peek(literals.root_bits)];
        inline for (0..literals_a_round) |_| {
            if (entry.kind == .literal) {
                in.drop(entry.code_bits);
                out.bytes[out.size] = @intCast(entry.value);
                out.size += 1;
                entry = literals.entries[in.peek(literals.root_bits)];
            }
        }
        if (entry.kind == .literal) continue;
        if (in.count < match_bits_max) {
            if (in.bytes.len - in.at < input_margin) break;
            in.fillWord();
        }
        entry = lookUpMany(&in, &literals.entries, entry);
        switch (entry.kind) {
            .literal => {
                out.bytes[out.size] = @intCast(entry.value);
                out.size += 1;
                continue;
            },
            .end_of_block => return .end_of_block,
            .base => {},
            .second, .invalid => return .bad_symbol,
        }
        const size = entry.value + in.take(entry.extra_bits);
        const found = lookUpMany(&in, &distances.entries, distances.entries[in.peek(distances.root_bits)]);
        if (found.kind != .base) return .bad_symbol;
        const distance = found.value + in.take(found.extra_bits);
        if (!out.canReach(distance)) return .bad_distance;
        if (distance > out.size) {
            if (copyChunksFromHistory(&out, distance - out.size, size)) {
                out.size += size;
                continue;
            }
            var match: Match = .{ .size = @intCast(size), .distance = @intCast(distance) };
            const is_whole = out.copy(&match);
            assert(is_whole);
        } else {
            copyChunks(out.bytes, out.size, distance, size);
            out.size += size;
        }
    }
    return null;
}

/// As `lookUp`, where the bits are there.
inline fn lookUpMany(in: *BitReader, entries: []const Entry, first: Entry) Entry {
    var entry = first;
    if (entry.kind == .second) {
        in.drop(entry.code_bits);
        entry = entries[entry.value + in.peek(entry.extra_bits)];
    }
    in.drop(entry.code_bits);
    return entry;
}

/// Copies a match as `copyChunks` does, if all of it lies in the window in one piece, with a chunk of room behind it.
inline fn copyChunksFromHistory(out: *const Output, back: usize, size: usize) bool {
    if (back < size) return false; // it goes on in the output
    const from = out.history.piece(back, size + chunk) orelse return false;
    const to = out.bytes[out.size..][0 .. size + chunk];
    var at: usize = 0;
    while (at < size) : (at += chunk) to[at..][0..chunk].* = from[at..][0..chunk].*;
    return true;
}

/// Copies a match of `size` bytes to `bytes[at..]`, and up to a chunk of anything behind it.
inline fn copyChunks(bytes: []u8, at: usize, distance: usize, size: usize) void {
    const end = at + size;
    var to = at;
    if (distance >= chunk) {
        while (to < end) : (to += chunk) bytes[to..][0..chunk].* = bytes[to - distance ..][0..chunk].*;
    } else if (distance == 1) {
        @memset(bytes[at..end], bytes[at - 1]);
    } else {
        while (to < end) : (to += 1) bytes[to] = bytes[to - distance];
    }
}
