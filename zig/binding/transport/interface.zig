//! WSTransport as Python sees it: methods and attributes.

const core = @import("core");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const o = @import("cpython").object;
const calls = @import("calls.zig");
const doc = @import("transport_doc.zig");
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const frame_flags = @import("../frame/flags.zig");
const ping = @import("../connection/ping.zig");
const pong = @import("../connection/pong.zig");
const outbox = @import("../connection/outbox.zig");
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

const send_signature: args.Signature = .{
    .method = "send",
    .names = &.{ "msg_type", "message", "fin", "rsv1", "rsv2", "rsv3", "compress" },
    .required = 2,
};

fn sendMessage(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const values = try args.parse(send_signature, given, count, keywords);
    const flags = try frame_flags.read(values[2..6]);
    var message = try args.Message.read(values[1]);
    defer message.release();
    const compress = try args.choice(values[6]);
    try calls.send(self, try args.integer(values[0].?), message.data, message.constant, flags, compress);
    return o.none();
}

const bytearray_signature: args.Signature = .{
    .method = "send_reuse_external_bytearray",
    .names = &.{ "msg_type", "buffer", "msg_offset", "fin", "rsv1", "rsv2", "rsv3" },
    .required = 3,
};

fn sendBytearray(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const values = try args.parse(bytearray_signature, given, count, keywords);
    const flags = try frame_flags.read(values[3..7]);
    const offset = c.PyNumber_AsSsize_t(values[2].?, c.exception("OverflowError"));
    if (offset == -1 and c.PyErr_Occurred() != null) return error.Python;
    // As long as it is exported, the memory cannot move, whatever the event loop calls.
    var view: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(values[1].?, &view, c.PyBUF_WRITABLE));
    defer c.PyBuffer_Release(&view);
    try calls.sendBytearray(self, try args.integer(values[0].?), args.slice(&view), offset, flags);
    return o.none();
}

fn sendControl(comptime method: [:0]const u8, comptime function: fn (*WSTransport, []const u8) Error!void) fn (*WSTransport, [*]const *Object, c.Py_ssize_t, ?*Object) Error!*Object {
    const signature: args.Signature = .{ .method = method, .names = &.{"message"}, .required = 0 };
    return struct {
        fn call(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
            const values = try args.parse(signature, given, count, keywords);
            var message = try args.Message.read(values[0]);
            defer message.release();
            try function(self, message.data);
            return o.none();
        }
    }.call;
}

const close_signature: args.Signature = .{ .method = "send_close", .names = &.{ "close_code", "close_message", "answer_timeout" }, .required = 0 };

fn sendClose(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const values = try args.parse(close_signature, given, count, keywords);
    const code: c_long = if (values[0]) |value| try args.integer(value) else @backingInt(core.CloseCode.no_info);
    var reason = try args.Message.read(values[1]);
    defer reason.release();
    const seconds = try answerSeconds(values[2]);
    try calls.sendClose(self, code, reason.data);
    if (seconds) |limit| try ending.awaitAnswer(self, limit);
    return o.none();
}

fn answerSeconds(value: ?*Object) Error!?f64 {
    const object = value orelse return null;
    if (o.isNone(object)) return null;
    const seconds = try o.toFloat(object);
    if (seconds >= 0 and seconds <= 1e9) return seconds;
    return errors.raise("ValueError", "answer_timeout must be None, or at least 0 and at most 1000000000 seconds");
}

const fail_signature: args.Signature = .{ .method = "_fail", .names = &.{ "close_code", "close_message" }, .required = 2 };

fn fail(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const values = try args.parse(fail_signature, given, count, keywords);
    var reason = try args.Message.read(values[1]);
    defer reason.release();
    try calls.fail(self, try args.integer(values[0].?), reason.data);
    return o.none();
}

const disconnect_signature: args.Signature = .{ .method = "disconnect", .names = &.{"graceful"}, .required = 0 };

fn disconnectMethod(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const values = try args.parse(disconnect_signature, given, count, keywords);
    try calls.disconnect(self, try args.boolean(values[0], true));
    return o.none();
}

fn waitDisconnected(self: *WSTransport, _: ?*Object) callconv(.c) ?*Object {
    self.checkThread("wait_disconnected") catch return null;
    return o.toC(o.call(self.state.imports.wait_disconnected, .{self}));
}

/// Makes a method of a function that reads its own arguments.
fn withArguments(comptime function: anytype) fn (*WSTransport, [*]const *Object, c.Py_ssize_t, ?*Object) callconv(.c) ?*Object {
    return struct {
        fn call(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
            return o.toC(function(self, given, count, keywords));
        }
    }.call;
}

fn getObject(comptime name: []const u8) fn (*WSTransport, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
            return o.load(&@field(self, name));
        }
    }.get;
}

fn getUnderlying(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    outbox.share(self) catch return null;
    return o.load(&self.underlying_transport);
}

fn getFlag(comptime name: []const u8) fn (*WSTransport, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
            return o.boolean(@atomicLoad(c_int, &@field(self, name), .acquire) != 0);
        }
    }.get;
}

/// For picows.values.closing: the futures that are done once the connection is gone, or None if it is gone already.
fn getWaiters(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    self.checkThread("wait_disconnected") catch return null;
    if (self.is_disconnected != 0) return o.none();
    const connection = self.connection();
    if (connection.waiters == null) connection.waiters = o.check(c.PyList_New(0)) catch return null;
    return o.incref(connection.waiters.?);
}

fn getDisconnectInfo(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.toC(ending.info(self));
}

/// For picows.values.closing: the exception that ended the connection, or None.
fn getException(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.incref(@atomicLoad(?*Object, &self.connection().exception, .acquire) orelse return o.none());
}

/// For picows.values.closing: the traceback that it came with, or None.
fn getTraceback(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.incref(self.connection().traceback orelse return o.none());
}

/// For the event loop's timers and picows.values.roundtrip.
fn privateMethod(comptime function: anytype) fn (*WSTransport, ?*Object) callconv(.c) ?*Object {
    return struct {
        fn call(self: *WSTransport, _: ?*Object) callconv(.c) ?*Object {
            function(self) catch return null;
            return o.none();
        }
    }.call;
}

fn measurePing(self: *WSTransport, _: ?*Object) callconv(.c) ?*Object {
    return o.toC(pong.measure(self));
}

fn giveUpPing(self: *WSTransport, future: *Object) callconv(.c) ?*Object {
    pong.giveUpFuture(self, future);
    return o.none();
}

fn notifyPong(self: *WSTransport, _: ?*Object) callconv(.c) ?*Object {
    calls.notifyPong(self) catch return null;
    return o.none();
}

const roundtrip_signature: args.Signature = .{ .method = "measure_roundtrip_time", .names = &.{"rounds"}, .required = 1 };

fn measureRoundtripTime(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    try self.checkThread("measure_roundtrip_time");
    const values = try args.parse(roundtrip_signature, given, count, keywords);
    return o.call(self.state.imports.measure_roundtrip_time, .{ self, values[0].? });
}

const with_keywords = c.METH_FASTCALL | c.METH_KEYWORDS;

pub const methods = [_]c.PyMethodDef{
    o.method("send", withArguments(sendMessage), with_keywords, doc.send),
    o.method("send_reuse_external_bytearray", withArguments(sendBytearray), with_keywords, doc.send_reuse_external_bytearray),
    o.method("send_ping", withArguments(sendControl("send_ping", calls.sendPing)), with_keywords, doc.send_ping),
    o.method("send_pong", withArguments(sendControl("send_pong", calls.sendPong)), with_keywords, doc.send_pong),
    o.method("send_close", withArguments(sendClose), with_keywords, doc.send_close),
    o.method("disconnect", withArguments(disconnectMethod), with_keywords, doc.disconnect),
    o.method("wait_disconnected", waitDisconnected, c.METH_NOARGS, doc.wait_disconnected),
    o.method("measure_roundtrip_time", withArguments(measureRoundtripTime), with_keywords, doc.measure_roundtrip_time),
    o.method("notify_user_specific_pong_received", notifyPong, c.METH_NOARGS, doc.notify_user_specific_pong_received),
    o.method("_fail", withArguments(fail), with_keywords, "_fail($self, close_code, close_message)\n--\n\nFor picows.websockets: sends a CLOSE, receives nothing more and disconnects soon."),
    o.method("_measure_ping", measurePing, c.METH_NOARGS, "_measure_ping($self, /)\n--\n\nFor picows.values.roundtrip: sends a ping and returns the future of its answer."),
    o.method("_give_up_ping", giveUpPing, c.METH_O, "_give_up_ping($self, future, /)\n--\n\nFor picows.values.roundtrip: nobody waits for that answer any more."),
    .{},
};

pub const attributes = [_]c.PyGetSetDef{
    .{ .name = "underlying_transport", .get = @ptrCast(&getUnderlying), .doc = doc.underlying_transport },
    .{ .name = "request", .get = @ptrCast(&getObject("request")), .doc = doc.request },
    .{ .name = "response", .get = @ptrCast(&getObject("response")), .doc = doc.response },
    .{ .name = "close_handshake", .get = @ptrCast(&getObject("close_handshake")), .doc = doc.close_handshake },
    .{ .name = "is_client_side", .get = @ptrCast(&getFlag("is_client_side")), .doc = doc.is_client_side },
    .{ .name = "is_secure", .get = @ptrCast(&getFlag("is_secure")), .doc = doc.is_secure },
    .{ .name = "is_close_frame_sent", .get = @ptrCast(&getFlag("is_close_frame_sent")), .doc = doc.is_close_frame_sent },
    .{ .name = "is_disconnected", .get = @ptrCast(&getFlag("is_disconnected")), .doc = doc.is_disconnected },
    .{ .name = "disconnect_info", .get = @ptrCast(&getDisconnectInfo), .doc = doc.disconnect_info },
    .{ .name = "_waiters", .get = @ptrCast(&getWaiters) },
    .{ .name = "_exception", .get = @ptrCast(&getException) },
    .{ .name = "_traceback", .get = @ptrCast(&getTraceback) },
    .{},
};
