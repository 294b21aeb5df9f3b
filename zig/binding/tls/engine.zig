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
const Pipe = @import("pipe.zig").Pipe;
const Room = @import("../memory/chunk.zig").Room;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const Step = steps.Step;

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

    pub fn destroy(self: *Engine) void {
        switch (self.backend) {
            inline else => |*backend| backend.deinit(),
        }
        self.pipe.deinit();
        o.decref(self.object);
    }

    /// Ciphertext arrived. `hold` comes before its memory is used for something else.
    pub fn feed(self: *Engine, data: []const u8) void {
        std.debug.assert(self.pipe.input.len == 0);
        self.pipe.input = data;
    }

    pub fn hold(self: *Engine) Error!void {
        if (self.phase == .closing or self.phase == .lost) self.pipe.input = "";
        try self.pipe.hold();
    }

    /// Whether there is something to read that arrived already.
    pub fn hasInput(self: *const Engine) bool {
        return self.pipe.input.len > 0 or switch (self.backend) {
            inline else => |*backend| backend.has_record,
        };
    }

    /// Goes on with the handshake; `count` if it is done.
    pub fn handshake(self: *Engine) Error!Step {
        try self.pipe.open(self.loop);
        return switch (self.backend) {
            inline else => |*backend| backend.handshake(&self.pipe),
        };
    }

    /// Decrypts into memory, as much as there is of one record or more; `want_read` if nothing is left.
    pub fn read(self: *Engine, memory: Room) Error!Step {
        try self.pipe.open(self.loop);
        return switch (self.backend) {
            inline else => |*backend| backend.read(&self.pipe, memory),
        };
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
        return switch (self.backend) {
            .objects => |*objects| objects.output(),
            .direct => self.pipe.output(),
        };
    }

    pub fn taken(self: *Engine) void {
        if (self.backend == .objects) self.backend.objects.taken();
        self.pipe.close(self.loop);
    }

    pub fn visit(self: *const Engine, proc: c.visitproc, arg: ?*anyopaque) c_int {
        const status = o.visit(self.object, proc, arg);
        if (status != 0) return status;
        return switch (self.backend) {
            .objects => |*objects| first(o.visit(objects.incoming, proc, arg), o.visit(objects.outgoing, proc, arg)),
            .direct => |*direct| o.visit(direct.inner, proc, arg),
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

fn first(a: c_int, b: c_int) c_int {
    return if (a != 0) a else b;
}
