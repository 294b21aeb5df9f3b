//! The window of an inflater: the last bytes of what was written elsewhere, in a ring.

const std = @import("std");
const assert = std.debug.assert;

pub const History = struct {
    /// The largest distance.
    reach: u16,
    ring: []u8,
    /// Where the next byte goes.
    at: usize = 0,
    /// How many bytes there are: the last ones before `at`, and below that those at the end of the ring.
    size: usize = 0,

    pub fn sizeWith(self: *const History, more: usize) usize {
        return @min(self.reach, self.size +| more);
    }

    /// Appends the end of `bytes`, as much as distances reach.
    pub fn keep(self: *History, bytes: []const u8) void {
        if (bytes.len == 0) return;
        const size = self.sizeWith(bytes.len);
        assert(self.ring.len >= size);
        const fresh = bytes[bytes.len - @min(bytes.len, self.ring.len) ..];
        if (self.at == self.ring.len) self.at = 0;
        const first = @min(fresh.len, self.ring.len - self.at);
        @memcpy(self.ring[self.at..][0..first], fresh[0..first]);
        const rest = fresh[first..];
        @memcpy(self.ring[0..rest.len], rest);
        self.at = if (rest.len > 0) rest.len else self.at + first;
        self.size = @min(size, self.ring.len);
    }

    /// Goes over to another ring, in other memory, which has room for all of it.
    pub fn move(self: *History, ring: []u8) void {
        assert(ring.len >= self.size);
        self.read(self.size, ring[0..self.size]);
        self.ring = ring;
        self.at = self.size;
    }

    pub fn forget(self: *History) void {
        self.at = 0;
        self.size = 0;
    }

    /// The `size` bytes that begin `back` bytes before the end, if they and what is behind them lie in one piece.
    pub inline fn piece(self: *const History, back: usize, size: usize) ?[]const u8 {
        const start = self.indexOf(back);
        return if (self.ring.len - start >= size) self.ring[start..][0..size] else null;
    }

    inline fn indexOf(self: *const History, back: usize) usize {
        return if (back <= self.at) self.at - back else self.at + self.ring.len - back;
    }

    /// Copies bytes that begin `back` bytes before the end.
    pub fn read(self: *const History, back: usize, to: []u8) void {
        assert(back <= self.size and to.len <= back);
        const start = self.indexOf(back);
        const first = @min(to.len, self.ring.len - start);
        @memcpy(to[0..first], self.ring[start..][0..first]);
        @memcpy(to[first..], self.ring[0 .. to.len - first]);
    }
};
