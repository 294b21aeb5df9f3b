//! Codec: what the connections of an event loop share to compress and to inflate, made when the first of them wants it. A
//! connection keeps its windows alone.

const std = @import("std");
const core = @import("core");
const o = @import("cpython").object;
const chunks = @import("chunk.zig");
const LoopState = @import("loop_state.zig").LoopState;
const Chunk = chunks.Chunk;
const Room = chunks.Room;
const Error = o.Error;

/// The size with which a chunk for inflated bytes begins. A chunk that has grown beyond the second number is not kept.
const plain_size_min = 32 * 1024;
const plain_size_kept = 256 * 1024;
/// If somebody kept frames, the next one needs at least this much room behind them.
const plain_rest_min = 8 * 1024;

pub const Codec = struct {
    tables: core.inflate.Tables,
    block: core.deflate.Block,
    /// Inflated bytes go here, from `plain_start` on. In front of it stand frames that somebody kept.
    plain: ?*Chunk = null,
    plain_start: usize = 0,
    /// Compresses messages that go to many connections. They do not refer to earlier messages.
    shared: ?core.permessage.Sender = null,
    shared_settings: Settings = undefined,
    shared_memory: []u8 = undefined,

    pub fn of(loop: *LoopState) Error!*Codec {
        if (loop.codec) |codec| return codec;
        const memory = try o.allocateBytes(@sizeOf(Codec));
        const codec: *Codec = @ptrCast(@alignCast(memory.ptr));
        codec.plain = null;
        codec.plain_start = 0;
        codec.shared = null;
        loop.codec = codec;
        return codec;
    }

    pub fn deinit(self: *Codec) void {
        o.clear(&self.plain);
        if (self.shared != null) o.freeBytes(self.shared_memory);
        o.freeBytes(std.mem.asBytes(self));
    }

    /// Memory to inflate into. It is the caller's until `keepPlain`; code that runs in between gets another chunk.
    pub fn takePlain(self: *Codec, loop: *LoopState) Error!Room {
        const chunk = self.plain orelse {
            const made = try Chunk.create(loop.state, plain_size_min);
            return .{ .chunk = made, .start = 0, .end = plain_size_min };
        };
        self.plain = null;
        chunk.escaped = false;
        return .{ .chunk = chunk, .start = self.plain_start, .end = chunk.capacity };
    }

    /// The room is full and more is needed. Returns twice as much, beginning with the same bytes.
    pub fn enlarge(loop: *LoopState, room: *Room) Error!void {
        const size = room.end - room.start;
        const wanted = @max(2 * size, plain_size_min);
        if (room.start == 0) { // nobody sees any of it
            try room.chunk.grow(wanted);
        } else {
            const larger = try Chunk.create(loop.state, wanted);
            @memcpy(larger.data[0..size], room.bytes());
            o.decref(room.chunk);
            room.chunk = larger;
        }
        room.* = .{ .chunk = room.chunk, .start = 0, .end = wanted };
    }

    /// The first `size` bytes of the room were delivered. If somebody kept them, they stay where they are.
    pub fn keepPlain(self: *Codec, room: Room, size: usize) void {
        const chunk = room.chunk;
        const start = if (chunk.escaped) std.mem.alignForward(usize, room.start + size + chunks.padding, 16) else room.start;
        if (chunk.capacity > plain_size_kept or start + plain_rest_min > chunk.capacity) return o.decref(chunk);
        o.clear(&self.plain);
        self.plain = chunk;
        self.plain_start = start;
    }

    /// Compresses messages that do not refer to earlier ones, with the window and the level of these options.
    pub fn sharedSender(self: *Codec, options: core.compressor.Options) Error!*core.permessage.Sender {
        const settings: Settings = .{ .window_bits = options.direction.window_bits, .level = options.level };
        if (self.shared == null or !std.meta.eql(self.shared_settings, settings)) {
            const direction: core.permessage.Direction = .{ .window_bits = settings.window_bits, .takeover = false };
            const memory = try o.allocateBytes(core.permessage.Sender.memorySize(direction, settings.level));
            if (self.shared != null) o.freeBytes(self.shared_memory);
            self.shared_memory = memory;
            self.shared_settings = settings;
            self.shared = .init(direction, settings.level, @alignCast(memory));
        }
        return &self.shared.?;
    }
};

const Settings = struct { window_bits: u4, level: u4 };

comptime {
    // PyMem_Malloc gives no more.
    std.debug.assert(@alignOf(Codec) <= 8);
}
