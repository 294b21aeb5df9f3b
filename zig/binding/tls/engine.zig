//! Engine: TLS of one connection, without its socket. Ciphertext goes in and comes out, and so does plaintext; the keys, the
//! certificates and all that users see is an ssl.SSLObject's, made by the user's own context.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const libssl = @import("libssl.zig");
const steps = @import("step.zig");
const Direct = @import("direct.zig").Direct;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const Objects = @import("objects.zig").Objects;
const outers = @import("outer.zig");
const Pipe = @import("pipe.zig").Pipe;
const Room = @import("../memory/chunk.zig").Room;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const Step = steps.Step;
pub const Opened = outers.Opened;

/// How far a connection is: one after the other, and from everywhere to `lost`.
pub const Phase = enum(u8) { handshake, open, closing, lost };

/// Who runs OpenSSL: we, or Python's objects.
pub const Kind = enum(u8) { direct, objects };

pub const Engine = struct {
    state: *State,
    /// Of the connection's event loop; borrowed from its endpoint.
    loop: *LoopState,
    /// The ssl.SSLObject.
    object: *Object,
    phase: Phase = .handshake,
    pipe: Pipe = .{},
    /// TLS with a proxy, inside of which this runs.
    outer: ?*outers.Outer = null,
    backend: union(Kind) { direct: Direct, objects: Objects },

    /// `wrap(incoming, outgoing)` makes an ssl.SSLObject, as SSLContext.wrap_bio() does. Python's objects also where
    /// something else was asked for and there is doubt. Does not move: OpenSSL knows where it is.
    pub fn create(self: *Engine, loop: *LoopState, wrap: *Object, wanted: Kind) Error!void {
        const state = loop.state;
        const incoming = try o.call(state.imports.MemoryBIO, .{});
        errdefer o.decref(incoming);
        const outgoing = try o.call(state.imports.MemoryBIO, .{});
        errdefer o.decref(outgoing);
        var seen: libssl.Seen = .{};
        const library = if (wanted == .direct) libssl.find() else null;
        const object = made: {
            if (library != null) libssl.arm(&seen);
            defer libssl.disarm();
            break :made try o.call(wrap, .{ incoming, outgoing });
        };
        errdefer o.decref(object);
        self.* = .{ .state = state, .loop = loop, .object = object, .backend = undefined };
        if (library) |found| {
            if (try Direct.create(found, state, object, &seen, &self.pipe)) |direct| {
                self.backend = .{ .direct = direct };
                o.decref(incoming);
                o.decref(outgoing);
                return;
            }
        }
        self.backend = .{ .objects = .{ .state = state, .object = object, .incoming = incoming, .outgoing = outgoing } };
    }

    /// Goes on with TLS whose handshake is done.
    pub fn adopt(self: *Engine, loop: *LoopState, opened: Opened) void {
        self.* = .{ .state = loop.state, .loop = loop, .object = o.incref(opened.object), .phase = .open, .backend = .{ .objects = opened.backend(loop.state) } };
    }

    /// Runs inside of other TLS from the beginning.
    pub fn runInside(self: *Engine, opened: Opened) Error!void {
        self.outer = try .create(self.state, opened);
    }

    pub fn destroy(self: *Engine) void {
        if (self.outer) |outer| outer.destroy();
        switch (self.backend) {
            inline else => |*backend| backend.deinit(),
        }
        self.pipe.deinit();
        o.decref(self.object);
    }

    /// Ciphertext arrived. `hold` comes before its memory is used for something else.
    pub fn feed(self: *Engine, data: []const u8) void {
        const pipe = if (self.outer) |outer| &outer.pipe else &self.pipe;
        std.debug.assert(pipe.input.len == 0);
        pipe.input = data;
    }

    pub fn hold(self: *Engine) Error!void {
        if (self.phase == .closing or self.phase == .lost) {
            self.pipe.input = "";
            if (self.outer) |outer| outer.pipe.input = "";
        }
        try self.pipe.hold();
        if (self.outer) |outer| try outer.hold();
    }

    /// Whether there is something to read that arrived already.
    pub fn hasInput(self: *const Engine) bool {
        if (self.outer) |outer| if (outer.hasInput()) return true;
        return self.pipe.input.len > 0 or switch (self.backend) {
            inline else => |*backend| backend.has_record,
        };
    }

    /// Goes on with the handshake; `count` if it is done.
    pub fn handshake(self: *Engine) Error!Step {
        try self.pipe.open(self.loop);
        if (self.outer) |outer| {
            if (self.pipe.input.len == 0 and try outer.read(&self.pipe) == .ended) return .ended;
        }
        return switch (self.backend) {
            inline else => |*backend| backend.handshake(&self.pipe),
        };
    }

    /// Decrypts into memory, as much as there is of one record or more; `want_read` if nothing is left.
    pub fn read(self: *Engine, memory: Room) Error!Step {
        try self.pipe.open(self.loop);
        while (true) {
            const step = try switch (self.backend) {
                inline else => |*backend| backend.read(&self.pipe, memory),
            };
            const outer = if (step == .want_read) self.outer orelse return step else return step;
            const outer_step = try outer.read(&self.pipe);
            if (outer_step != .count) return outer_step;
        }
    }

    /// Encrypts the first bytes of what is not empty; `count` says how many.
    pub fn write(self: *Engine, data: []const u8) Error!Step {
        try self.pipe.open(self.loop);
        return switch (self.backend) {
            inline else => |*backend| backend.write(data),
        };
    }

    /// Whether what is to be sent should go before more is written.
    pub fn isFull(self: *const Engine) bool {
        if (self.outer != null) return true;
        return switch (self.backend) {
            .objects => true,
            .direct => self.pipe.gathered > loop_scratch_full,
        };
    }

    /// close_notify, once.
    pub fn shutdown(self: *Engine) Error!void {
        try self.pipe.open(self.loop);
        switch (self.backend) {
            inline else => |*backend| try backend.shutdown(),
        }
    }

    /// What is to be sent, until `taken`.
    pub fn output(self: *Engine) Error![]const u8 {
        const outer = self.outer orelse return self.ownOutput();
        try outer.write(try self.ownOutput());
        return outer.objects.output();
    }

    fn ownOutput(self: *Engine) Error![]const u8 {
        return switch (self.backend) {
            .objects => |*objects| objects.output(),
            .direct => self.pipe.output(),
        };
    }

    pub fn taken(self: *Engine) void {
        if (self.outer) |outer| outer.objects.taken();
        if (self.backend == .objects) self.backend.objects.taken();
        self.pipe.close(self.loop);
    }

    pub fn visit(self: *const Engine, proc: c.visitproc, arg: ?*anyopaque) c_int {
        const status = o.visit(self.object, proc, arg);
        if (status != 0) return status;
        if (self.outer) |outer| {
            const outer_status = outer.visit(proc, arg);
            if (outer_status != 0) return outer_status;
        }
        return switch (self.backend) {
            inline else => |*backend| backend.visit(proc, arg),
        };
    }

    /// What get_extra_info() tells of TLS (a new reference), null for a name that is not about it.
    pub fn info(self: *Engine, name: *Object) Error!?*Object {
        const names = &self.state.names;
        if (o.isText(name, "ssl_object")) return o.incref(self.object);
        if (o.isText(name, "sslcontext")) return try o.check(c.PyObject_GetAttr(self.object, names.context));
        if (o.isText(name, "picows.tls")) return try o.text(@tagName(self.backend));
        if (o.isText(name, "peercert")) return try o.callMethod(self.object, names.getpeercert, .{});
        if (o.isText(name, "cipher")) return try o.callMethod(self.object, names.cipher, .{});
        if (o.isText(name, "compression")) return try o.callMethod(self.object, names.compression, .{});
        return null;
    }
};

/// One more record might not fit.
const loop_scratch_full = @import("../memory/loop_state.zig").scratch_size - 32 * 1024;
