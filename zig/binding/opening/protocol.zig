//! Protocol: the asyncio.BufferedProtocol of a connection. Callbacks of the event loop, and nothing else.

const core = @import("core");
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const choices = @import("choice.zig");
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const delivery = @import("../connection/delivery.zig");
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const flow = @import("../connection/flow.zig");
const listeners = @import("../connection/listener.zig");
const log = @import("../eventloop/log.zig");
const handover = @import("handover.zig");
const loss = @import("loss.zig");
const pending = @import("pending.zig");
const ping = @import("../connection/ping.zig");
const pong = @import("../connection/pong.zig");
const receive_buffer = @import("../memory/receive_buffer.zig");
const outboxes = @import("../connection/outbox.zig");
const upgrade = @import("opening.zig");
const upgrade_client = @import("client.zig");
const endpoints = @import("../connection/endpoint.zig");
const Endpoint = endpoints.Endpoint;
const Place = endpoints.Place;
const Own = @import("../connection/stream.zig").Own;
const Room = @import("../memory/chunk.zig").Room;
const State = @import("../state/state.zig").State;
const Input = receive_buffer.Input;
const WSListener = listeners.WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

pub const lost = loss.lost;

/// From this size on, picows measures how long the delivery of a read takes.
const large_read_size_min = 16 * 1024;

pub const Protocol = extern struct {
    ob: Object,
    endpoint: *Endpoint,
    /// From connection_made on.
    transport: ?*WSTransport,
    /// What a client's ws_connect returns: kept here because the connection may be lost before that returns.
    listener: ?*WSListener,
    /// A client's future: done when the handshake is, or has failed.
    upgraded: ?*Object,
    /// Who made the connection, if it may end before it has a transport: the server of TLS. Otherwise null.
    watcher: ?*Object,
    /// Its place among the connections whose handshake is not done.
    place: Place,
    /// How far the head of the handshake was read; a server's is not behind interim ones.
    reader: core.answer.AnswerReader,
    /// The future of what a server's listener factory returned, if that is awaited. Null again once its result was taken.
    chosen: ?*Object,
    choice: choices.Progress,
    /// Chooses in place of the endpoint's listener factory; null for that.
    listener_factory: ?*Object,
    /// The client sent so much before it was answered that reading was paused.
    is_reading_paused: bool,
    /// The request is a HEAD.
    is_head: bool,

    /// Ends a client's wait for the handshake with an exception (borrowed) or, with null, well.
    pub fn settle(self: *Protocol, exception: ?*Object) Error!void {
        const future = self.upgraded orelse return;
        const state = self.endpoint.state;
        if (exception) |e| return asyncio.setException(state, future, e);
        try asyncio.setResult(state, future, c.none());
    }
};

/// `listener_factory` (borrowed) chooses in place of the endpoint's, if there is one.
pub fn create(endpoint: *Endpoint, listener_factory: ?*Object) Error!*Protocol {
    const self = try o.allocate(Protocol, endpoint.state.types.Protocol);
    self.endpoint = o.incref(endpoint);
    if (listener_factory) |factory| self.listener_factory = o.incref(factory);
    errdefer o.decref(self);
    if (endpoint.is_client) self.upgraded = try o.callMethod(endpoint.loop, endpoint.state.names.create_future, .{});
    return self;
}

/// `own` if the transport is one of ours.
pub fn connectionMade(self: *Protocol, underlying: *Object, own: ?*const Own) Error!void {
    const endpoint = self.endpoint;
    const transport = try connect(self, underlying, own);
    if (!endpoint.is_client) transport.connection().input.read_size = choices.read_size;
    // The TLS handshake may have succeeded although it was given up.
    if (self.watcher != null and !self.place.is_taken) return transport.disconnect(false);
    pending.end(self);
    try pending.begin(self);
    if (endpoint.is_client) try upgrade_client.sendRequest(transport);
}

pub fn connect(self: *Protocol, underlying: *Object, own: ?*const Own) Error!*WSTransport {
    const transport = try WSTransport.create(self.endpoint, underlying, own);
    if (self.transport != null) {
        o.decref(transport);
        return errors.raise("RuntimeError", "connection_made() was called before: a protocol has one connection");
    }
    self.transport = transport;
    try logMade(transport);
    return transport;
}

fn logMade(transport: *WSTransport) Error!void {
    const endpoint = transport.connection().endpoint;
    if (!log.isInfoEnabled(endpoint)) return;
    const peername = try transport.extraInfo(transport.state.names.peername);
    defer o.decref(peername);
    const message = if (transport.is_client_side != 0) "connected to %s" else "connection from %s";
    log.write(endpoint, transport.state.names.info, message, .{peername});
}

/// Memory for the next read.
pub fn room(self: *Protocol) Error!Room {
    const transport = self.transport orelse return unconnected();
    const connection = transport.connection();
    try delivery.yieldRest(connection);
    // Bytes that will be dropped need no memory of the connection's own.
    if (connection.isInputEnded()) connection.input.giveUp(self.endpoint.loop_state);
    return connection.input.room(self.endpoint.loop_state);
}

fn unconnected() Error {
    return errors.raise("RuntimeError", "the event loop received before it called connection_made()");
}

fn getBuffer(self: *Protocol, _: *Object) callconv(.c) ?*Object {
    const memory = room(self) catch return null;
    return o.toC(self.endpoint.loop_state.viewOf(memory));
}

fn bufferUpdated(self: *Protocol, count_object: *Object) callconv(.c) ?*Object {
    const count = c.PyLong_AsSsize_t(count_object);
    if (count < 0) return if (c.PyErr_Occurred() != null) null else o.none();
    received(self, @intCast(count)) catch |failure| return told(self, @as(Error!void, failure));
    // The event loop does not say whether there is more, so the result is not used.
    if (count >= large_read_size_min) _ = pace(self);
    return o.none();
}

fn dataReceived(self: *Protocol, data: *Object) callconv(.c) ?*Object {
    return told(self, handover.feed(self, data));
}

/// Called after a read that filled its memory. Decides how much the next one takes, and returns whether it may follow at once.
pub fn pace(self: *Protocol) bool {
    const transport = self.transport orelse return false;
    const connection = transport.connection();
    const seconds = clock.now(transport.state) - connection.received_at;
    connection.input.pace(seconds);
    return seconds < receive_buffer.slice_seconds / 4.0;
}

/// The result of a callback for the event loop's transport. uvloop's transports swallow KeyboardInterrupt and SystemExit, so
/// these take another way out.
fn told(self: *Protocol, result: anytype) ?*Object {
    if (result) |value| return if (@TypeOf(value) == void) o.none() else value else |_| {}
    if (!self.endpoint.loop_state.is_libuv) return null;
    const exception = errors.fetch();
    const is_fatal = errors.isFatal(exception);
    errors.restore(exception) catch if (!is_fatal) return null;
    asyncio.surface(self.endpoint.state, self.endpoint.loop, &self.ob);
    return o.none();
}

/// So many bytes were received into the memory from `room`.
pub fn received(self: *Protocol, count: usize) Error!void {
    const transport = o.incref(self.transport orelse return unconnected());
    defer o.decref(transport);
    const connection = transport.connection();
    connection.received_at = clock.now(transport.state);
    return processGathered(self, transport, count);
}

inline fn processGathered(self: *Protocol, transport: *WSTransport, count: usize) Error!void {
    if (self.endpoint.options.coalesce_sends) return gatherWhile(self, transport, count);
    return delivery.end(transport, process(self, transport, count));
}

noinline fn gatherWhile(self: *Protocol, transport: *WSTransport, count: usize) Error!void {
    const was_on = outboxes.startGathering(transport);
    return outboxes.endGathering(transport, was_on, delivery.end(transport, process(self, transport, count)));
}

/// Goes on with what was received and kept.
pub fn goOn(self: *Protocol, transport: *WSTransport) Error!void {
    _ = try transport.connection().input.room(self.endpoint.loop_state);
    try processGathered(self, transport, 0);
}

fn decided(self: *Protocol, future: *Object) callconv(.c) ?*Object {
    choices.decide(self, future) catch return null;
    return o.none();
}

fn process(self: *Protocol, transport: *WSTransport, count: usize) Error!void {
    const connection = transport.connection();
    const loop = self.endpoint.loop_state;
    const taken = try connection.input.take(loop, count);
    defer Input.giveBack(taken, loop);
    if (connection.isInputEnded()) return;
    var bytes = taken.bytes;
    var is_here = true;
    if (connection.listener == null) {
        defer connection.rest = null;
        if (!try upgrade.received(self, transport, &bytes)) return;
        // Otherwise a read inside of the user's code has put the bytes in front of its own.
        is_here = connection.rest == &bytes;
    }
    if (is_here and try delivery.deliver(transport, taken, bytes)) return;
    try goOn(self, transport);
}

/// The peer ended its side, after which it gets no more from us: the transport closes.
pub fn ended(self: *Protocol) Error!void {
    const transport = self.transport orelse return unconnected();
    choices.cancel(self, transport);
    if (transport.connection().listener == null) try upgrade_client.ended(self, transport);
    ending.noteEnd(transport);
    pong.end(transport);
    ending.debug(transport, "EOF received");
}

fn eofReceived(self: *Protocol, _: ?*Object) callconv(.c) ?*Object {
    return told(self, ended(self));
}

fn connectionLost(self: *Protocol, cause: *Object) callconv(.c) ?*Object {
    const is_cause = o.isNone(cause) or o.isInstance(cause, c.exception("BaseException"));
    if (!is_cause) return c.PyErr_Format(c.exception("TypeError"), "connection_lost() takes an exception or None, not %R", cause);
    return told(self, lost(self, cause));
}

/// The opening handshake begins before there is a transport. `watcher` is a tls_server.Connection: `give_up` is called if it
/// takes too long for that, and `connection_lost` in the end.
fn watch(self: *Protocol, watcher: *Object) callconv(.c) ?*Object {
    o.clear(&self.watcher);
    self.watcher = o.incref(watcher);
    pending.begin(self) catch return null;
    return o.none();
}

/// Bytes wait in our own transport.
pub fn queued(self: *Protocol) void {
    if (self.transport) |transport| transport.connection().outbox.noteWaiting();
}

/// The connection was found broken; `lost` follows once what had arrived is delivered.
pub fn broken(self: *Protocol, exception: *Object) void {
    if (self.transport) |transport| transport.connection().noteBroken(exception);
}

fn pauseWriting(self: *Protocol, _: ?*Object) callconv(.c) ?*Object {
    return told(self, paused(self));
}

pub fn paused(self: *Protocol) Error!*Object {
    return flow.paused(self.transport orelse return o.none());
}

fn resumeWriting(self: *Protocol, _: ?*Object) callconv(.c) ?*Object {
    return told(self, resumed(self));
}

pub fn resumed(self: *Protocol) Error!*Object {
    return flow.resumed(self.transport orelse return o.none());
}

/// aiofastnet asks this instead of looking at the class.
fn isBufferedProtocol(_: *Protocol, _: ?*Object) callconv(.c) ?*Object {
    return o.boolean(true);
}

fn connectionMadeMethod(self: *Protocol, underlying: *Object) callconv(.c) ?*Object {
    return told(self, connectionMade(self, underlying, null));
}

fn connectionOpened(self: *Protocol, arguments: [*]const *Object, count: c.Py_ssize_t) callconv(.c) ?*Object {
    if (count != 2) return c.PyErr_Format(c.exception("TypeError"), "connection_opened() takes a transport and a listener");
    return told(self, handover.opened(self, arguments[0], arguments[1]));
}

fn getObject(comptime name: []const u8) fn (*Protocol, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *Protocol, _: ?*anyopaque) callconv(.c) ?*Object {
            const object: ?*Object = @ptrCast(@field(self, name));
            return o.incref(object orelse return o.none());
        }
    }.get;
}

const references = .{ "transport", "listener", "upgraded", "watcher", "chosen", "listener_factory" };

fn traverse(self: *Protocol, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const always = [_]*Object{ @ptrCast(self.ob.ob_type), &self.endpoint.ob };
    for (always) |object| {
        const status = o.visit(object, proc, arg);
        if (status != 0) return status;
    }
    inline for (references) |name| {
        const status = o.visit(@field(self, name), proc, arg);
        if (status != 0) return status;
    }
    return 0;
}

fn clear(self: *Protocol) callconv(.c) c_int {
    inline for (references) |name| o.clear(&@field(self, name));
    return 0;
}

fn dealloc(self: *Protocol) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    pending.unlink(self);
    _ = clear(self);
    o.decref(self.endpoint);
    o.free(&self.ob);
}

const methods = [_]c.PyMethodDef{
    o.method("connection_made", connectionMadeMethod, c.METH_O, "connection_made($self, transport, /)\n--\n\nasyncio: the transport is there."),
    o.method("connection_opened", connectionOpened, c.METH_FASTCALL, "connection_opened($self, transport, listener, /)\n--\n\nLike connection_made(), of a connection whose opening handshake is done."),
    o.method("data_received", dataReceived, c.METH_O, "data_received($self, data, /)\n--\n\nasyncio: bytes that somebody else received. Those that were received before belong in front of them."),
    o.method("decided", decided, c.METH_O, "decided($self, future, /)\n--\n\nThe awaitable of the listener factory is done."),
    o.method("watch", watch, c.METH_O, "watch($self, watcher, /)\n--\n\nThe opening handshake begins now, before there is a transport."),
    o.method("connection_lost", connectionLost, c.METH_O, "connection_lost($self, exc, /)\n--\n\nasyncio: the transport is gone."),
    o.method("get_buffer", getBuffer, c.METH_O, "get_buffer($self, sizehint, /)\n--\n\nasyncio: memory to receive into."),
    o.method("buffer_updated", bufferUpdated, c.METH_O, "buffer_updated($self, nbytes, /)\n--\n\nasyncio: so many bytes were received into it."),
    o.method("eof_received", eofReceived, c.METH_NOARGS, "eof_received($self, /)\n--\n\nasyncio: the peer ended its side."),
    o.method("pause_writing", pauseWriting, c.METH_NOARGS, "pause_writing($self, /)\n--\n\nasyncio: too much is queued."),
    o.method("resume_writing", resumeWriting, c.METH_NOARGS, "resume_writing($self, /)\n--\n\nasyncio: the queue is short again."),
    o.method("is_buffered_protocol", isBufferedProtocol, c.METH_NOARGS, "is_buffered_protocol($self, /)\n--\n\naiofastnet: receive through get_buffer."),
    .{},
};

const getset = [_]c.PyGetSetDef{
    .{ .name = "transport", .get = @ptrCast(&getObject("transport")), .doc = "The WSTransport, or None before connection_made." },
    .{ .name = "listener", .get = @ptrCast(&getObject("listener")), .doc = "A client's WSListener, or None before the handshake is done." },
    .{ .name = "upgraded", .get = @ptrCast(&getObject("upgraded")), .doc = "A client's future that is done when the handshake is; None on a server." },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &getset),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.Protocol",
        .basicsize = @sizeOf(Protocol),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = &slots,
    };
}
