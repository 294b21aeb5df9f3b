//! Hub: our own epoll set for the TCP connections of one event loop. The event loop watches the set as if it were one more
//! socket, and calls `ready`. The hub then finds the connections that are ready, without a handle, a callback and a turn of the
//! event loop for each.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const errors = @import("cpython").errors;
const linux = @import("net").linux;
const poller = @import("net").poller;
const watching = @import("watch.zig");
const LoopState = @import("../memory/loop_state.zig").LoopState;
const TcpTransport = @import("tcp.zig").TcpTransport;
const Object = o.Object;
const Error = o.Error;

/// How many connections are served before other callbacks of the event loop get their turn, and for how long. One of them,
/// which is served in any case, takes what `TcpTransport.serve` allows.
const batch_size_max = 64;
const turn_seconds_max = 0.002;

/// The event loop's reader owns the hub, so that the hub, with the connections that nobody ended, goes when the loop
/// goes. `LoopState` knows it without a reference.
pub const Hub = extern struct {
    ob: Object,
    loop_state: *LoopState,
    epoll: linux.Handle,
    /// Of `LoopState` when the set was made.
    fork_count: u32,
    /// The connections that were not lost, each with a reference, linked through themselves.
    first: ?*TcpTransport,
    count: usize,
    /// Those that were ready when the set was last asked; from `ready_next` to `ready_end` they wait to be served. Without
    /// references: one that leaves is taken out.
    ready: [batch_size_max]poller.Event,
    ready_next: usize,
    ready_end: usize,

    /// The hub of an event loop (borrowed), made when first asked for.
    pub fn of(loop_state: *LoopState, loop: *Object) Error!*Hub {
        if (existing(loop_state)) |hub| return hub;
        const state = loop_state.state;
        const self = try o.allocate(Hub, state.types.Hub);
        self.epoll = -1;
        self.loop_state = o.incref(loop_state);
        self.fork_count = loop_state.fork_count;
        defer o.decref(self);
        self.epoll = switch (poller.create()) {
            .handle => |handle| handle,
            .failed => |code| return errors.raiseErrno(code),
        };
        const number = try o.check(c.PyLong_FromLong(self.epoll));
        defer o.decref(number);
        o.decref(try o.call(state.imports.watch_hub, .{ loop, number, self }));
        loop_state.hub = &self.ob;
        return self;
    }

    /// The hub of an event loop (borrowed) that has one.
    pub fn existing(loop_state: *LoopState) ?*Hub {
        return @ptrCast(@alignCast(loop_state.hub));
    }

    /// Takes a connection in, with a reference to it. It is watched once something is wanted of it.
    pub fn add(self: *Hub, transport: *TcpTransport) void {
        transport.hub = self;
        transport.hub_next = self.first;
        if (self.first) |first| first.hub_previous = transport;
        self.first = transport;
        self.count += 1;
        _ = o.incref(transport);
    }

    /// Watches a connection for events; for none it leaves the set, where it would still be reported when it breaks.
    pub fn want(self: *Hub, transport: *TcpTransport, events: u32) Error!void {
        const EPOLL = poller.EPOLL;
        if (events == 0 and transport.hub_events == 0) return;
        const operation: u32 = if (transport.hub_events == 0) EPOLL.CTL_ADD else if (events == 0) EPOLL.CTL_DEL else EPOLL.CTL_MOD;
        const code = poller.control(self.epoll, operation, transport.handle, events, transport);
        if (code != .SUCCESS and self.epoll != -1) return errors.raiseErrno(code);
        transport.hub_events = events;
    }

    /// Lets a connection go. Its handle should still be open: a closed one might live on in the set as a duplicate. One that
    /// somebody has closed is not in the set any more. Raises nothing: it runs while the hub dies.
    pub fn remove(self: *Hub, transport: *TcpTransport) void {
        if (transport.hub_events != 0) _ = poller.control(self.epoll, poller.EPOLL.CTL_DEL, transport.handle, 0, null);
        transport.hub_events = 0;
        for (self.ready[self.ready_next..self.ready_end]) |*event| {
            if (event.data.ptr == @intFromPtr(transport)) event.data.ptr = 0;
        }
        if (transport.hub_previous) |previous| previous.hub_next = transport.hub_next else self.first = transport.hub_next;
        if (transport.hub_next) |next| next.hub_previous = transport.hub_previous;
        transport.hub_previous = null;
        transport.hub_next = null;
        transport.hub = null;
        self.count -= 1;
        o.decref(transport);
    }

    fn serve(self: *Hub) Error!void {
        // With one connection there is nothing to ask the kernel about: the set would not be ready without it.
        if (self.count == 1 and watching.isReadOnly(self.first.?)) {
            const only = o.incref(self.first.?);
            defer o.decref(only);
            return only.handleReady(.{ .in = true });
        }
        const state = self.loop_state.state;
        const started = clock.now(state);
        // Who had to wait goes first. A callback that runs the event loop goes on from here.
        if (self.ready_next == self.ready_end) self.ask();
        while (self.ready_next < self.ready_end) {
            const event = self.ready[self.ready_next];
            self.ready_next += 1;
            try serveOne(event);
            if (clock.now(state) - started > turn_seconds_max) return;
        }
    }

    fn ask(self: *Hub) void {
        self.ready_next = 0;
        self.ready_end = poller.ready(self.epoll, &self.ready).len;
    }

    fn serveOne(event: poller.Event) Error!void {
        const transport: *TcpTransport = @ptrFromInt(if (event.data.ptr == 0) return else event.data.ptr);
        _ = o.incref(transport);
        defer o.decref(transport);
        try transport.handleReady(.of(event.events));
    }
};

/// Which way a socket is ready.
pub const Readiness = packed struct(u8) {
    in: bool = false,
    out: bool = false,
    /// The connection is broken, or both sides have ended it: reading goes on to the end of what there is.
    broken: bool = false,
    unused: u5 = 0,

    fn of(events: u32) Readiness {
        return .{
            .in = events & poller.EPOLL.IN != 0,
            .out = events & poller.EPOLL.OUT != 0,
            .broken = events & (poller.EPOLL.ERR | poller.EPOLL.HUP) != 0,
        };
    }
};

fn ready(self: *Hub, _: ?*Object) callconv(.c) ?*Object {
    const hub = o.incref(self);
    defer o.decref(hub);
    hub.serve() catch return null;
    return o.none();
}

/// In the place of a context: see picows.values.sockets.watch_hub.
fn run(self: *Hub, _: *Object) callconv(.c) ?*Object {
    return ready(self, null);
}

fn traverse(self: *Hub, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    for ([_]*Object{ @ptrCast(self.ob.ob_type), &self.loop_state.ob }) |object| {
        const status = o.visit(object, proc, arg);
        if (status != 0) return status;
    }
    var next = self.first;
    while (next) |transport| : (next = transport.hub_next) {
        const status = o.visit(&transport.ob, proc, arg);
        if (status != 0) return status;
    }
    return 0;
}

fn clear(self: *Hub) callconv(.c) c_int {
    while (self.first) |transport| self.remove(transport);
    return 0;
}

fn dealloc(self: *Hub) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    if (Hub.existing(self.loop_state) == self) self.loop_state.hub = null;
    _ = clear(self);
    if (self.epoll != -1) linux.close(self.epoll);
    o.decref(self.loop_state);
    o.free(&self.ob);
}

/// In the child of a fork: the set is the parent's as well, so nothing may be taken out of it.
fn afterFork(self: *Hub, _: ?*Object) callconv(.c) ?*Object {
    if (self.epoll == -1 or self.fork_count == self.loop_state.fork_count) return o.none();
    linux.close(self.epoll);
    self.epoll = -1;
    return o.none();
}

const methods = [_]c.PyMethodDef{
    o.method("ready", ready, c.METH_NOARGS, "ready($self, /)\n--\n\nThe event loop's reader: serves the connections that are ready."),
    o.method("after_fork", afterFork, c.METH_NOARGS, "after_fork($self, /)\n--\n\nIn the child of a fork: let go of the set, which is the parent's too."),
    o.method("run", run, c.METH_O, "run($self, callback, /)\n--\n\nThe same, as the context of the event loop's reader."),
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.Hub",
        .basicsize = @sizeOf(Hub),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = &slots,
    };
}
