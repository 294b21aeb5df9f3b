//! Acceptor: accepts the connections that wait at a listening TCP socket. picows.server.listening decides when it listens.

const std = @import("std");
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const engines = @import("../tls/engine.zig");
const errors = @import("cpython").errors;
const Address = @import("net").address.Address;
const linux = @import("net").linux;
const socket = @import("net").socket;
const interface = @import("interface.zig");
const tcp = @import("tcp.zig");
const Endpoint = @import("../connection/endpoint.zig").Endpoint;
const Hub = @import("hub.zig").Hub;
const State = @import("../state/state.zig").State;
const TcpTransport = tcp.TcpTransport;
const Object = o.Object;
const Error = o.Error;

/// How many connections are accepted before other callbacks of the event loop get their turn.
const batch_size_max = 64;

pub const Acceptor = extern struct {
    ob: Object,
    endpoint: *Endpoint,
    /// The listening socket, Python's object.
    listening: *Object,
    /// With TLS: what makes the SSLObject of a connection, who runs OpenSSL, and how long a handshake may take; NaN for no
    /// limit of its own.
    wrap: ?*Object,
    kind: engines.Kind,
    seconds: f64,
    shutdown_seconds: f64,
    /// How many of the accepted connections are not lost. Changed by the thread of the event loop alone: a transport that
    /// the garbage collector takes, perhaps in another thread, is not taken off.
    count: usize,
    /// Called when none is left; null to be asked for `count` instead.
    on_idle: ?*Object,

    pub fn tls(self: *const Acceptor) ?TcpTransport.Tls {
        const wrap = self.wrap orelse return null;
        return .{ .wrap = wrap, .kind = self.kind, .seconds = if (std.math.isNan(self.seconds)) null else self.seconds, .shutdown_seconds = self.shutdown_seconds };
    }

    pub fn attach(self: *Acceptor, transport: *TcpTransport) void {
        transport.acceptor = o.incref(self);
        self.count += 1;
    }

    pub fn detach(self: *Acceptor) void {
        self.count -= 1;
        const callback = self.on_idle orelse return;
        if (self.count > 0) return;
        o.decref(o.call(callback, .{}) catch return asyncio.surface(self.endpoint.state, self.endpoint.loop, callback));
    }

    /// Raises OSError if no more can be accepted now, as when the process has no file descriptors left.
    fn accept(self: *Acceptor) Error!void {
        const state = self.endpoint.state;
        // Its owner may have closed the socket, and the handle may be somebody else's by now.
        const handle_listening = try interface.handleOf(state, self.listening);
        // Before a connection is taken that would have to be dropped: this may need a file descriptor as well.
        _ = try Hub.of(self.endpoint.loop_state, self.endpoint.loop);
        for (0..batch_size_max) |_| {
            var peer: Address = undefined;
            switch (linux.accept(handle_listening, &peer)) {
                .none => return,
                .failed => |code| return errors.raiseErrno(code),
                .handle => |handle| {
                    // Inherited is what the listening socket was told, but not this.
                    socket.setQuickAck(handle);
                    TcpTransport.accepted(self, handle, &peer) catch |failure| try self.refused(failure);
                },
            }
        }
    }

    /// A context that raises concerns its own connections alone.
    fn refused(self: *Acceptor, failure: Error) Error!void {
        if (self.wrap == null) return failure;
        const exception = errors.fetch();
        defer o.decref(exception);
        if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
        try asyncio.report(self.endpoint.state, self.endpoint.loop, "the TLS context raised an exception", exception);
    }

    /// What to disconnect: the WSTransports of the connections that are not lost, or those that do not have one yet.
    fn transports(self: *Acceptor) Error!*Object {
        const list = try o.check(c.PyList_New(0));
        errdefer o.decref(list);
        const hub = Hub.existing(self.endpoint.loop_state) orelse return list;
        var next = hub.first;
        while (next) |transport| : (next = transport.hub_next) {
            if (transport.acceptor != self) continue;
            const protocol = transport.protocol orelse continue;
            try o.checkStatus(c.PyList_Append(list, if (protocol.transport) |made| &made.ob else &transport.ob));
        }
        return list;
    }
};

fn new(class: *c.PyTypeObject, arguments: *Object, kwargs: ?*Object) callconv(.c) ?*Object {
    return o.toC(create(class, arguments, kwargs));
}

fn create(class: *c.PyTypeObject, arguments: *Object, kwargs: ?*Object) Error!*Object {
    const names = [_]?[*:0]const u8{ "endpoint", "sock", "wrap", "engine", "handshake_seconds", "shutdown_seconds", null };
    var endpoint: *Object = undefined;
    var listening: *Object = undefined;
    var wrap: *Object = c.none();
    var engine: *Object = c.none();
    var seconds: f64 = std.math.nan(f64);
    var shutdown_seconds: f64 = interface.shutdown_seconds_default;
    if (c.PyArg_ParseTupleAndKeywords(arguments, kwargs, "OO|OOdd:Acceptor", &names, &endpoint, &listening, &wrap, &engine, &seconds, &shutdown_seconds) == 0) return error.Python;
    const state: *State = @ptrCast(@alignCast(c.PyType_GetModuleState(class).?));
    if (!o.isInstance(endpoint, state.types.Endpoint)) return errors.raise("TypeError", "endpoint must be an Endpoint");
    const kind = try interface.kindOf(engine);
    const handle = try interface.handleOf(state, listening);
    socket.setNoDelay(handle);
    const shared: *Endpoint = @ptrCast(endpoint);
    // Also of bytes that come before their connection is accepted.
    if (shared.options.enable_kernel_timestamps) linux.enableTimestamps(handle);
    const self = try o.allocate(Acceptor, @ptrCast(class));
    self.endpoint = o.incref(shared);
    self.listening = o.incref(listening);
    self.kind = kind;
    self.seconds = seconds;
    self.shutdown_seconds = shutdown_seconds;
    if (!o.isNone(wrap)) self.wrap = o.incref(wrap);
    return &self.ob;
}

fn acceptMethod(self: *Acceptor, _: ?*Object) callconv(.c) ?*Object {
    self.accept() catch return null;
    return o.none();
}

fn transportsMethod(self: *Acceptor, _: ?*Object) callconv(.c) ?*Object {
    return o.toC(self.transports());
}

fn notifyWhenIdle(self: *Acceptor, callback: *Object) callconv(.c) ?*Object {
    o.clear(&self.on_idle);
    self.on_idle = o.incref(callback);
    return o.none();
}

fn getCount(self: *Acceptor, _: ?*anyopaque) callconv(.c) ?*Object {
    return c.PyLong_FromSsize_t(@intCast(self.count));
}

fn traverse(self: *Acceptor, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    for ([_]?*Object{ @ptrCast(self.ob.ob_type), &self.endpoint.ob, self.listening, self.wrap, self.on_idle }) |object| {
        const status = o.visit(object, proc, arg);
        if (status != 0) return status;
    }
    return 0;
}

fn clear(self: *Acceptor) callconv(.c) c_int {
    o.clear(&self.on_idle);
    // Not null: it would accept without TLS.
    if (self.wrap) |*wrap| o.replace(wrap, c.none());
    return 0;
}

fn dealloc(self: *Acceptor) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    _ = clear(self);
    o.clear(&self.wrap);
    o.decref(self.listening);
    o.decref(self.endpoint);
    o.free(&self.ob);
}

const methods = [_]c.PyMethodDef{
    o.method("accept", acceptMethod, c.METH_NOARGS, "accept($self, /)\n--\n\nThe event loop's reader: accepts what waits. Raises OSError if that is not possible now."),
    o.method("transports", transportsMethod, c.METH_NOARGS, "transports($self, /)\n--\n\nWhat to disconnect: the connections that are not lost."),
    o.method("notify_when_idle", notifyWhenIdle, c.METH_O, "notify_when_idle($self, callback, /)\n--\n\nHave a function called whenever the last connection is lost."),
    .{},
};

const getset = [_]c.PyGetSetDef{
    .{ .name = "count", .get = @ptrCast(&getCount), .doc = "How many connections are not lost." },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "Accepts the connections of a listening, non-blocking TCP socket."),
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &getset),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.Acceptor",
        .basicsize = @sizeOf(Acceptor),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
