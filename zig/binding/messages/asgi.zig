//! AsgiListener: a MessageListener whose user is an ASGI application. receive() makes the application's events of messages, send()
//! writes those that it may write. What is rare (the opening handshake, waiting, what is wrong) is done in picows.asgi.

const arrival = @import("arrival.zig");
const base = @import("../listener/type.zig");
const c = @import("cpython").capi;
const coroutines = @import("coroutine.zig");
const errors = @import("cpython").errors;
const flow = @import("flow.zig");
const messages = @import("type.zig");
const o = @import("cpython").object;
const outboxes = @import("../connection/outbox.zig");
const receiving = @import("receiving.zig");
const sending = @import("sending.zig");
const MessageListener = @import("listener.zig").MessageListener;
const VTable = @import("../connection/listener.zig").VTable;
const WSListener = @import("../connection/listener.zig").WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

pub const AsgiListener = extern struct {
    base: MessageListener,
    /// What receive() gives when all messages are taken: the event `websocket.disconnect`.
    farewell: ?*Object,

    pub fn of(listener: *MessageListener) *AsgiListener {
        return @ptrCast(listener);
    }
};

const vtable: VTable = table: {
    var own = arrival.table(base.vtable);
    own.on_ws_connected = onConnected;
    break :table own;
};

fn onConnected(listener: *WSListener, transport: *WSTransport, skip_dispatch: c_int) callconv(.c) ?*Object {
    const result = arrival.onConnected(listener, transport, skip_dispatch) orelse return null;
    if (skip_dispatch == 0) transport.connection().read_end = readEnded;
    return result;
}

/// A read is done. Where the peer broke the protocol in it, the application hears of that now and not when the connection is gone.
fn readEnded(transport: *WSTransport, listener: *WSListener) Error!void {
    const self: *MessageListener = .of(listener);
    if (AsgiListener.of(self).farewell == null and transport.connection().isInputEnded()) {
        try o.callMethodVoid(self.object(), self.state.names._on_input_end, .{});
    }
    try receiving.wake(listener);
}

/// Whether there is something for who waits for an event.
pub fn hasEvent(owner: *MessageListener) bool {
    return owner.queue.whole_count > 0 or AsgiListener.of(owner).farewell != null;
}

/// The next event, or null if there is none.
pub fn takeEvent(owner: *MessageListener) Error!?*Object {
    if (owner.queue.whole_count == 0) return o.incref(AsgiListener.of(owner).farewell orelse return null);
    const entry = owner.queue.pop();
    defer o.decref(entry.object);
    const names = &owner.state.names;
    const event = try o.check(c.PyDict_New());
    errdefer o.decref(event);
    try o.checkStatus(c.PyDict_SetItem(event, names.type, names.@"websocket.receive"));
    try o.checkStatus(c.PyDict_SetItem(event, if (entry.is_text) names.text else names.bytes, entry.object));
    try flow.relax(owner);
    return event;
}

fn receive(self: *AsgiListener, _: ?*Object) callconv(.c) ?*Object {
    if (self.base.transport == null) return o.toC(receiveEarly(self));
    return @ptrCast(coroutines.Coroutine.obtain(&self.base, .receive, .by_opcode) catch return null);
}

fn receiveEarly(self: *AsgiListener) Error!*Object {
    const method = try o.check(c.PyObject_GetAttrString(self.base.object(), "_receive_early"));
    defer o.decref(method);
    return o.call(method, .{});
}

fn send(self: *AsgiListener, event: *Object) callconv(.c) ?*Object {
    return o.toC(sendEvent(self, event));
}

fn sendEvent(self: *AsgiListener, event: *Object) Error!*Object {
    const owner = &self.base;
    if (owner.transport) |transport| {
        if (!owner.is_writing_paused and !outboxes.isOver(transport)) {
            if (try contentOf(owner, event)) |content| {
                try owner.checkThread();
                try sending.write(owner, content, .by_opcode, null);
                return o.incref(owner.state.callbacks.done);
            }
        }
    }
    const method = try o.check(c.PyObject_GetAttrString(owner.object(), "_send_rarely"));
    defer o.decref(method);
    return o.call(method, .{event});
}

/// What an event `websocket.send` sends (borrowed); null if it is another event, or is not as plain as most are.
fn contentOf(owner: *MessageListener, event: *Object) Error!?*Object {
    const names = &owner.state.names;
    if (event.ob_type != c.dictType()) return null;
    const kind = try item(event, names.type) orelse return null;
    if (kind != names.@"websocket.send" and !o.isText(kind, "websocket.send")) return null;
    const given = try item(event, names.bytes);
    if (given) |data| if (!o.isNone(data)) return if (data.ob_type == c.bytesType()) data else null;
    const text = try item(event, names.text) orelse return null;
    return if (c.PyType_GetFlags(text.ob_type) & c.Py_TPFLAGS_UNICODE_SUBCLASS != 0) text else null;
}

fn item(event: *Object, key: *Object) Error!?*Object {
    if (c.PyDict_GetItemWithError(event, key)) |value| return value;
    return if (c.PyErr_Occurred() != null) error.Python else null;
}

/// From here on receive() gives this event once all messages are taken. The first one stays.
fn finish(self: *AsgiListener, event: *Object) callconv(.c) ?*Object {
    if (self.farewell != null) return o.none();
    self.farewell = o.incref(event);
    if (self.base.transport != null) receiving.wake(&self.base.base) catch return null;
    return o.none();
}

fn getFarewell(self: *AsgiListener, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.incref(self.farewell orelse return o.none());
}

fn new(class: *c.PyTypeObject, _: ?*Object, _: ?*Object) callconv(.c) ?*Object {
    const self = messages.create(class) catch return null;
    self.base.vtable = &vtable;
    return self.object();
}

fn traverse(self: *AsgiListener, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const status = o.visit(self.farewell, proc, arg);
    return if (status != 0) status else messages.traverse(&self.base, proc, arg);
}

fn clear(self: *AsgiListener) callconv(.c) c_int {
    o.clear(&self.farewell);
    return messages.clear(&self.base);
}

fn dealloc(self: *AsgiListener) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    o.clear(&self.farewell);
    messages.deinit(&self.base);
}

const methods = [_]c.PyMethodDef{
    o.method("receive", receive, c.METH_NOARGS, "receive($self, /)\n--\n\nASGI: the next event."),
    o.method("send", send, c.METH_O, "send($self, event, /)\n--\n\nASGI: an event of the application's. A message is written at once."),
    o.method("_finish", finish, c.METH_O, "_finish($self, event, /)\n--\n\nFor picows.asgi: receive() gives this event once all messages are taken. The first one stays."),
    .{},
};

const attributes = [_]c.PyGetSetDef{
    .{ .name = "_farewell", .get = @ptrCast(&getFarewell), .doc = "The event of _finish(), or None." },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, "The listener of a connection that an ASGI application serves; see picows.asgi."),
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &attributes),
    o.slots_end,
};

/// A class over MessageListener.
pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.AsgiListener",
        .basicsize = @sizeOf(AsgiListener),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_BASETYPE,
        .slots = &slots,
    };
}
