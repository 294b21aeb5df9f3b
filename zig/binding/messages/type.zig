//! MessageListener as a Python type.

const args = @import("cpython").args;
const arrival = @import("arrival.zig");
const base = @import("../listener/type.zig");
const c = @import("cpython").capi;
const coroutines = @import("coroutine.zig");
const doc = @import("messages_doc.zig");
const errors = @import("cpython").errors;
const flow = @import("flow.zig");
const hooks = @import("hooks.zig");
const o = @import("cpython").object;
const options = @import("options.zig");
const receiving = @import("receiving.zig");
const sending = @import("sending.zig");
const Form = coroutines.Form;
const MessageListener = @import("listener.zig").MessageListener;
const Object = o.Object;
const Error = o.Error;

const vtable = arrival.table(base.vtable);

fn new(class: *c.PyTypeObject, _: ?*Object, _: ?*Object) callconv(.c) ?*Object {
    const self = create(class) catch return null;
    return self.object();
}

pub fn create(class: *c.PyTypeObject) Error!*MessageListener {
    const self: *MessageListener = .of(try base.create(class));
    self.base.vtable = &vtable;
    self.limits = options.unlimited;
    return self;
}

/// An argument that is None, or says whether it is to be text.
fn formOf(value: ?*Object) Error!Form {
    const object = value orelse return .by_opcode;
    if (o.isNone(object)) return .by_opcode;
    return if (try o.isTrue(object)) .text else .bytes;
}

fn coroutine(self: *MessageListener, what: coroutines.What, form: Form) Error!*coroutines.Coroutine {
    return .obtain(self, what, form);
}

const recv_signature: args.Signature = .{ .method = "recv", .names = &.{"decode"}, .required = 0 };

fn recv(self: *MessageListener, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    const values = args.parse(recv_signature, given, count, keywords) catch return null;
    const form = formOf(values[0]) catch return null;
    if (form != .by_opcode and !self.by_frame) {
        errors.raise("TypeError", "recv() takes no decode here: it is an argument of the connection") catch return null;
    }
    return @ptrCast(coroutine(self, .recv, form) catch return null);
}

fn next(object: *Object) callconv(.c) ?*Object {
    return @ptrCast(coroutine(.of(@ptrCast(object)), .next, .by_opcode) catch return null);
}

fn iterate(self: *Object) callconv(.c) ?*Object {
    return o.incref(self);
}

const batch_signature: args.Signature = .{ .method = "recv_batch", .names = &.{"max"}, .required = 0 };

fn recvBatch(self: *MessageListener, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    const values = args.parse(batch_signature, given, count, keywords) catch return null;
    const count_max = options.limit("max", values[0] orelse c.none(), 1) catch return null;
    const made = coroutine(self, .batch, .by_opcode) catch return null;
    made.count_max = count_max;
    return &made.ob;
}

fn recvNowait(self: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    self.checkThread() catch return null;
    if (self.receiver != null) self.raiseFrom(self.state.names._conflict, .{}) catch return null;
    const message = receiving.takeMessage(self, .by_opcode) catch return null;
    if (message) |object| return object;
    if (self.is_ended) self.raiseFrom(self.state.names._ended, .{c.none()}) catch return null;
    self.is_whole_wanted = true;
    flow.relax(self) catch return null;
    return o.none();
}

fn recvFrame(self: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    return @ptrCast(coroutine(self, .frame, .by_opcode) catch return null);
}

fn ignoreInput(self: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    self.checkThread() catch return null;
    flow.ignoreInput(self) catch return null;
    return o.none();
}

const now_signature: args.Signature = .{ .method = "send", .names = &.{ "message", "text", "compress" }, .required = 1 };
const send_signature: args.Signature = .{ .method = "send", .names = &.{ "message", "text" }, .required = 1 };

fn sendNowait(self: *MessageListener, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    const values = args.parse(now_signature, given, count, keywords) catch return null;
    const form = formOf(values[1]) catch return null;
    const compress: ?bool = switch (formOf(values[2]) catch return null) {
        .by_opcode => null,
        .text => true,
        .bytes => false,
    };
    return o.boolean(sending.now(self, values[0].?, form, compress) catch return null);
}

fn sendWait(self: *MessageListener, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    const values = args.parse(send_signature, given, count, keywords) catch return null;
    const form = formOf(values[1]) catch return null;
    const made = coroutine(self, .send, form) catch return null;
    made.message = o.incref(values[0].?);
    return &made.ob;
}

fn drain(self: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    return @ptrCast(coroutine(self, .drain, .by_opcode) catch return null);
}

fn getTransport(self: *MessageListener, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.incref(@as(?*Object, @ptrCast(self.transport)) orelse c.none());
}

fn getSize(comptime field: enum { dropped, count, bytes }) fn (*MessageListener, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *MessageListener, _: ?*anyopaque) callconv(.c) ?*Object {
            return c.PyLong_FromSize_t(switch (field) {
                .dropped => self.dropped,
                .count => self.queue.count(),
                .bytes => self.queue.bytes,
            });
        }
    }.get;
}

fn getFlag(comptime name: []const u8) fn (*MessageListener, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *MessageListener, _: ?*anyopaque) callconv(.c) ?*Object {
            return o.boolean(@field(self, name));
        }
    }.get;
}

fn isInsideMessage(self: *MessageListener, _: ?*anyopaque) callconv(.c) ?*Object {
    const transport = self.transport orelse return o.boolean(false);
    return o.boolean(transport.connection().session.parser.message.fragments.open);
}

const references = .{ "transport", "decoder", "receiver", "writers", "spare_receiver", "spare_sender", "spare_waiter" };

pub fn traverse(self: *MessageListener, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const status = o.visit(self.base.ob.ob_type, proc, arg);
    if (status != 0) return status;
    inline for (references) |name| {
        const visited = o.visit(@field(self, name), proc, arg);
        if (visited != 0) return visited;
    }
    return self.queue.traverse(proc, arg);
}

pub fn clear(self: *MessageListener) callconv(.c) c_int {
    inline for (references) |name| o.clear(&@field(self, name));
    self.queue.clear();
    return 0;
}

fn dealloc(self: *MessageListener) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    deinit(self);
}

/// What dies is not seen by the garbage collector any more.
pub fn deinit(self: *MessageListener) void {
    _ = clear(self);
    self.queue.deinit();
    base.dealloc(&self.base);
}

const with_keywords = c.METH_FASTCALL | c.METH_KEYWORDS;

const methods = [_]c.PyMethodDef{
    o.method("recv", recv, with_keywords, doc.recv),
    o.method("recv_batch", recvBatch, with_keywords, doc.recv_batch),
    o.method("recv_nowait", recvNowait, c.METH_NOARGS, doc.recv_nowait),
    o.method("_recv_frame", recvFrame, c.METH_NOARGS, doc.recv_frame),
    o.method("_ignore_input", ignoreInput, c.METH_NOARGS, doc.ignore_input),
    o.method("_send_nowait", sendNowait, with_keywords, doc.send_nowait),
    o.method("_send_wait", sendWait, with_keywords, doc.send_wait),
    o.method("drain", drain, c.METH_NOARGS, doc.drain),
    o.method("_on_close", hooks.onClose, c.METH_FASTCALL, doc.on_close),
    o.method("_on_pong", hooks.ignore, c.METH_O, doc.on_pong),
    o.method("_on_bad_text", hooks.onBadText, c.METH_O, doc.on_bad_text),
    o.method("_on_full", hooks.onFull, c.METH_NOARGS, doc.on_full),
    o.method("_ended", hooks.gone, c.METH_O, doc.ended),
    o.method("_not_open", hooks.notOpen, c.METH_NOARGS, doc.not_open),
    o.method("_conflict", hooks.conflict, c.METH_NOARGS, doc.conflict),
    o.method("_send_slow", hooks.sendSlow, c.METH_FASTCALL, doc.send_slow),
    .{},
};

const attributes = [_]c.PyGetSetDef{
    .{ .name = "ws_transport", .get = @ptrCast(&getTransport), .doc = doc.ws_transport },
    .{ .name = "dropped", .get = @ptrCast(&getSize(.dropped)), .doc = doc.dropped },
    .{ .name = "queued", .get = @ptrCast(&getSize(.count)), .doc = doc.queued },
    .{ .name = "queued_bytes", .get = @ptrCast(&getSize(.bytes)), .doc = doc.queued_bytes },
    .{ .name = "is_writing_paused", .get = @ptrCast(&getFlag("is_writing_paused")), .doc = doc.is_writing_paused },
    .{ .name = "is_reading_paused", .get = @ptrCast(&getFlag("is_reading_paused")), .doc = doc.is_reading_paused },
    .{ .name = "is_inside_message", .get = @ptrCast(&isInsideMessage), .doc = doc.is_inside_message },
    .{},
};

const members = [_]c.PyMemberDef{
    .{ .name = "_is_send_locked", .type = c.T_BOOL, .offset = @offsetOf(MessageListener, "is_send_locked") },
    .{ .name = "_is_recv_locked", .type = c.T_BOOL, .offset = @offsetOf(MessageListener, "is_recv_locked") },
    .{ .name = "_wants_pongs", .type = c.T_BOOL, .offset = @offsetOf(MessageListener, "wants_pongs") },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, doc.class),
    o.slot(c.Py_tp_new, &new),
    o.slot(c.Py_tp_init, &options.init),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &attributes),
    o.slot(c.Py_tp_members, &members),
    o.slot(c.Py_am_aiter, &iterate),
    o.slot(c.Py_am_anext, &next),
    o.slots_end,
};

/// A class over WSListener.
pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows._native.MessageListener",
        .basicsize = @sizeOf(MessageListener),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_BASETYPE,
        .slots = &slots,
    };
}
