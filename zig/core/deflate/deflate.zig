//! Deflate, RFC 1951, for messages: what goes in with one call comes out with it, whole. No allocation.
//!
//! Memory. `Deflate` and the memory lent to it, `memorySize` bytes, are what a connection keeps; a `Block` is needed during
//! a call alone, so that one of them serves all connections of a thread. The same `Deflate` without a past
//! (`forget`) costs no more than going on, so that one serves all messages that refer to nothing before them.

const std = @import("std");
const assert = std.debug.assert;
const format = @import("format.zig");
const BitWriter = @import("bit_writer.zig").BitWriter;
pub const Block = @import("block.zig").Block;
const matcher = @import("matcher.zig");

pub const window_bits_min = format.window_bits_min;
pub const window_bits_max = format.window_bits_max;
pub const level_min = 1;
pub const level_max = 9;
pub const level_default = 6;

pub const Settings = struct {
    /// 1 is the fastest, 9 the smallest.
    level: u4 = level_default,
    /// No match reaches further back than two to the power of this: 8 to 15.
    window_bits: u4 = format.window_bits_max,

    fn isChained(self: Settings) bool {
        return self.level > 1;
    }

    fn windowSize(self: Settings) u16 {
        return @as(u16, 1) << self.window_bits;
    }

    /// What is deflated before the window moves.
    fn roomSize(self: Settings) usize {
        return @max(self.windowSize() / 4, 1024);
    }

    /// A chain finds what shares its hash with others; without one it is lost.
    fn hashBits(self: Settings) u4 {
        return @min(self.window_bits - @as(u4, if (self.isChained()) 2 else 1), 13);
    }
};

/// By level, from 1 on.
const efforts = [level_max]matcher.Effort{
    .{ .depth = 1, .nice = 258, .skip_after = 64 },
    .{ .depth = 4, .nice = 16, .skip_after = 256 },
    .{ .depth = 8, .nice = 32, .skip_after = 256 },
    .{ .depth = 4, .nice = 32, .lazy = 8, .skip_after = 256 },
    .{ .depth = 8, .nice = 64, .lazy = 16, .skip_after = 256 },
    .{ .depth = 16, .nice = 128, .lazy = 32, .skip_after = 256 },
    .{ .depth = 48, .nice = 128, .lazy = 64 },
    .{ .depth = 128, .nice = 258, .lazy = 128 },
    .{ .depth = 1024, .nice = 258, .lazy = 258 },
};

pub const Flush = enum {
    /// More of the message follows. Fewer than eight bits may be left for the next call.
    none,
    /// The peer can read all of it now, and more follows: it ends with `format.sync_tail`.
    sync,
    /// The end of a message: as `sync`, without the tail, RFC 7692 7.2.1.
    message,
};

pub const Deflate = struct {
    matcher: matcher.Matcher,
    effort: matcher.Effort,
    /// Of a byte that was begun.
    bits: u8 = 0,
    bit_count: u8 = 0,

    /// What a connection lends for as long as it may deflate.
    pub fn memorySize(settings: Settings) usize {
        const window: usize = settings.windowSize();
        const index = (@as(usize, 1) << settings.hashBits()) + if (settings.isChained()) window else 0;
        return @sizeOf(u16) * index + window + settings.roomSize() + matcher.Matcher.spare;
    }

    pub fn init(settings: Settings, memory: []align(@alignOf(u16)) u8) Deflate {
        assert(level_min <= settings.level and settings.level <= level_max);
        assert(settings.window_bits >= format.window_bits_min);
        assert(memory.len == memorySize(settings));
        const index_size = @as(usize, @sizeOf(u16)) << settings.hashBits();
        const chain_size: usize = if (settings.isChained()) @sizeOf(u16) * @as(usize, settings.windowSize()) else 0;
        @memset(memory, 0);
        return .{
            .effort = efforts[settings.level - 1],
            .matcher = .{
                .heads = @alignCast(std.mem.bytesAsSlice(u16, memory[0..index_size])),
                .chain = @alignCast(std.mem.bytesAsSlice(u16, memory[index_size..][0..chain_size])),
                .bytes = memory[index_size + chain_size ..],
                .window_size = settings.windowSize(),
                .hash_shift = @intCast(32 - @as(u6, settings.hashBits())),
            },
        };
    }

    /// Room that is always enough for what `run` writes for `size` bytes.
    pub fn bound(size: usize) usize {
        const blocks = size / Block.symbols_max + 1;
        return size + blocks * Block.overhead(0) + Block.overhead(size) + format.sync_tail.len + 1 + BitWriter.spare;
    }

    /// Deflates all of `bytes` into `out`, which has `bound(bytes.len)` bytes of room. Returns how many were written.
    pub fn run(self: *Deflate, block: *Block, bytes: []const u8, out: []u8, flush: Flush) usize {
        assert(out.len >= bound(bytes.len));
        var to: BitWriter = .{ .bytes = out, .bits = self.bits, .count = self.bit_count };
        block.clear();
        var taken: usize = 0;
        var written: usize = 0;
        while (written < bytes.len) {
            taken += self.matcher.take(bytes[taken..]);
            // As long as there is more, no match is cut off where the room ends.
            const ahead: usize = if (taken < bytes.len) format.match_size_max else 0;
            while (self.matcher.at < self.matcher.end - ahead) {
                self.matcher.run(self.effort, block, self.matcher.end - ahead);
                const found = taken - (self.matcher.end - self.matcher.at);
                if (block.isFull() or found == bytes.len) {
                    block.write(&to, bytes[written..found]);
                    written = found;
                }
            }
        }
        if (flush != .none) {
            to.put(0, 3); // an empty stored block
            to.alignToByte();
            if (flush == .sync) to.append(&format.sync_tail);
        }
        self.bits = @intCast(to.bits);
        self.bit_count = @intCast(to.count);
        return to.at;
    }

    /// The next message may refer to `bytes`, which the peer has in its window from another deflater.
    pub fn enter(self: *Deflate, bytes: []const u8) void {
        assert(self.bit_count == 0);
        self.matcher.enter(bytes);
    }

    /// The next message refers to nothing before it: no context takeover, RFC 7692 7.1.1.
    pub fn forget(self: *Deflate) void {
        assert(self.bit_count == 0);
        self.matcher.forget();
    }
};
