//! Endpoint as a Python type: its arguments, and the protocol factory that asyncio calls for each connection. Made by
//! picows.client.connect and picows.server.serve; not for users.

const std = @import("std");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const protocol = @import("protocol.zig");
const Endpoint = @import("../connection/endpoint.zig").Endpoint;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// The limit of handshakes at a time. Clients that all come back at once must fit in, or the first are sent away while the last
/// connect. They take 400 MiB at most, if each has sent all but the last byte of a head of the largest size.
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
    "options",
    "factory_takes_handshake",
    "request",
    "request_bytes",
    "key",
    "pending_max",
    null,
};

fn create(class: *c.PyTypeObject, args: *Object, kwargs: ?*Object) Error!*Object {
    var given = std.mem.zeroes(Endpoint);
    given.request = c.none();
    given.request_bytes = c.none();
    given.key = c.none();
    var options: *Object = undefined;
    var factory_takes_handshake: c_int = 0;
    var pending_max: c.Py_ssize_t = pending_max_default;
    if (c.PyArg_ParseTupleAndKeywords(
        args,
        kwargs,
        "OOOOO|pOOOn:Endpoint",
        &parameters,
        &given.loop_state,
        &given.loop,
        &given.logger,
        &given.listener_factory,
        &options,
        &factory_takes_handshake,
        &given.request,
        &given.request_bytes,
        &given.key,
        &pending_max,
    ) == 0) return error.Python;
    const state: *State = @ptrCast(@alignCast(c.PyType_GetModuleState(class).?));
    if (!o.isInstance(&given.loop_state.ob, state.types.LoopState)) return errors.raise("TypeError", "loop_state must be a LoopState");
    if (pending_max < 1) return errors.raise("ValueError", "max_pending_handshakes must be at least 1");
    given.options = try .read(options);
    given.factory_takes_handshake = factory_takes_handshake != 0;
    given.pending = .{ .count_max = @intCast(pending_max) };
    given.is_client = !o.isNone(given.request_bytes);
    given.log_debug = try log.isEnabled(state, given.logger, log.debug_level);
    given.state = state;

    const self = try o.allocate(Endpoint, @ptrCast(class));
    given.ob = self.ob;
    self.* = given;
    inline for (references) |name| _ = o.incref(@field(self, name));
    return &self.ob;
}

fn call(self: *Endpoint, args: *Object, kwargs: ?*Object) callconv(.c) ?*Object {
    var listener_factory: ?*Object = null;
    const names = [_]?[*:0]const u8{ "", null };
    if (c.PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Endpoint", &names, &listener_factory) == 0) return null;
    return @ptrCast(protocol.create(self, listener_factory) catch return null);
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

/// References that may form cycles: to users' objects, and to the timer, which refers to the endpoint.
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
