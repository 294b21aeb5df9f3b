//! Frames that are sent while the callbacks of one read run, if `coalesce_sends` asks for it: they stand one behind the other in a
//! chunk of the event loop, for one write after the last callback.

const o = @import("cpython").object;
const Chunk = @import("../memory/chunk.zig").Chunk;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const Error = o.Error;

/// The most that is gathered. It is a chunk of the loop as it has them for outgoing frames.
const size_max = 64 * 1024;
/// Larger frames are written on their own, behind what was gathered: another copy of them would cost more than a call.
pub const frame_size_max = 16 * 1024;

pub const Gathered = struct {
    chunk: ?*Chunk = null,
    size: usize = 0,

    /// Memory for one more frame of `size` bytes.
    pub fn room(self: *Gathered, loop: *LoopState, size: usize) Error![]u8 {
        if (self.chunk == null) self.chunk = try loop.takeOutput(size_max);
        return self.chunk.?.data[self.size..][0..size];
    }

    /// Whether there may be no room for another frame.
    pub fn isFull(self: *const Gathered) bool {
        return self.size > size_max - frame_size_max;
    }

    /// What was gathered, which is the caller's. Gathering goes on with nothing.
    pub fn take(self: *Gathered) Gathered {
        defer self.* = .{};
        return self.*;
    }

    pub fn giveBack(self: Gathered, loop: *LoopState) void {
        if (self.chunk) |chunk| loop.keepOutput(chunk);
    }

    /// Frees the memory, in whatever thread the last reference to the connection was given up.
    pub fn deinit(self: *Gathered) void {
        o.clear(&self.chunk);
        self.size = 0;
    }
};
