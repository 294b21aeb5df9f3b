//! Chunk: a reference-counted piece of memory for received bytes, or for bytes to send. Frames, and memoryviews that an event
//! loop keeps, hold it alive. Memory that somebody still sees is never written to again. Everything but the end of an export
//! happens in the thread of its event loop.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// Readable bytes behind the last byte of every payload, for SIMD readers that load past its end.
pub const padding = 64;

pub const Chunk = extern struct {
    ob: Object,
    data: [*]u8,
    /// Bytes without the padding.
    capacity: usize,
    /// What the next memoryview shows.
    view_start: usize,
    view_end: usize,
    /// Live exports through the buffer protocol; while there are any the memory may not move.
    exports: usize,
    /// A frame that outlived its callback points here. Whoever receives into this chunk must then let go of it and take another
    /// one.
    escaped: bool,

    pub fn create(state: *State, capacity: usize) Error!*Chunk {
        const memory = try o.allocateBytes(capacity + padding);
        errdefer o.freeBytes(memory);
        @memset(memory[capacity..], 0);
        const self = try o.allocate(Chunk, state.types.Chunk);
        self.data = memory.ptr;
        self.capacity = capacity;
        self.exports = 0;
        self.escaped = false;
        return self;
    }

    /// A new memoryview of the bytes from `start` to `end`, for an event loop to receive into or to send.
    pub fn view(self: *Chunk, start: usize, end: usize) Error!*Object {
        // Making the memoryview may collect garbage, which runs the user's code. That code could make the loop let go of the
        // chunk.
        const chunk = o.incref(self);
        defer o.decref(chunk);
        self.view_start = start;
        self.view_end = end;
        return o.check(c.PyMemoryView_FromObject(&self.ob));
    }

    pub fn isExported(self: *const Chunk) bool {
        return @atomicLoad(usize, &self.exports, .acquire) > 0;
    }

    /// Enlarges the memory, which may move. Do not call it while the memory is exported.
    pub fn grow(self: *Chunk, capacity: usize) Error!void {
        const memory = c.PyMem_Realloc(self.data, capacity + padding) orelse {
            _ = c.PyErr_NoMemory();
            return error.Python;
        };
        self.data = @ptrCast(memory);
        @memset(self.data[capacity .. capacity + padding], 0);
        self.capacity = capacity;
    }
};

/// A part of a chunk to receive into; whoever gave it out holds the chunk.
pub const Room = struct {
    chunk: *Chunk,
    start: usize,
    end: usize,

    pub fn bytes(self: Room) []u8 {
        return self.chunk.data[self.start..self.end];
    }
};

fn dealloc(self: *Chunk) callconv(.c) void {
    c.PyMem_Free(self.data);
    o.free(&self.ob);
}

fn getBuffer(self: *Chunk, buffer: *c.Py_buffer, flags: c_int) callconv(.c) c_int {
    const size = self.view_end - self.view_start;
    const status = c.PyBuffer_FillInfo(buffer, &self.ob, self.data + self.view_start, @intCast(size), 0, flags);
    if (status == 0) countExports(self, .Add);
    return status;
}

fn releaseBuffer(self: *Chunk, _: *c.Py_buffer) callconv(.c) void {
    countExports(self, .Sub);
}

/// The garbage collector can end an export, in any thread.
fn countExports(self: *Chunk, comptime operation: std.builtin.AtomicRmwOp) void {
    if (c.is_free_threaded) {
        _ = @atomicRmw(usize, &self.exports, operation, 1, .acq_rel);
    } else switch (operation) {
        .Add => self.exports += 1,
        .Sub => self.exports -= 1,
        else => comptime unreachable,
    }
}

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_bf_getbuffer, &getBuffer),
    o.slot(c.Py_bf_releasebuffer, &releaseBuffer),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.Chunk",
        .basicsize = @sizeOf(Chunk),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_DISALLOW_INSTANTIATION | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
