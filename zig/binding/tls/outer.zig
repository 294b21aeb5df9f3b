//! TLS inside of TLS: the ciphertext of a connection is the plaintext of another TLS connection, with a proxy, which is open
//! already. Python's objects run that one.

const o = @import("cpython").object;
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const Chunk = @import("../memory/chunk.zig").Chunk;
const Objects = @import("objects.zig").Objects;
const Pipe = @import("pipe.zig").Pipe;
const State = @import("../state/state.zig").State;
const Step = @import("step.zig").Step;
const Object = o.Object;
const Error = o.Error;

/// An ssl.SSLObject whose handshake is done, and its two ssl.MemoryBIOs. Nothing is in them, and what comes next is the
/// beginning of a record.
pub const Opened = struct {
    object: *Object,
    incoming: *Object,
    outgoing: *Object,

    pub fn backend(self: Opened, state: *State) Objects {
        return .{ .state = state, .object = self.object, .incoming = o.incref(self.incoming), .outgoing = o.incref(self.outgoing) };
    }
};

pub const Outer = struct {
    objects: Objects,
    pipe: Pipe = .{},
    /// What was decrypted last, until `hold`.
    chunk: ?*Chunk = null,

    pub fn create(state: *State, opened: Opened) Error!*Outer {
        const memory = try o.allocateBytes(@sizeOf(Outer));
        const self: *Outer = @ptrCast(@alignCast(memory.ptr));
        self.* = .{ .objects = opened.backend(state) };
        _ = o.incref(opened.object);
        return self;
    }

    pub fn destroy(self: *Outer) void {
        o.clear(&self.chunk);
        self.pipe.deinit();
        self.objects.deinit();
        o.decref(self.objects.object);
        c.PyMem_Free(self);
    }

    pub fn visit(self: *const Outer, proc: c.visitproc, arg: ?*anyopaque) c_int {
        const status = o.visit(self.objects.object, proc, arg);
        return if (status != 0) status else self.objects.visit(proc, arg);
    }

    pub fn hasInput(self: *const Outer) bool {
        return self.pipe.input.len > 0 or self.objects.has_record;
    }

    /// Decrypts what there is of a record into `inner`, which has nothing to read.
    pub fn read(self: *Outer, inner: *Pipe) Error!Step {
        const chunk = self.chunk orelse try Chunk.create(self.objects.state, Objects.record_size_max);
        self.chunk = chunk;
        const step = try self.objects.read(&self.pipe, .{ .chunk = chunk, .start = 0, .end = chunk.capacity });
        if (step == .count) inner.input = chunk.data[0..step.count];
        return step;
    }

    /// Encrypts all of it.
    pub fn write(self: *Outer, data: []const u8) Error!void {
        var done: usize = 0;
        while (done < data.len) switch (try self.objects.write(data[done..])) {
            .count => |count| done += count,
            else => return errors.raise("ConnectionError", "the proxy renegotiates TLS, which is not supported around TLS with the server"),
        };
    }

    /// Before the memory that was fed is used for something else, and after `inner` has put aside what it did not read.
    pub fn hold(self: *Outer) Error!void {
        o.clear(&self.chunk);
        try self.pipe.hold();
    }
};
