//! Endpoint as a Python type: its arguments, and the protocol factory that asyncio calls for each connection. Made by
//! picows.client.connect and picows.server.serve; not for users.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const ping = @import("../connection/ping.zig");
const protocol = @import("protocol.zig");
const Endpoint = @import("../connection/endpoint.zig").Endpoint;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// Clients that all come back at once have to fit in, or the first of them are sent away while the last connect. Some 400 MiB
/// at the most, if each has sent a head of the largest size without its last byte.
const pending_max_default = 16384;

const references = .{ "loop_state", "loop", "logger", "listener_factory", "request", "request_bytes", "key" };

fn new(class: *c.PyTypeObject, args: *Object, kwargs: ?*Object) callconv(.c) ?*Object {
    return o.toC(create(class, args, kwargs));
}

const parameters = [_]?[*:0]const u8{
    "loop_state",
    "loop",
    "logger",
    "listener_factory",
    "handshake_timeout",
    "max_frame_size",
    "disconnect_on_exception",
    "enable_auto_pong",
    "strict",
    "factory_takes_handshake",
    "request",
    "request_bytes",
    "key",
    "enable_auto_ping",
    "ping_idle_seconds",
    "ping_reply_seconds",
    "ping_strategy",
    "pending_max",
    "coalesce_sends",
    null,
};

fn create(class: *c.PyTypeObject, args: *Object, kwargs: ?*Object) Error!*Object {
    var given = std.mem.zeroes(Endpoint);
    given.request = c.none();
    given.request_bytes = c.none();
    given.key = c.none();
    var handshake_timeout: *Object = undefined;
    var pending_max: c.Py_ssize_t = pending_max_default;
    if (c.PyArg_ParseTupleAndKeywords(
        args,
        kwargs,
        "OOOOOnpppp|OOOpddinp:Endpoint",
        &parameters,
        &given.loop_state,
        &given.loop,
        &given.logger,
        &given.listener_factory,
        &handshake_timeout,
        &given.max_frame_size,
        &given.disconnect_on_exception,
        &given.enable_auto_pong,
        &given.strict,
        &given.factory_takes_handshake,
        &given.request,
        &given.request_bytes,
        &given.key,
        &given.enable_auto_ping,
        &given.ping_idle_seconds,
        &given.ping_reply_seconds,
        &given.ping_strategy,
        &pending_max,
        &given.coalesce_sends,
    ) == 0) return error.Python;
    const state: *State = @ptrCast(@alignCast(c.PyType_GetModuleState(class).?));
    if (!o.isInstance(&given.loop_state.ob, state.types.LoopState)) return errors.raise("TypeError", "loop_state must be a LoopState");
    given.handshake_seconds = if (o.isNone(handshake_timeout)) std.math.inf(f64) else try o.toFloat(handshake_timeout);
    if (!o.isNone(handshake_timeout) and !isTime(given.handshake_seconds)) {
        return errors.raise("ValueError", "handshake_timeout must be None, or more than 0 and at most 1000000000 seconds");
    }
    if (given.enable_auto_ping != 0) try checkAutoPing(&given);
    if (pending_max < 1) return errors.raise("ValueError", "max_pending_handshakes must be at least 1");
    if (given.max_frame_size < 0) return errors.raise("ValueError", "max_frame_size must be at least 0");
    given.pending = .{ .count_max = @intCast(pending_max) };
    given.is_client = !o.isNone(given.request);
    given.log_debug = try log.isEnabled(state, given.logger, log.debug_level);
    given.state = state;

    const self = try o.allocate(Endpoint, @ptrCast(class));
    given.ob = self.ob;
    self.* = given;
    inline for (references) |name| _ = o.incref(@field(self, name));
    return &self.ob;
}

fn checkAutoPing(given: *const Endpoint) Error!void {
    if (!isTime(given.ping_idle_seconds) or !isTime(given.ping_reply_seconds)) {
        return errors.raise("ValueError", "ping_idle_seconds and ping_reply_seconds must be more than 0 and at most 1000000000 seconds");
    }
    if (given.ping_reply_seconds > given.ping_idle_seconds) {
        return errors.raise("ValueError", "ping_reply_seconds must be at most ping_idle_seconds");
    }
    switch (given.ping_strategy) {
        @backingInt(ping.Strategy.ping_when_idle), @backingInt(ping.Strategy.ping_periodically) => {},
        else => return errors.raise("ValueError", "ping_strategy must be a WSAutoPingStrategy"),
    }
}

/// Whether an event loop can wait so long: NaN compares with nothing.
fn isTime(seconds: f64) bool {
    return seconds > 0 and seconds <= 1e9;
}

fn call(self: *Endpoint, args: *Object, kwargs: ?*Object) callconv(.c) ?*Object {
    _ = args;
    _ = kwargs;
    return @ptrCast(protocol.create(self) catch return null);
}

fn traverse(self: *Endpoint, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const class_status = o.visit(self.ob.ob_type, proc, arg);
    if (class_status != 0) return class_status;
    inline for (references) |name| {
        const status = o.visit(@field(self, name), proc, arg);
        if (status != 0) return status;
    }
    return o.visit(self.pending.timer, proc, arg);
}

/// The references that lead back: to users' objects, and from the timer to here.
fn clear(self: *Endpoint) callconv(.c) c_int {
    o.replace(&self.listener_factory, c.none());
    o.clear(&self.pending.timer);
    return 0;
}

fn dealloc(self: *Endpoint) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    inline for (references) |name| o.decref(@field(self, name));
    o.clear(&self.pending.timer);
    o.free(&self.ob);
}

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_call, &call),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.Endpoint",
        .basicsize = @sizeOf(Endpoint),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
