//! TLS with OpenSSL's own functions on the SSL of the user's ssl.SSLObject, over a BIO of ours. The handshake stays with
//! Python's object, and with it callbacks, checks of derived classes, and exceptions.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const libssl = @import("libssl.zig");
const Pipe = @import("pipe.zig").Pipe;
const Room = @import("../memory/chunk.zig").Room;
const State = @import("../state/state.zig").State;
const Step = @import("step.zig").Step;
const Object = o.Object;
const Error = o.Error;

/// SSL_get_error()
const Answer = enum(c_int) { want_read = 2, want_write = 3, zero_return = 6, _ };

pub const Direct = struct {
    functions: *const libssl.Functions,
    state: *State,
    /// The ssl.SSLObject, which whoever made this holds.
    object: *Object,
    /// The object of `_ssl` that owns the SSL.
    inner: *Object,
    ssl: libssl.Pointer,
    bio: libssl.Pointer,
    /// The last read filled its memory: there may be more of the record.
    has_record: bool = false,
    /// OpenSSL calls a function of the user's for each message, whose exception `inner` keeps until it is asked something.
    has_callback: bool = false,

    /// Null if the SSL of `object` cannot be told for sure.
    pub fn create(library: *const libssl.Library, state: *State, object: *Object, seen: *const libssl.Seen, pipe: *Pipe) Error!?Direct {
        const inner = o.check(c.PyObject_GetAttr(object, state.names._sslobj)) catch {
            c.PyErr_Clear();
            return null;
        };
        errdefer o.decref(inner);
        const ssl = libssl.owned(library, seen, inner) orelse {
            o.decref(inner);
            return null;
        };
        const functions = &library.functions;
        const bio = functions.BIO_new(library.method) orelse return errors.raise("MemoryError", "OpenSSL has no memory for a BIO");
        functions.BIO_set_data(bio, pipe);
        functions.BIO_set_init(bio, 1);
        // From here on the SSL owns the BIO, and lets go of its own.
        functions.SSL_set_bio(ssl, bio, bio);
        return .{ .functions = functions, .state = state, .object = object, .inner = inner, .ssl = ssl, .bio = bio };
    }

    pub fn visit(self: *const Direct, proc: c.visitproc, arg: ?*anyopaque) c_int {
        return o.visit(self.inner, proc, arg);
    }

    /// Users may keep the object, and with it the BIO.
    pub fn deinit(self: *Direct) void {
        self.functions.BIO_set_data(self.bio, null);
        o.decref(self.inner);
    }

    pub fn handshake(self: *Direct, _: *Pipe) Error!Step {
        const done = self.state.method_call.call(self.object, self.state.names.do_handshake, .{}) catch return Step.fromException(self.state);
        o.decref(done);
        try self.lookForCallback();
        return .{ .count = 0 };
    }

    /// OpenSSL takes no more from the pipe than a record needs, so that without input it has nothing but the rest of one.
    pub fn read(self: *Direct, pipe: *Pipe, memory: Room) Error!Step {
        if (pipe.input.len == 0 and !self.has_record) return .want_read;
        const bytes = memory.bytes();
        const size = @min(bytes.len, std.math.maxInt(c_int));
        self.functions.ERR_clear_error();
        const count = self.functions.SSL_read(self.ssl, bytes.ptr, @intCast(size));
        self.has_record = count > 0 and count == size;
        return self.step(count);
    }

    pub fn write(self: *Direct, data: []const u8) Error!Step {
        self.functions.ERR_clear_error();
        const count = self.functions.SSL_write(self.ssl, data.ptr, @intCast(@min(data.len, std.math.maxInt(c_int))));
        return self.step(count);
    }

    /// Says that our side is over. What the peer says to that is not waited for.
    pub fn shutdown(self: *Direct) Error!void {
        self.functions.ERR_clear_error();
        _ = self.functions.SSL_shutdown(self.ssl);
        self.functions.ERR_clear_error();
        if (self.has_callback) try self.raiseFromCallback();
    }

    /// A name that the peer asked for may have brought another context.
    fn lookForCallback(self: *Direct) Error!void {
        const context = o.check(c.PyObject_GetAttr(self.object, self.state.names.context)) catch return c.PyErr_Clear();
        defer o.decref(context);
        const callback = o.check(c.PyObject_GetAttr(context, self.state.names._msg_callback)) catch return c.PyErr_Clear();
        defer o.decref(callback);
        self.has_callback = !o.isNone(callback);
    }

    /// What a callback raised during the last call. A handshake that is done does nothing but raise it.
    fn raiseFromCallback(self: *Direct) Error!void {
        const done = o.callMethod(self.inner, self.state.names.do_handshake, .{}) catch {
            _ = try Step.fromException(self.state);
            return;
        };
        o.decref(done);
    }

    /// What the last call came to.
    fn step(self: *Direct, count: c_int) Error!Step {
        const found: Step = if (count > 0) .{ .count = @intCast(count) } else try self.failed(count);
        if (self.has_callback) try self.raiseFromCallback();
        return found;
    }

    fn failed(self: *Direct, count: c_int) Error!Step {
        switch (@as(Answer, @fromBackingInt(@intCast(self.functions.SSL_get_error(self.ssl, count))))) {
            .want_read => return .want_read,
            .want_write => return .want_write,
            .zero_return => return .ended,
            _ => {},
        }
        // Python's own function finds the same error and raises what it always raises.
        defer self.functions.ERR_clear_error();
        const one = try o.check(c.PyLong_FromLong(1));
        defer o.decref(one);
        o.decref(try o.callMethod(self.inner, self.state.names.read, .{one}));
        return errors.raiseNew(self.state.imports.SSLError, .{});
    }
};
