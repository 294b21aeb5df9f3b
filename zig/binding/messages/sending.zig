//! Sending messages: at once. Who wants to waits until the peer has taken enough of what is queued.

const compression = @import("../connection/compression.zig");
const core = @import("core");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const outboxes = @import("../connection/outbox.zig");
const o = @import("cpython").object;
const Coroutine = @import("coroutine.zig").Coroutine;
const Form = @import("coroutine.zig").Form;
const MessageListener = @import("listener.zig").MessageListener;
const Waiter = @import("waiter.zig").Waiter;
const Object = o.Object;
const Error = o.Error;

/// A step of send() or drain().
pub fn step(self: *Coroutine, owner: *MessageListener) Error!Coroutine.Outcome {
    if (self.message) |message| {
        if (!isSimple(owner, message)) return .{ .delegate = try slowly(owner, message, self.form) };
        try write(owner, message, self.form, null);
        o.clear(&self.message);
    }
    if (owner.is_ended) return if (self.what == .drain or owner.is_writing_paused) owner.raiseFrom(owner.state.names._not_open, .{}) else .{ .result = o.none() };
    if (!owner.is_writing_paused) return .{ .result = o.none() };
    const waiter = try owner.newWaiter();
    errdefer o.decref(waiter);
    if (owner.writers == null) owner.writers = try o.check(c.PyList_New(0));
    try o.checkStatus(c.PyList_Append(owner.writers.?, &waiter.ob));
    return .{ .wait = waiter };
}

/// Whether a message can be sent here and now, as one frame.
fn isSimple(owner: *MessageListener, message: *Object) bool {
    if (owner.is_send_locked or outboxes.isOver(owner.transport.?)) return false;
    const simple = c.Py_TPFLAGS_UNICODE_SUBCLASS | c.Py_TPFLAGS_BYTES_SUBCLASS;
    if (c.PyType_GetFlags(message.ob_type) & simple != 0) return true;
    var view: c.Py_buffer = undefined;
    if (c.PyObject_GetBuffer(message, &view, c.PyBUF_SIMPLE) < 0) {
        c.PyErr_Clear();
        return false;
    }
    c.PyBuffer_Release(&view);
    return true;
}

fn slowly(owner: *MessageListener, message: *Object, form: Form) Error!*Object {
    const as_text = switch (form) {
        .by_opcode => o.none(),
        .text => o.boolean(true).?,
        .bytes => o.boolean(false).?,
    };
    defer o.decref(as_text);
    return o.callMethod(owner.object(), owner.state.names._send_slow, .{ message, as_text });
}

/// Sends a message as one frame: str as TEXT, bytes as BINARY, unless `form` says otherwise.
pub fn write(owner: *MessageListener, object: *Object, form: Form, compress: ?bool) Error!void {
    if (o.isNone(object)) return errors.raise("TypeError", "message must be str or bytes-like, not None");
    const is_str = c.PyType_GetFlags(object.ob_type) & c.Py_TPFLAGS_UNICODE_SUBCLASS != 0;
    const opcode: core.Opcode = switch (form) {
        .by_opcode => if (is_str) .text else .binary,
        .text => .text,
        .bytes => .binary,
    };
    var message = try args.Message.read(object);
    defer message.release();
    try compression.send(owner.transport.?, opcode, .{ .fin = true }, message.data, message.constant, compress);
}

/// Sends a message now. Whether more is welcome.
pub fn now(owner: *MessageListener, message: *Object, form: Form, compress: ?bool) Error!bool {
    try owner.checkThread();
    if (outboxes.isOver(owner.transport.?)) return owner.raiseFrom(owner.state.names._not_open, .{});
    try write(owner, message, form, compress);
    return !owner.is_writing_paused;
}

/// Writing may go on, or the connection is gone. An error is fatal to the program.
pub fn wake(owner: *MessageListener) Error!void {
    const list = owner.writers orelse return;
    owner.writers = null;
    defer o.decref(list);
    const waiters = try o.check(c.PyList_AsTuple(list));
    defer o.decref(waiters);
    for (0..@intCast(c.PyTuple_Size(waiters))) |i| {
        const waiter: *Waiter = @ptrCast(@alignCast(c.PyTuple_GetItem(waiters, @intCast(i)).?));
        try waiter.fire();
    }
}
