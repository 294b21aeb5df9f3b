//! WSTransport: the user's end of a connection.

const std = @import("std");
const core = @import("core");
const args = @import("args.zig");
const c = @import("capi.zig");
const o = @import("object.zig");
const errors = @import("errors.zig");
const send = @import("send.zig");
const socket = @import("socket.zig");
const Connection = @import("connection.zig").Connection;
const Endpoint = @import("endpoint.zig").Endpoint;
const State = @import("state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const WSTransport = extern struct {
    ob: Object,
    vtable: *const VTable,
    // The fields from here to `is_disconnected` are public to native code, in the order of picows.pxd.
    underlying_transport: *Object,
    request: *Object,
    response: *Object,
    close_handshake: *Object,
    is_client_side: c_int,
    is_secure: c_int,
    is_close_frame_sent: c_int,
    is_disconnected: c_int,

    state: *State,
    weakrefs: ?*Object,

    /// The rest of the object stands right behind this struct.
    pub fn connection(self: *WSTransport) *Connection {
        const base: [*]u8 = @ptrCast(self);
        return @ptrCast(@alignCast(base + connection_offset));
    }

    /// A transport over `underlying` (borrowed), in the thread that calls.
    pub fn create(endpoint: *Endpoint, underlying: *Object) Error!*WSTransport {
        const state = endpoint.state;
        const self = try o.allocate(WSTransport, state.types.WSTransport);
        self.vtable = &vtable;
        self.state = state;
        self.underlying_transport = o.incref(underlying);
        self.request = o.incref(endpoint.request);
        self.response = o.none();
        self.close_handshake = o.none();
        self.is_client_side = @intFromBool(endpoint.is_client);
        self.connection().* = .{
            .endpoint = o.incref(endpoint),
            .thread = c.PyThread_get_thread_ident(),
            .parser = .{
                .role = endpoint.role(),
                .strict = endpoint.strict != 0,
                .payload_size_max = @intCast(endpoint.max_frame_size),
                .mask = state.mask,
            },
        };
        errdefer o.decref(self);
        try self.inspectUnderlying();
        return self;
    }

    /// Learns whether the transport is TLS, and its socket, which is optional: some event loops offer none.
    fn inspectUnderlying(self: *WSTransport) Error!void {
        const ssl_object = try self.extraInfo(self.state.names.ssl_object);
        defer o.decref(ssl_object);
        self.is_secure = @intFromBool(!o.isNone(ssl_object));
        const raw_socket = try self.extraInfo(self.state.names.socket);
        defer o.decref(raw_socket);
        if (o.isNone(raw_socket) or !socket.is_supported) return;
        const number = try o.callMethod(raw_socket, self.state.names.fileno, .{});
        defer o.decref(number);
        const handle = c.PyLong_AsLong(number);
        if (handle == -1) return c.PyErr_Clear();
        socket.setNoDelay(@intCast(handle));
        if (self.is_secure == 0) self.connection().socket = @intCast(handle);
    }

    pub fn extraInfo(self: *WSTransport, name: *Object) Error!*Object {
        return o.callMethod(self.underlying_transport, self.state.names.get_extra_info, .{name});
    }

    pub fn disconnect(self: *WSTransport, graceful: bool) Error!void {
        const connection_ = self.connection();
        if (self.is_disconnected != 0) return;
        connection_.is_input_ended = true;
        connection_.is_disconnecting = true;
        const names = &self.state.names;
        try o.callMethodVoid(self.underlying_transport, if (graceful) names.close else names.abort, .{});
    }

    fn checkThread(self: *WSTransport, comptime method: [:0]const u8) Error!void {
        if (self.connection().isOwnThread()) return;
        return errors.raise("RuntimeError", "WSTransport." ++ method ++ "() was called from another thread than the " ++
            "connection's; use loop.call_soon_threadsafe()");
    }
};

const connection_offset = std.mem.alignForward(usize, @sizeOf(WSTransport), @alignOf(Connection));

/// C functions in the order of picows.pxd.
pub const VTable = extern struct {
    send_reuse_external_buffer: *const fn (*WSTransport, c_int, [*]u8, c.Py_ssize_t, ?*const FrameOptions) callconv(.c) c_int = sendReuseExternalBuffer,
};
pub const vtable: VTable = .{};

/// Cython's struct of optional arguments: how many were given, then their values.
pub const FrameOptions = extern struct {
    count: c_int,
    fin: c_int,
    rsv1: c_int,
    rsv2: c_int,
    rsv3: c_int,

    fn flags(self: ?*const FrameOptions) core.Flags {
        var result: core.Flags = .{ .fin = true };
        const given = self orelse return result;
        if (given.count > 0) result.fin = given.fin != 0;
        if (given.count > 1) result.rsv1 = given.rsv1 != 0;
        if (given.count > 2) result.rsv2 = given.rsv2 != 0;
        if (given.count > 3) result.rsv3 = given.rsv3 != 0;
        return result;
    }
};

/// Returns 0, or -1 with an exception set.
fn sendReuseExternalBuffer(self: *WSTransport, msg_type: c_int, payload: [*]u8, size: c.Py_ssize_t, options: ?*const FrameOptions) callconv(.c) c_int {
    sendReuseChecked(self, msg_type, payload, size, options) catch return -1;
    return 0;
}

fn sendReuseChecked(self: *WSTransport, msg_type: c_int, payload: [*]u8, size: c.Py_ssize_t, options: ?*const FrameOptions) Error!void {
    try self.checkThread("send_reuse_external_buffer");
    if (size < 0) return errors.raise("ValueError", "msg_size is a number of bytes and not negative");
    const flags = FrameOptions.flags(options);
    const opcode = try send.dataOpcode(msg_type, @intCast(size), flags);
    try send.reuse(self, opcode, flags, payload, @intCast(size));
}

fn readOpcode(object: *Object) Error!c_long {
    const value = c.PyLong_AsLong(object);
    if (value == -1 and c.PyErr_Occurred() != null) return error.Python;
    return value;
}

fn readFlags(values: *const [4]?*Object) Error!core.Flags {
    return .{
        .fin = try args.boolean(values[0], true),
        .rsv1 = try args.boolean(values[1], false),
        .rsv2 = try args.boolean(values[2], false),
        .rsv3 = try args.boolean(values[3], false),
    };
}

const send_signature: args.Signature = .{
    .method = "send",
    .names = &.{ "msg_type", "message", "fin", "rsv1", "rsv2", "rsv3" },
    .required = 2,
};

fn sendMessage(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    try self.checkThread("send");
    const values = try args.parse(send_signature, given, count, keywords);
    const flags = try readFlags(values[2..6]);
    var message = try args.Message.read(values[1]);
    defer message.release();
    const opcode = try send.dataOpcode(try readOpcode(values[0].?), message.data.len, flags);
    try send.copy(self, opcode, flags, message.data);
    return o.none();
}

const bytearray_signature: args.Signature = .{
    .method = "send_reuse_external_bytearray",
    .names = &.{ "msg_type", "buffer", "msg_offset", "fin", "rsv1", "rsv2", "rsv3" },
    .required = 3,
};

fn sendBytearray(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    try self.checkThread("send_reuse_external_bytearray");
    const values = try args.parse(bytearray_signature, given, count, keywords);
    const flags = try readFlags(values[3..7]);
    const offset = c.PyNumber_AsSsize_t(values[2].?, c.exception("OverflowError"));
    if (offset == -1 and c.PyErr_Occurred() != null) return error.Python;
    if (offset < core.header_size_max) {
        return errors.raise("ValueError", "msg_offset must leave at least 14 bytes in front of the message for the frame header");
    }
    // The export keeps the memory where it is, whatever the event loop calls meanwhile.
    var view: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(values[1].?, &view, c.PyBUF_WRITABLE));
    defer c.PyBuffer_Release(&view);
    if (offset > view.len) return errors.raise("ValueError", "msg_offset lies behind the end of the buffer");
    const payload = args.slice(&view)[@intCast(offset)..];
    const opcode = try send.dataOpcode(try readOpcode(values[0].?), payload.len, flags);
    try send.reuse(self, opcode, flags, payload.ptr, payload.len);
    return o.none();
}

fn sendControl(comptime opcode: core.Opcode, comptime method: [:0]const u8) fn (*WSTransport, [*]const *Object, c.Py_ssize_t, ?*Object) Error!*Object {
    const signature: args.Signature = .{ .method = method, .names = &.{"message"}, .required = 0 };
    return struct {
        fn call(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
            try self.checkThread(method);
            const values = try args.parse(signature, given, count, keywords);
            var message = try args.Message.read(values[0]);
            defer message.release();
            _ = try send.dataOpcode(@backingInt(opcode), message.data.len, .{ .fin = true });
            try send.copy(self, opcode, .{ .fin = true }, message.data);
            return o.none();
        }
    }.call;
}

const close_signature: args.Signature = .{ .method = "send_close", .names = &.{ "close_code", "close_message" }, .required = 0 };

fn sendClose(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    try self.checkThread("send_close");
    const values = try args.parse(close_signature, given, count, keywords);
    const code: c_long = if (values[0]) |value| try readOpcode(value) else @backingInt(core.CloseCode.no_info);
    var reason = try args.Message.read(values[1]);
    defer reason.release();
    try send.close(self, try send.closeCode(code, reason.data), reason.data);
    return o.none();
}

const disconnect_signature: args.Signature = .{ .method = "disconnect", .names = &.{"graceful"}, .required = 0 };

fn disconnectMethod(self: *WSTransport, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    try self.checkThread("disconnect");
    const values = try args.parse(disconnect_signature, given, count, keywords);
    try self.disconnect(try args.boolean(values[0], true));
    return o.none();
}

fn waitDisconnected(self: *WSTransport, _: ?*Object) callconv(.c) ?*Object {
    self.checkThread("wait_disconnected") catch return null;
    return o.toC(o.call(self.state.imports.wait_disconnected, .{self}));
}

/// A method over a function that reads its own arguments.
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
            return o.incref(@field(self, name));
        }
    }.get;
}

fn getFlag(comptime name: []const u8) fn (*WSTransport, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
            return o.boolean(@field(self, name) != 0);
        }
    }.get;
}

/// For picows.closing: the future that is done once the connection is gone, or None if it is gone already.
fn getDisconnected(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    if (self.is_disconnected != 0) return o.none();
    const connection = self.connection();
    if (connection.disconnected == null) {
        const future = o.callMethod(connection.endpoint.loop, self.state.names.create_future, .{}) catch return null;
        connection.disconnected = future;
    }
    return o.incref(connection.disconnected.?);
}

/// For picows.closing: the exception that ended the connection, or None.
fn getException(self: *WSTransport, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.incref(self.connection().exception orelse return o.none());
}

const object_fields = .{ "underlying_transport", "request", "response", "close_handshake" };

fn traverse(self: *WSTransport, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const connection = self.connection();
    const others = [_]?*Object{ @ptrCast(self.ob.ob_type), @ptrCast(connection.endpoint), @ptrCast(connection.listener), connection.exception, connection.disconnected };
    for (others) |object| {
        const status = o.visit(object, proc, arg);
        if (status != 0) return status;
    }
    inline for (object_fields) |name| {
        const status = o.visit(@field(self, name), proc, arg);
        if (status != 0) return status;
    }
    return 0;
}

/// Breaks cycles: what leads to users' objects is let go, the object itself stays whole.
fn clear(self: *WSTransport) callconv(.c) c_int {
    const connection = self.connection();
    o.clear(&connection.listener);
    o.clear(&connection.exception);
    o.clear(&connection.disconnected);
    inline for (object_fields) |name| o.replace(&@field(self, name), c.none());
    return 0;
}

fn dealloc(self: *WSTransport) callconv(.c) void {
    c.PyObject_GC_UnTrack(self);
    if (self.weakrefs != null) c.PyObject_ClearWeakRefs(&self.ob);
    _ = clear(self);
    inline for (object_fields) |name| o.decref(@field(self, name));
    const connection = self.connection();
    connection.input.deinit(connection.endpoint.loop_state);
    o.decref(connection.endpoint);
    o.free(&self.ob);
}

const with_keywords = c.METH_FASTCALL | c.METH_KEYWORDS;

const methods = [_]c.PyMethodDef{
    o.method("send", withArguments(sendMessage), with_keywords, doc.send),
    o.method("send_reuse_external_bytearray", withArguments(sendBytearray), with_keywords, doc.send_reuse_external_bytearray),
    o.method("send_ping", withArguments(sendControl(.ping, "send_ping")), with_keywords, doc.send_ping),
    o.method("send_pong", withArguments(sendControl(.pong, "send_pong")), with_keywords, doc.send_pong),
    o.method("send_close", withArguments(sendClose), with_keywords, doc.send_close),
    o.method("disconnect", withArguments(disconnectMethod), with_keywords, doc.disconnect),
    o.method("wait_disconnected", waitDisconnected, c.METH_NOARGS, doc.wait_disconnected),
    .{},
};

const getset = [_]c.PyGetSetDef{
    .{ .name = "underlying_transport", .get = @ptrCast(&getObject("underlying_transport")), .doc = "The asyncio transport: buffer limits, extra info. Not for sending." },
    .{ .name = "request", .get = @ptrCast(&getObject("request")), .doc = "WSUpgradeRequest of the opening handshake." },
    .{ .name = "response", .get = @ptrCast(&getObject("response")), .doc = "WSUpgradeResponse of the opening handshake." },
    .{ .name = "close_handshake", .get = @ptrCast(&getObject("close_handshake")), .doc = "The CLOSE frames seen so far (recv, sent, recv_then_sent), None before the first." },
    .{ .name = "is_client_side", .get = @ptrCast(&getFlag("is_client_side")), .doc = "Whether this is the client's end." },
    .{ .name = "is_secure", .get = @ptrCast(&getFlag("is_secure")), .doc = "Whether the connection runs over TLS." },
    .{ .name = "is_close_frame_sent", .get = @ptrCast(&getFlag("is_close_frame_sent")), .doc = "Whether a CLOSE was sent; every later send does nothing." },
    .{ .name = "is_disconnected", .get = @ptrCast(&getFlag("is_disconnected")), .doc = "Whether the connection is gone." },
    .{ .name = "_disconnected", .get = @ptrCast(&getDisconnected) },
    .{ .name = "_exception", .get = @ptrCast(&getException) },
    .{},
};

const members = [_]c.PyMemberDef{
    .{ .name = "__weaklistoffset__", .type = c.T_PYSSIZET, .offset = @offsetOf(WSTransport, "weakrefs"), .flags = c.READONLY },
    .{},
};

const doc = @import("transport_doc.zig");

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, doc.class),
    o.slot(c.Py_tp_traverse, &traverse),
    o.slot(c.Py_tp_clear, &clear),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &getset),
    o.slot(c.Py_tp_members, &members),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows.picows.WSTransport",
        .basicsize = connection_offset + @sizeOf(Connection),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_HAVE_GC | c.Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = &slots,
    };
}
