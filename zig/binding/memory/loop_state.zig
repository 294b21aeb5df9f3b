//! What the connections of one event loop share: memory to receive into and to build frames in, masking keys, a spare
//! frame object. An event loop runs in one thread, so nothing here is locked.
//!
//! New memory of some hundred KiB costs more than its use, because the kernel zeroes it page by page. So the state keeps one
//! chunk of each kind for the next connection that needs one. `kept_size_max` bounds what an event loop holds.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const State = @import("../state/state.zig").State;
const chunks = @import("chunk.zig");
const Chunk = chunks.Chunk;
const Codec = @import("codec.zig").Codec;
const Room = chunks.Room;
const Object = o.Object;
const Error = o.Error;

/// The size with which the shared receive chunk begins. One read takes at most this much, unless the connection has had larger
/// frames.
pub const chunk_size = 256 * 1024;
/// The size with which the chunk for outgoing frames begins.
const output_size_min = 64 * 1024;
/// How much ciphertext one read takes, and how much is gathered for one send.
pub const scratch_size = 256 * 1024;
/// Chunks above this are not kept.
pub const kept_size_max = 4 * 1024 * 1024;

pub const LoopState = extern struct {
    ob: Object,
    state: *State,
    chunk: ?*Chunk,
    /// A memoryview of the start of the chunk, for every connection without left-over bytes. Made when it is first needed.
    view: ?*Object,
    /// Frames of the chunk are being delivered. A read in the meantime needs another chunk.
    lent: bool,
    /// A WSFrame that nobody else holds.
    spare_frame: ?*Object,
    /// The thread that made the spare frame.
    spare_thread: c_ulong,
    keys: *core.KeyStream,
    /// Where outgoing frames are built.
    output: ?*Chunk,
    /// A spare chunk for the next frame that is too large for the shared one.
    spare_large: ?*Chunk,
    /// Chunks for ciphertext: one for received bytes, one for bytes to be sent.
    scratch: [2]?*Chunk,
    /// For connections that compress. Made when it is first needed.
    codec: ?*Codec,
    /// The Hub, which watches the connections of our own TCP transport. Borrowed: it belongs to the event loop.
    hub: ?*Object,
    /// How many forks lie between this process and the one that made this object. It tells connections of a parent process from
    /// our own.
    fork_count: u32,
    /// When this event loop is closed, it closes the sockets of its transports without telling anybody.
    closes_sockets: bool,
    /// The event loop is uvloop. libuv stops watching a socket once it has reported an error of it, and uvloop's transports
    /// swallow KeyboardInterrupt.
    is_libuv: bool,

    /// Memory to receive into: `size` bytes, of which the first `prefix` are there already.
    pub fn room(self: *LoopState, prefix: []const u8, size: usize) Error!Room {
        const is_free = if (self.chunk) |chunk| !self.lent and chunk.capacity >= size else false;
        if (!is_free) try self.renew(@max(size, chunk_size));
        const chunk = self.chunk.?;
        @memcpy(chunk.data[0..prefix.len], prefix);
        return .{ .chunk = chunk, .start = prefix.len, .end = size };
    }

    /// The memory as a writable memoryview (a new reference), for an event loop that receives for us.
    pub fn viewOf(self: *LoopState, memory: Room) Error!*Object {
        const is_usual = memory.chunk == self.chunk and memory.start == 0 and memory.end == chunk_size;
        if (!is_usual) return memory.chunk.view(memory.start, memory.end);
        if (self.view == null) self.view = try memory.chunk.view(0, memory.end);
        return o.incref(self.view.?);
    }

    fn renew(self: *LoopState, size: usize) Error!void {
        const chunk = try self.largeFor(size, size);
        self.drop();
        self.chunk = chunk;
        self.lent = false;
    }

    fn drop(self: *LoopState) void {
        o.clear(&self.view);
        o.clear(&self.chunk);
    }

    /// Lends the chunk that was received into, for delivery. `giveBack` ends the loan.
    pub fn lend(self: *LoopState) *Chunk {
        self.lent = true;
        return o.incref(self.chunk.?);
    }

    /// Gives the chunk to a connection: all that it received there is the start of a large frame.
    pub fn leave(self: *LoopState, chunk: *Chunk) bool {
        if (self.chunk != chunk) return false;
        _ = o.incref(chunk);
        self.drop();
        return true;
    }

    pub fn giveBack(self: *LoopState, chunk: *Chunk) void {
        if (self.chunk == chunk) {
            self.lent = false;
            if (chunk.escaped) self.drop();
        }
        o.decref(chunk);
    }

    /// Hands the spare frame, if there is one, to the caller. Without a GIL only the thread that made an object can tell whether
    /// nobody else holds it. So a loop that goes on in another thread begins with a new frame.
    pub fn takeSpareFrame(self: *LoopState) ?*Object {
        if (c.is_free_threaded) {
            const thread = c.PyThread_get_thread_ident();
            if (thread != self.spare_thread) o.clear(&self.spare_frame);
            self.spare_thread = thread;
        }
        defer self.spare_frame = null;
        return self.spare_frame;
    }

    pub fn nextKey(self: *LoopState) [4]u8 {
        return self.keys.next();
    }

    /// A chunk with room for an outgoing frame of `size` bytes. It is the caller's until `keepOutput`; code that runs in between
    /// and sends too gets another one.
    pub fn takeOutput(self: *LoopState, size: usize) Error!*Chunk {
        if (self.output) |chunk| {
            self.output = null;
            if (chunk.capacity >= size) return chunk;
            o.decref(chunk);
        }
        return Chunk.create(self.state, @max(size, output_size_min));
    }

    /// Takes the chunk back. It is not kept if somebody still reads it, or if it is very large.
    pub fn keepOutput(self: *LoopState, chunk: *Chunk) void {
        if (chunk.isExported() or chunk.capacity > kept_size_max) return o.decref(chunk);
        o.clear(&self.output);
        self.output = chunk;
    }

    pub const Scratch = enum(u1) { received, sent };

    /// Memory for ciphertext. It is the caller's until `keepScratch`.
    pub fn takeScratch(self: *LoopState, kind: Scratch) Error!*Chunk {
        const place = &self.scratch[@backingInt(kind)];
        const chunk = place.* orelse return Chunk.create(self.state, scratch_size);
        place.* = null;
        return chunk;
    }

    pub fn keepScratch(self: *LoopState, kind: Scratch, chunk: *Chunk) void {
        const place = &self.scratch[@backingInt(kind)];
        if (place.* != null) return o.decref(chunk);
        place.* = chunk;
    }

    /// A chunk (a new reference) for a frame of `size` bytes. It has room for at least `size_min` bytes, and may be larger than
    /// the frame.
    pub fn largeFor(self: *LoopState, size: usize, size_min: usize) Error!*Chunk {
        if (self.spare_large) |chunk| {
            if (chunk.capacity >= @min(size, size_min) and !chunk.escaped) {
                self.spare_large = null;
                return chunk;
            }
        }
        return Chunk.create(self.state, @min(size, size_min));
    }

    /// Takes over a reference to a chunk from `largeFor`, and keeps the chunk if no frame points to it any more. The view that
    /// the event loop has of it does not count: the loop is done with it once it has called buffer_updated().
    pub fn keepLarge(self: *LoopState, chunk: *Chunk) void {
        const is_free = !chunk.escaped and chunk.capacity <= kept_size_max;
        const is_larger = if (self.spare_large) |spare| chunk.capacity > spare.capacity else true;
        if (!is_free or !is_larger) return o.decref(chunk);
        o.clear(&self.spare_large);
        self.spare_large = chunk;
    }
};

const seed_size = core.KeyStream.seed_size;

comptime {
    // PyMem_Malloc gives no more.
    std.debug.assert(@alignOf(core.KeyStream) <= 8);
}

fn readSeed(seed: *Object) Error![seed_size]u8 {
    const data = try o.bytesData(seed);
    if (data.len != seed_size) return errors.raise("ValueError", "a seed must be 32 bytes from os.urandom");
    return data[0..seed_size].*;
}

fn new(class: *c.PyTypeObject, args: *Object, kwargs: ?*Object) callconv(.c) ?*Object {
    return o.toC(create(class, args, kwargs));
}

fn create(class: *c.PyTypeObject, args: *Object, kwargs: ?*Object) Error!*Object {
    const names = [_]?[*:0]const u8{ "seed", "is_libuv", "closes_sockets", null };
    var seed: *Object = undefined;
    var is_libuv: c_int = 0;
    var closes_sockets: c_int = 0;
    if (c.PyArg_ParseTupleAndKeywords(args, kwargs, "O|pp:LoopState", &names, &seed, &is_libuv, &closes_sockets) == 0) return error.Python;
    const seed_bytes = try readSeed(seed);
    const keys = try o.allocateBytes(@sizeOf(core.KeyStream));
    errdefer o.freeBytes(keys);
    const self = try o.allocate(LoopState, @ptrCast(class));
    self.state = @ptrCast(@alignCast(c.PyType_GetModuleState(class).?));
    self.keys = @ptrCast(@alignCast(keys.ptr));
    self.keys.* = .init(seed_bytes);
    self.is_libuv = is_libuv != 0;
    self.closes_sockets = closes_sockets != 0;
    return &self.ob;
}

fn afterFork(self: *LoopState, seed: *Object) callconv(.c) ?*Object {
    const seed_bytes = readSeed(seed) catch return null;
    self.keys.* = .init(seed_bytes);
    self.fork_count +%= 1;
    if (self.hub) |hub| o.callMethodVoid(hub, self.state.names.after_fork, .{}) catch return null;
    return o.none();
}

fn dealloc(self: *LoopState) callconv(.c) void {
    self.drop();
    o.clear(&self.spare_frame);
    o.clear(&self.output);
    o.clear(&self.spare_large);
    for (&self.scratch) |*chunk| o.clear(chunk);
    if (self.codec) |codec| codec.deinit();
    c.PyMem_Free(self.keys);
    o.free(&self.ob);
}

const methods = [_]c.PyMethodDef{
    o.method("after_fork", afterFork, c.METH_O, "after_fork($self, seed, /)\n--\n\nIn the child of a fork: start a new key stream from 32 random bytes, and let go of the parent's connections."),
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.LoopState",
        .basicsize = @sizeOf(LoopState),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
