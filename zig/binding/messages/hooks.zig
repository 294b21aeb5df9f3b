//! What a MessageListener does by default where a subclass may do something else.

const core = @import("core");
const c = @import("cpython").capi;
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const frames = @import("../connection/send.zig");
const o = @import("cpython").object;
const MessageListener = @import("listener.zig").MessageListener;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// Answers a CLOSE with its code, and disconnects once that is sent.
pub fn onClose(self: *MessageListener, given: [*]const *Object, count: c.Py_ssize_t) callconv(.c) ?*Object {
    if (count != 2) return c.PyErr_Format(c.exception("TypeError"), "_on_close() takes 2 arguments (%zd given)", count);
    answerClose(self, given[0], given[1]) catch return null;
    return o.none();
}

fn answerClose(self: *MessageListener, transport_object: *Object, frame_object: *Object) Error!void {
    try self.checkThread();
    const types = &self.state.types;
    if (!o.isInstance(transport_object, types.WSTransport) or !o.isInstance(frame_object, types.WSFrame)) {
        return errors.raise("TypeError", "_on_close() must be given a WSTransport and a WSFrame");
    }
    const transport: *WSTransport = @ptrCast(@alignCast(transport_object));
    const frame: *WSFrame = @ptrCast(@alignCast(frame_object));
    const close = try frame.close();
    try frames.close(transport, close.code, "");
    try transport.disconnect(true);
}

pub fn ignore(_: *MessageListener, _: *Object) callconv(.c) ?*Object {
    return o.none();
}

pub fn onBadText(self: *MessageListener, _: *Object) callconv(.c) ?*Object {
    return fail(self, .invalid_text, "TEXT message is not UTF-8");
}

pub fn onFull(self: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    return fail(self, .policy_violation, "messages are not taken as fast as they come");
}

fn fail(self: *MessageListener, code: core.CloseCode, reason: []const u8) ?*Object {
    self.checkThread() catch return null;
    const transport = self.transport.?;
    frames.close(transport, code, reason) catch return null;
    transport.connection().session.drop();
    ending.lingerAndDisconnect(transport) catch return null;
    return o.none();
}

pub fn gone(_: *MessageListener, _: *Object) callconv(.c) ?*Object {
    return exceptionOf(c.exception("ConnectionError"), "the connection is closed");
}

pub fn notOpen(_: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    return exceptionOf(c.exception("ConnectionError"), "the connection is closing or closed");
}

pub fn conflict(_: *MessageListener, _: ?*Object) callconv(.c) ?*Object {
    return exceptionOf(c.exception("RuntimeError"), "another task waits for a message of this connection already");
}

fn exceptionOf(class: *Object, message: [:0]const u8) ?*Object {
    const words = o.text(message) catch return null;
    defer o.decref(words);
    return o.toC(o.call(class, .{words}));
}

pub fn sendSlow(_: *MessageListener, given: [*]const *Object, count: c.Py_ssize_t) callconv(.c) ?*Object {
    if (count != 2) return c.PyErr_Format(c.exception("TypeError"), "_send_slow() takes 2 arguments (%zd given)", count);
    return c.PyErr_Format(c.exception("TypeError"), "message must be str or bytes-like, not %R", given[0].ob_type);
}
