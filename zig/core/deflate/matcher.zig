//! Finds what was there before: the matches of a deflater. A window with room behind it, an index of the positions in it,
//! and two ways of choosing among what they find.
//!
//! Positions are counted modulo 2^16 and never reset: the distance to an entry of the index is the difference, and one
//! that is larger than what can be reached stands for nothing. So neither moving the window nor forgetting it touches
//! the index. An entry may be so old that it looks like a young one; nothing is believed that the bytes do not show.
//!
//! Searching reads through pointers, without checks of bounds, what these make safe: a candidate lies `begin` or further,
//! as its distance is at most `at - begin`; reads begin below `end` and take eight bytes at most, and there are `spare`
//! bytes behind it. All else is checked. What a peer sends never gets here.

const std = @import("std");
const assert = std.debug.assert;
const format = @import("format.zig");
const Block = @import("block.zig").Block;

/// How hard to search.
pub const Effort = struct {
    /// Candidates to look at for each position.
    depth: u16,
    /// Good enough to look no further.
    nice: u16,
    /// A match shorter than this is dropped if the next position has a longer one. 0: the first one is taken.
    lazy: u16 = 0,
    /// Without a match for this many bytes, every other position is looked at; for twice as many, every third. 0: all are.
    skip_after: u16 = 0,
};

pub const Matcher = struct {
    /// The window, then what is to be deflated, then `spare` bytes to read over the end.
    bytes: []u8,
    /// For each hash its latest position.
    heads: []u16,
    /// For each position in the window the one before it with the same hash. Empty if one candidate is enough.
    chain: []u16,
    window_size: u16,
    hash_shift: u5,
    /// The position of bytes[0].
    origin: u16 = 0,
    /// Matches may begin here or later.
    begin: usize = 0,
    /// Symbols stand for all bytes before this one.
    at: usize = 0,
    end: usize = 0,

    pub const spare = 8;
    /// Bytes that are hashed: no shorter match is found.
    const hashed = 4;

    /// Takes as much of `bytes` as there is room for.
    pub fn take(self: *Matcher, bytes: []const u8) usize {
        const room_max = self.bytes.len - spare - self.window_size;
        if (self.bytes.len - spare - self.end < @min(bytes.len, room_max)) self.moveDown();
        const size = @min(bytes.len, self.bytes.len - spare - self.end);
        @memcpy(self.bytes[self.end..][0..size], bytes[0..size]);
        self.end += size;
        return size;
    }

    /// Keeps what can be reached from `at`.
    fn moveDown(self: *Matcher) void {
        const start = @max(self.begin, self.at -| self.window_size);
        const kept = self.bytes[start..self.end];
        @memmove(self.bytes[0..kept.len], kept);
        self.origin +%= @truncate(start);
        self.begin = 0;
        self.at -= start;
        self.end -= start;
    }

    /// What was there before is no longer to be found.
    pub fn forget(self: *Matcher) void {
        assert(self.at == self.end);
        self.begin = self.end;
    }

    /// Makes `bytes` a part of the window, as if there had been symbols for them.
    pub fn enter(self: *Matcher, bytes: []const u8) void {
        assert(self.at == self.end);
        var rest = bytes[bytes.len - @min(bytes.len, self.window_size) ..];
        if (rest.len < bytes.len) self.forget();
        while (rest.len > 0) {
            rest = rest[self.take(rest)..];
            if (self.chain.len > 0) {
                self.insertAll(true, self.at, self.end, 1);
            } else {
                self.insertAll(false, self.at, self.end, 1);
            }
            self.at = self.end;
        }
    }

    /// Makes symbols until the block is full, or until they stand for all bytes up to `stop`, and perhaps beyond.
    pub fn run(self: *Matcher, effort: Effort, block: *Block, stop: usize) void {
        assert(stop <= self.end);
        if (self.chain.len == 0) {
            self.runGreedy(false, effort, block, stop);
        } else if (effort.lazy == 0) {
            self.runGreedy(true, effort, block, stop);
        } else {
            self.runLazy(effort, block, stop);
        }
    }

    fn runGreedy(self: *Matcher, comptime chained: bool, effort: Effort, block: *Block, stop: usize) void {
        var at = self.at;
        defer self.at = at;
        var anchor = at;
        while (at < stop and !block.isFull()) {
            const match = self.find(chained, effort, at, 0);
            if (match.size == 0) {
                at += self.addLiterals(effort, block, at, at - anchor, stop);
                continue;
            }
            block.addMatch(match.size, match.distance);
            self.insertAll(chained, at + 1, at + match.size, if (chained) 1 else 2);
            at += match.size;
            anchor = at;
        }
    }

    fn runLazy(self: *Matcher, effort: Effort, block: *Block, stop: usize) void {
        var at = self.at;
        defer self.at = at;
        var anchor = at;
        while (at < stop and !block.isFull()) {
            var match = self.find(true, effort, at, 0);
            if (match.size == 0) {
                at += self.addLiterals(effort, block, at, at - anchor, stop);
                continue;
            }
            // As long as the next position has a better one, this one is a literal.
            while (match.size < effort.lazy and at + 1 < stop and block.count + 1 < Block.symbols_max) {
                const better = self.find(true, effort, at + 1, match.size);
                if (better.size == 0) {
                    block.addMatch(match.size, match.distance);
                    self.insertAll(true, at + 2, at + match.size, 1);
                    break;
                }
                block.addLiteral(self.bytes[at]);
                at += 1;
                match = better;
            } else {
                block.addMatch(match.size, match.distance);
                self.insertAll(true, at + 1, at + match.size, 1);
            }
            at += match.size;
            anchor = at;
        }
    }

    /// Where there was no match at `at`, and not in `since` bytes before. Returns how many literals there are now.
    inline fn addLiterals(self: *const Matcher, effort: Effort, block: *Block, at: usize, since: usize, stop: usize) usize {
        var count: usize = 1;
        if (effort.skip_after > 0 and since >= effort.skip_after) {
            count = @min(1 + since / effort.skip_after, stop - at, Block.symbols_max - block.count);
        }
        for (self.bytes[at..][0..count]) |byte| block.addLiteral(byte);
        return count;
    }

    const Match = struct { size: usize = 0, distance: usize = 0 };

    /// The longest match at `at` that is longer than `size_min`, if there is one. The position enters the index.
    inline fn find(self: *Matcher, comptime chained: bool, effort: Effort, at: usize, size_min: usize) Match {
        if (self.end - at < hashed) return .{};
        const size_max = @min(format.match_size_max, self.end - at);
        if (size_min >= size_max) return .{};
        const reach = @min(self.window_size, at - self.begin);
        const here = self.bytes[at..].ptr;
        const word = wordAt(here);
        const position = self.origin +% @as(u16, @truncate(at));
        const head = &self.heads[self.hash(word)];
        var distance = position -% head.*;
        head.* = position;
        const mask: u16 = self.window_size - 1;
        if (chained) self.chain[position & mask] = position -% distance;
        var best: Match = .{ .size = @max(size_min, hashed - 1) };
        var tail = wordAt(here + best.size - (hashed - 1));
        var nearer: u16 = 0;
        var left = if (size_min > 0) effort.depth / 2 else effort.depth;
        while (distance > nearer and distance <= reach) {
            const from = here - distance;
            // The last bytes differ more often than the first ones, which have the same hash.
            if (wordAt(from + best.size - (hashed - 1)) == tail and wordAt(from) == word) {
                const size = commonSize(from, here, size_max);
                if (size > best.size) {
                    best = .{ .size = size, .distance = distance };
                    if (size >= effort.nice or size == size_max) break;
                    tail = wordAt(here + best.size - (hashed - 1));
                }
            }
            if (!chained) break;
            left -= 1;
            if (left == 0) break;
            nearer = distance;
            distance = position -% self.chain[(position -% distance) & mask];
        }
        return if (best.distance == 0) .{} else best;
    }

    /// Enters positions into the index that are part of a match.
    inline fn insertAll(self: *Matcher, comptime chained: bool, start: usize, end: usize, step: usize) void {
        const stop = @min(end, self.end -| (hashed - 1));
        const mask: u16 = self.window_size - 1;
        var at = start;
        while (at < stop) : (at += step) {
            const position = self.origin +% @as(u16, @truncate(at));
            const head = &self.heads[self.hash(wordAt(self.bytes[at..].ptr))];
            if (chained) self.chain[position & mask] = head.*;
            head.* = position;
        }
    }

    inline fn hash(self: *const Matcher, word: u32) usize {
        return (word *% 0x9E37_79B1) >> self.hash_shift;
    }
};

inline fn wordAt(bytes: [*]const u8) u32 {
    return std.mem.readInt(u32, bytes[0..4], .little);
}

/// At least four are known to be the same.
inline fn commonSize(from: [*]const u8, here: [*]const u8, size_max: usize) usize {
    var size: usize = Matcher.hashed;
    while (size < size_max) : (size += 8) {
        const one = std.mem.readInt(u64, (from + size)[0..8], .little);
        const other = std.mem.readInt(u64, (here + size)[0..8], .little);
        const difference = one ^ other;
        if (difference != 0) return @min(size_max, size + (@ctz(difference) >> 3));
    }
    return size_max;
}
