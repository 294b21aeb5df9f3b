//! Ciphertext between a socket and OpenSSL: what arrived and was not looked at yet, and what is to be sent.

const o = @import("cpython").object;
const Chunk = @import("../memory/chunk.zig").Chunk;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const Error = o.Error;

pub const Pipe = struct {
    /// What arrived, in the memory of who received it, or in `held`.
    input: []const u8 = "",
    held: []u8 = &.{},
    /// Where what is to be sent is gathered, from `open` to `close`.
    chunk: ?*Chunk = null,
    gathered: usize = 0,

    /// OpenSSL takes what arrived. This and `put` run without the GIL.
    pub fn take(self: *Pipe, memory: []u8) usize {
        const count = @min(self.input.len, memory.len);
        @memcpy(memory[0..count], self.input[0..count]);
        self.input = self.input[count..];
        return count;
    }

    /// OpenSSL gives what is to be sent; zero if there is no room, or nobody to send it now.
    pub fn put(self: *Pipe, data: []const u8) usize {
        const chunk = self.chunk orelse return 0;
        const count = @min(data.len, chunk.capacity - self.gathered);
        @memcpy(chunk.data[self.gathered..][0..count], data[0..count]);
        self.gathered += count;
        return count;
    }

    pub fn open(self: *Pipe, loop: *LoopState) Error!void {
        if (self.chunk == null) self.chunk = try loop.takeScratch(.sent);
    }

    pub fn output(self: *const Pipe) []const u8 {
        const chunk = self.chunk orelse return "";
        return chunk.data[0..self.gathered];
    }

    pub fn close(self: *Pipe, loop: *LoopState) void {
        self.gathered = 0;
        loop.keepScratch(.sent, self.chunk orelse return);
        self.chunk = null;
    }

    /// The memory that the input stands in is about to be used for something else.
    pub fn hold(self: *Pipe) Error!void {
        if (self.input.len == 0) return self.free();
        if (self.isHeld()) return;
        const held = try o.allocateBytes(self.input.len);
        @memcpy(held, self.input);
        self.free();
        self.held = held;
        self.input = held;
    }

    fn isHeld(self: *const Pipe) bool {
        const start = @intFromPtr(self.held.ptr);
        const at = @intFromPtr(self.input.ptr);
        return self.held.len > 0 and at >= start and at < start + self.held.len;
    }

    fn free(self: *Pipe) void {
        if (self.held.len > 0) o.freeBytes(self.held);
        self.held = &.{};
    }

    pub fn deinit(self: *Pipe) void {
        self.input = "";
        self.free();
        if (self.chunk) |chunk| o.decref(chunk);
        self.chunk = null;
    }
};
