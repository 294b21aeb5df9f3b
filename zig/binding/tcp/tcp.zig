//! TcpTransport: our own asyncio.Transport for TCP on Linux, plain or with TLS. For every read an event loop's transport makes
//! several Python calls. This one makes one: it receives into the protocol's memory and hands the bytes on.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const asyncio = @import("../eventloop/asyncio.zig");
const check = @import("cpython").check;
const errors = @import("cpython").errors;
const engines = @import("../tls/engine.zig");
const handshake = @import("handshake.zig");
const hubs = @import("hub.zig");
const interface = @import("interface.zig");
const Address = @import("net").address.Address;
const linux = @import("net").linux;
const phases = @import("phase.zig");
const protocols = @import("../opening/protocol.zig");
const secures = @import("secure.zig");
const socket = @import("net").socket;
const watching = @import("watch.zig");
const writing = @import("writing.zig");
const Acceptor = @import("acceptor.zig").Acceptor;
const Endpoint = @import("../connection/endpoint.zig").Endpoint;
const Hub = hubs.Hub;
const Output = @import("output.zig").Output;
const Protocol = protocols.Protocol;
const Readiness = hubs.Readiness;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// asyncio's default limits of what may wait to be sent.
pub const high_default = 64 * 1024;
/// How many times memory is filled to its end before others get their turn.
const reads_max = 4;

pub const TcpTransport = extern struct {
    ob: Object,
    state: *State,
    endpoint: *Endpoint,
    /// Until the connection is lost.
    protocol: ?*Protocol,
    /// Who accepted the connection, until it is lost.
    acceptor: ?*Acceptor,
    /// The socket as Python's object, which then owns the handle: given by who connected it, or made when asked for.
    python_socket: ?*Object,
    /// The contextvars.Context in which the callbacks run of what the hub watches. Of others the event loop takes care.
    context: ?*Object,
    /// The hub that knows the connection, its neighbours there, and what it watches the socket for.
    hub: ?*Hub,
    hub_previous: ?*TcpTransport,
    hub_next: ?*TcpTransport,
    hub_events: u32,
    output: Output,
    /// Null without TLS.
    secure: ?*secures.Secure,
    high: usize,
    low: usize,
    peer: Address,
    own: Address,
    /// peername and sockname of a socket that is neither IPv4 nor IPv6, as Python shows them.
    names: ?*Object,
    handle: linux.Handle,
    /// Of `LoopState.fork_count`: another one means that the connection belongs to the parent process.
    fork_count: u32,
    /// Whether reading and writing are watched for.
    watched: Readiness,
    /// For `serve`, which is called through Python to run in `context`.
    readiness: Readiness,
    is_in_context: bool,
    phase: phases.Phase,
    reading: phases.Reading,
    flow: phases.Flow,

    pub const write = writing.write;
    pub const keep = writing.keep;
    pub const failWriting = writing.failWriting;
    pub const endSending = writing.endSending;

    /// What always holds, between any two calls.
    pub fn invariants(self: *const TcpTransport) bool {
        return self.phase.allows(self.reading, self.output.size > 0, self.secure != null);
    }

    pub fn enter(self: *TcpTransport, phase: phases.Phase) void {
        self.phase = phase;
        check.invariants(self);
    }

    /// A transport with a new protocol, and no socket yet.
    fn create(class: *c.PyTypeObject, endpoint: *Endpoint) Error!*TcpTransport {
        const self = try o.allocate(TcpTransport, @ptrCast(class));
        self.handle = socket.none;
        self.state = endpoint.state;
        self.endpoint = o.incref(endpoint);
        self.fork_count = endpoint.loop_state.fork_count;
        self.high = high_default;
        self.low = high_default / 4;
        errdefer o.decref(self);
        self.protocol = try protocols.create(endpoint, null);
        self.context = try o.call(endpoint.state.imports.copy_context, .{});
        return self;
    }

    /// How TLS is spoken: what makes the SSLObject of a connection, and who runs OpenSSL. TLS that is open already, with a
    /// proxy, is around that, or alone.
    pub const Tls = struct { wrap: ?*Object, opened: ?engines.Opened = null, kind: engines.Kind, seconds: ?f64 = null, shutdown_seconds: f64 };

    /// Over a socket that we connected. If this fails, the socket is the caller's to close. With TLS `secured` is a future
    /// that is done when its handshake is.
    pub fn connected(class: *c.PyTypeObject, endpoint: *Endpoint, python_socket: *Object, tls: ?Tls, secured: ?*Object) Error!*TcpTransport {
        const self = try create(class, endpoint);
        errdefer o.decref(self);
        self.handle = try interface.handleOf(endpoint.state, python_socket);
        self.python_socket = o.incref(python_socket);
        self.peer = Address.ofPeer(self.handle);
        socket.setNoDelay(self.handle);
        if (endpoint.options.enable_kernel_timestamps) linux.enableTimestamps(self.handle);
        try self.begin(tls, secured);
        return self;
    }

    /// Over a connection that a server accepted, whose handle is taken over also if this fails.
    pub fn accepted(acceptor: *Acceptor, handle: linux.Handle, peer: *const Address) Error!void {
        const state = acceptor.endpoint.state;
        const self = create(@ptrCast(state.types.TcpTransport), acceptor.endpoint) catch |failure| {
            linux.close(handle);
            return failure;
        };
        defer o.decref(self);
        self.handle = handle;
        self.peer = peer.*;
        acceptor.attach(self);
        try self.begin(acceptor.tls(), null);
    }

    fn begin(self: *TcpTransport, tls: ?Tls, secured: ?*Object) Error!void {
        self.reading = .on;
        errdefer self.abandon();
        self.own = Address.own(self.handle);
        try interface.keepNames(self);
        if (tls) |how| {
            self.secure = try .create(self, how, secured);
            if (how.wrap == null) {
                try protocols.connectionMade(self.protocol.?, &self.ob, &secures.stream);
            } else {
                try handshake.begin(self, how.seconds);
            }
        } else {
            try protocols.connectionMade(self.protocol.?, &self.ob, &writing.stream);
        }
        // A client's context may have refused, or the bound on handshakes.
        if (self.phase == .lost) return;
        try watching.start(self);
    }

    /// Gives up what could not even begin: nobody is told.
    fn abandon(self: *TcpTransport) void {
        const aside: errors.Aside = .begin();
        defer aside.end();
        self.leave();
        self.release();
    }

    /// The hub found the socket ready.
    pub fn handleReady(self: *TcpTransport, readiness: Readiness) Error!void {
        const context = self.context orelse return self.serve(readiness);
        // A callback of this connection that runs the event loop is in the context already.
        if (self.is_in_context) return self.serve(readiness);
        _ = o.incref(context);
        defer o.decref(context);
        self.readiness = readiness;
        self.is_in_context = true;
        defer self.is_in_context = false;
        const result = try self.state.method_call.call(context, self.state.names.run, .{ self.state.callbacks.serve_tcp, self });
        o.decref(result);
    }

    pub fn serve(self: *TcpTransport, readiness: Readiness) Error!void {
        // First: what the peer sent last may stand in front of an error, which a write would meet.
        if (self.reading == .on and (readiness.in or readiness.broken)) try self.read(readiness.broken);
        if (readiness.out) try writing.flush(self);
    }

    /// Reads what there is. As with asyncio's transports, what goes wrong in the protocol ends the connection, unless it is
    /// fatal to the program.
    fn read(self: *TcpTransport, to_the_end: bool) Error!void {
        const protocol = o.incref(self.protocol orelse return);
        defer o.decref(protocol);
        self.readInto(protocol, to_the_end) catch |failure| {
            const exception = errors.fetch();
            if (!errors.isFatal(exception)) self.end(exception) catch asyncio.surface(self.state, self.endpoint.loop, &self.ob);
            errors.restore(exception) catch {};
            return failure;
        };
    }

    /// A read that does not fill the memory took all there was, unless the socket is known to be broken: then there is an end
    /// to be read to. Others get their turn when that takes long.
    fn readInto(self: *TcpTransport, protocol: *Protocol, to_the_end: bool) Error!void {
        if (self.secure != null) return secures.readInto(self, protocol, to_the_end);
        var reads: usize = 0;
        while (self.reading == .on) {
            const memory = (try protocols.room(protocol)).bytes();
            switch (self.receive(protocol, memory)) {
                .not_ready => return if (self.phase == .broken) self.end(c.none()),
                .failed => |code| return self.fail(code),
                .count => |count| {
                    if (count == 0) {
                        try protocols.ended(protocol);
                        return self.close();
                    }
                    const is_open = !protocol.place.is_taken;
                    try protocols.received(protocol, count);
                    if (is_open) try watching.settle(self);
                    if (count < memory.len) {
                        if (!to_the_end) return;
                        continue;
                    }
                    reads += 1;
                    if (!protocols.pace(protocol) or reads == reads_max) return if (to_the_end) self.readLater();
                },
            }
        }
    }

    /// Receives what there is, with the kernel's time of it if the user wants that.
    pub inline fn receive(self: *TcpTransport, protocol: *Protocol, memory: []u8) linux.Moved {
        return if (self.endpoint.options.enable_kernel_timestamps) self.receiveTimed(protocol, memory) else linux.receive(self.handle, memory);
    }

    noinline fn receiveTimed(self: *TcpTransport, protocol: *Protocol, memory: []u8) linux.Moved {
        const transport = protocol.transport orelse return linux.receive(self.handle, memory);
        return linux.receiveTimed(self.handle, memory, &transport.connection().kernel_time_ns);
    }

    /// In the child of a fork, of a connection of the parent's: two processes that send would send into each other's frames.
    pub fn isInherited(self: *const TcpTransport) bool {
        return self.fork_count != self.endpoint.loop_state.fork_count;
    }

    /// The end of a broken connection is read to in another turn.
    pub fn readLater(self: *TcpTransport) Error!void {
        if (self.reading == .off) return;
        try if (self.phase == .broken) self.schedule("_drain", .{}) else watching.rearm(self);
    }

    pub fn setReading(self: *TcpTransport, reading: phases.Reading) Error!void {
        if (self.phase.isEnding() or self.reading == reading) return;
        self.reading = reading;
        if (reading == .on) try watching.rearm(self);
        try watching.update(self);
        if (reading == .off) return;
        if (self.phase == .broken) return self.schedule("_drain", .{});
        if (self.secure != null) try secures.resumed(self);
    }

    /// Ends the connection once what waits is sent.
    pub fn close(self: *TcpTransport) Error!void {
        if (self.phase.isEnding()) return;
        if (self.secure) |secure| {
            if (secure.engine.phase == .handshake) return self.end(c.none());
            return secures.close(self);
        }
        self.reading = .off;
        self.enter(.closing);
        if (self.output.size == 0) return self.end(c.none());
        try watching.update(self);
    }

    pub fn fail(self: *TcpTransport, code: anytype) Error!void {
        const exception = errors.fromErrno(code);
        defer o.decref(exception);
        try self.end(exception);
    }

    /// Ends the connection at once. The protocol is told in a turn of its own, by an exception or None.
    pub fn end(self: *TcpTransport, cause: *Object) Error!void {
        if (self.phase == .lost) return;
        const self_reference = o.incref(self);
        defer o.decref(self_reference);
        self.leave();
        try self.schedule("_lost", .{cause});
    }

    /// Has the event loop call a method in a turn of its own.
    pub fn schedule(self: *TcpTransport, method: [*:0]const u8, arguments: anytype) Error!void {
        const callback = try o.check(c.PyObject_GetAttrString(&self.ob, method));
        defer o.decref(callback);
        try o.callMethodVoid(self.endpoint.loop, self.state.names.call_soon, .{callback} ++ arguments);
    }

    /// Nothing is read or sent any more.
    fn leave(self: *TcpTransport) void {
        self.phase = .lost; // before code of the event loop's runs
        if (self.secure) |secure| secure.engine.phase = .lost;
        watching.stop(self);
        self.enter(.lost);
    }

    /// The turn in which the protocol is told.
    pub fn lost(self: *TcpTransport, cause: *Object) Error!void {
        if (self.phase != .lost) self.leave();
        const protocol = self.protocol orelse return;
        self.protocol = null;
        defer o.decref(protocol);
        defer self.release();
        if (self.secure != null) handshake.lost(self, protocol, cause) catch asyncio.surface(self.state, self.endpoint.loop, &self.ob);
        try protocols.lost(protocol, cause);
    }

    fn release(self: *TcpTransport) void {
        const aside: errors.Aside = .begin();
        defer aside.end();
        self.closeSocket();
        const acceptor = self.acceptor orelse return;
        self.acceptor = null;
        acceptor.detach();
        o.decref(acceptor);
    }

    fn closeSocket(self: *TcpTransport) void {
        if (self.handle == socket.none) return;
        const handle = self.handle;
        self.handle = socket.none;
        // Nobody may send to what has the number next.
        if (self.protocol) |protocol| if (protocol.transport) |transport| {
            transport.connection().outbox.forgetSocket();
        };
        const owner = self.python_socket orelse return linux.close(handle);
        o.callMethodVoid(owner, self.state.names.close, .{}) catch asyncio.surface(self.state, self.endpoint.loop, owner);
    }
};

fn traverse(self: *TcpTransport, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const others = [_]?*Object{
        @ptrCast(self.ob.ob_type), @ptrCast(self.endpoint), @ptrCast(self.protocol),
        @ptrCast(self.acceptor),   self.python_socket,      self.context,
        self.names,
    };
    for (others) |object| {
        const status = o.visit(object, proc, arg);
        if (status != 0) return status;
    }
    return if (self.secure) |secure| secure.visit(proc, arg) else 0;
}

fn clear(self: *TcpTransport) callconv(.c) c_int {
    o.clear(&self.protocol);
    return 0;
}

fn dealloc(self: *TcpTransport) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    finalize(self);
    self.output.clear();
    _ = clear(self);
    if (self.secure) |secure| secure.destroy();
    self.secure = null;
    // Who accepted it is told nothing: it goes as well, or this would not happen before the connection was lost.
    o.clear(&self.acceptor);
    o.clear(&self.python_socket);
    o.clear(&self.context);
    o.clear(&self.names);
    o.decref(self.endpoint);
    o.free(&self.ob);
}

/// A connection that nobody ended warns and closes, as asyncio's transports do. The garbage collector calls this while all
/// that hangs together is still whole.
fn finalize(self: *TcpTransport) callconv(.c) void {
    if (self.handle == socket.none) return;
    const aside: errors.Aside = .begin();
    defer aside.end();
    const status = c.PyErr_ResourceWarning(null, 1, "unclosed TCP transport of picows, fd=%d", self.handle);
    if (status < 0) errors.ignore(@ptrCast(self.ob.ob_type));
    watching.forget(self);
    self.closeSocket();
}

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "An asyncio.Transport for a TCP connection.\n\nTcpTransport(endpoint, sock) takes over a connected, non-blocking socket. With TLS wrap(incoming, outgoing) makes its SSLObject, engine says who runs OpenSSL, and the future secured is done when its handshake is. opened is an SSLObject with its two MemoryBIOs: TLS with a proxy whose handshake is done."),
    o.slot(c.Py_tp_new, &interface.new),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_finalize, &finalize),
    o.slot(c.Py_tp_methods, &interface.methods),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.TcpTransport",
        .basicsize = @sizeOf(TcpTransport),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_IMMUTABLETYPE,
        .slots = &slots,
    };
}
