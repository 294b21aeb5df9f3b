//! TcpTransport as asyncio and users see it: the methods of asyncio.Transport.

const std = @import("std");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const o = @import("cpython").object;
const engines = @import("../tls/engine.zig");
const errors = @import("cpython").errors;
const handshake = @import("handshake.zig");
const Address = @import("net").address.Address;
const AF = @import("net").address.AF;
const linux = @import("net").linux;
const secures = @import("secure.zig");
const socket = @import("net").socket;
const tcp = @import("tcp.zig");
const outbox = @import("../connection/outbox.zig");
const writing = @import("writing.zig");
const Endpoint = @import("../connection/endpoint.zig").Endpoint;
const State = @import("../state/state.zig").State;
const TcpTransport = tcp.TcpTransport;
const Object = o.Object;
const Error = o.Error;

/// asyncio's default of ssl_shutdown_timeout.
pub const shutdown_seconds_default = 30.0;

pub fn new(class: *c.PyTypeObject, arguments: *Object, kwargs: ?*Object) callconv(.c) ?*Object {
    return o.toC(create(class, arguments, kwargs));
}

fn create(class: *c.PyTypeObject, arguments: *Object, kwargs: ?*Object) Error!*Object {
    const names = [_]?[*:0]const u8{ "endpoint", "sock", "wrap", "engine", "secured", "shutdown_seconds", "opened", null };
    var endpoint: *Object = undefined;
    var sock: *Object = undefined;
    var wrap: *Object = c.none();
    var engine: *Object = c.none();
    var secured: *Object = c.none();
    var shutdown_seconds: f64 = shutdown_seconds_default;
    var object: ?*Object = null;
    var incoming: *Object = undefined;
    var outgoing: *Object = undefined;
    if (c.PyArg_ParseTupleAndKeywords(arguments, kwargs, "OO|OOOd(OOO):TcpTransport", &names, &endpoint, &sock, &wrap, &engine, &secured, &shutdown_seconds, &object, &incoming, &outgoing) == 0) return error.Python;
    const state: *State = @ptrCast(@alignCast(c.PyType_GetModuleState(class).?));
    if (!o.isInstance(endpoint, state.types.Endpoint)) return errors.raise("TypeError", "endpoint must be an Endpoint");
    var tls: TcpTransport.Tls = .{ .wrap = if (o.isNone(wrap)) null else wrap, .kind = try kindOf(engine), .shutdown_seconds = shutdown_seconds };
    if (object) |opened| tls.opened = .{ .object = opened, .incoming = incoming, .outgoing = outgoing };
    const is_tls = tls.wrap != null or tls.opened != null;
    const self = try TcpTransport.connected(class, @ptrCast(endpoint), sock, if (is_tls) tls else null, if (o.isNone(secured)) null else secured);
    return &self.ob;
}

/// None stands for the engine that works everywhere.
pub fn kindOf(engine: *Object) Error!engines.Kind {
    if (o.isNone(engine) or o.isText(engine, "objects")) return .objects;
    if (o.isText(engine, "direct")) return .direct;
    return errors.raiseFormat("ValueError", "engine must be 'direct' or 'objects', not %R", .{engine});
}

/// A method without a result.
fn procedure(comptime function: anytype) fn (*TcpTransport, ?*Object) callconv(.c) ?*Object {
    return struct {
        fn call(self: *TcpTransport, argument: ?*Object) callconv(.c) ?*Object {
            const result = switch (@typeInfo(@TypeOf(function)).@"fn".param_types.len) {
                1 => function(self),
                else => function(self, argument.?),
            };
            if (@typeInfo(@TypeOf(result)) == .error_union) result catch return null;
            return o.none();
        }
    }.call;
}

/// A method that tells a truth value.
fn predicate(comptime function: fn (*TcpTransport) bool) fn (*TcpTransport, ?*Object) callconv(.c) ?*Object {
    return struct {
        fn call(self: *TcpTransport, _: ?*Object) callconv(.c) ?*Object {
            return o.boolean(function(self));
        }
    }.call;
}

/// What a user does with the transport comes behind what the connection was asked to send before.
fn behindFrames(comptime function: anytype) @TypeOf(function) {
    const Function = @TypeOf(function);
    const call = struct {
        fn plain(self: *TcpTransport) Error!void {
            try flush(self);
            try function(self);
        }
        fn withData(self: *TcpTransport, data: *Object) Error!void {
            try flush(self);
            try function(self, data);
        }
        fn flush(self: *TcpTransport) Error!void {
            const protocol = self.protocol orelse return;
            if (protocol.transport) |transport| try outbox.flush(transport);
        }
    };
    return if (Function == fn (*TcpTransport) Error!void) call.plain else call.withData;
}

fn abort(self: *TcpTransport) Error!void {
    try self.end(c.none());
}

fn pauseReading(self: *TcpTransport) Error!void {
    try self.setReading(.off);
}

fn resumeReading(self: *TcpTransport) Error!void {
    try self.setReading(.on);
}

fn isClosing(self: *TcpTransport) bool {
    return self.phase.isEnding();
}

fn isReading(self: *TcpTransport) bool {
    return self.reading == .on;
}

fn canWriteEof(self: *TcpTransport) bool {
    return self.secure == null;
}

fn writeEof(self: *TcpTransport) Error!void {
    if (self.secure != null) return errors.raise("NotImplementedError", "TLS cannot end our side alone; use close()");
    self.endSending();
}

fn resumeInput(self: *TcpTransport) Error!void {
    if (self.reading == .on) try self.handleReady(.{ .in = true });
}

/// As WSTransport has it: a connection in its TLS handshake has nothing to say.
fn disconnect(self: *TcpTransport, _: *Object) Error!void {
    try abort(self);
}

fn readable(self: *TcpTransport) Error!void {
    try self.serve(.{ .in = true });
}

fn writable(self: *TcpTransport) Error!void {
    try self.serve(.{ .out = true });
}

fn serve(self: *TcpTransport) Error!void {
    try self.serve(self.readiness);
}

fn writelines(self: *TcpTransport, lines: *Object) Error!void {
    const empty = try o.bytes("");
    defer o.decref(empty);
    const joined = try o.callMethod(empty, self.state.names.join, .{lines});
    defer o.decref(joined);
    try self.write(joined);
}

fn getWriteBufferSize(self: *TcpTransport, _: ?*Object) callconv(.c) ?*Object {
    return c.PyLong_FromSize_t(secures.waiting(self));
}

fn getWriteBufferLimits(self: *TcpTransport, _: ?*Object) callconv(.c) ?*Object {
    return o.toC(tuple(&.{ c.PyLong_FromSize_t(self.low), c.PyLong_FromSize_t(self.high) }));
}

const limits_signature: args.Signature = .{ .method = "set_write_buffer_limits", .names = &.{ "high", "low" }, .required = 0 };

fn setWriteBufferLimits(self: *TcpTransport, values: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    setLimits(self, values, count, keywords) catch return null;
    return o.none();
}

fn setLimits(self: *TcpTransport, values: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!void {
    const given = try args.parse(limits_signature, values, count, keywords);
    const low_given = try limit(given[1]);
    const high = try limit(given[0]) orelse if (low_given) |low| 4 *| low else tcp.high_default;
    const low = low_given orelse high / 4;
    if (low > high) return errors.raise("ValueError", "the high-water mark must be at least the low-water mark");
    self.high = high;
    self.low = low;
    try writing.pauseIfFull(self);
}

/// A number of bytes; null for None or no argument. More than there can be is as good as the most that there can be.
fn limit(value: ?*Object) Error!?usize {
    const object = value orelse return null;
    if (o.isNone(object)) return null;
    const size = c.PyNumber_AsSsize_t(object, null);
    if (size == -1 and c.PyErr_Occurred() != null) return error.Python;
    if (size < 0) return errors.raise("ValueError", "a limit of the write buffer must be at least 0");
    return @intCast(size);
}

fn getProtocol(self: *TcpTransport, _: ?*Object) callconv(.c) ?*Object {
    const protocol: ?*Object = @ptrCast(self.protocol);
    return o.incref(protocol orelse return o.none());
}

fn setProtocol(_: *TcpTransport, _: *Object) callconv(.c) ?*Object {
    return c.PyErr_Format(c.exception("NotImplementedError"), "the protocol of a picows TCP transport cannot be changed; pass use_aiofastnet=False to use the event loop's transport");
}

const extra_signature: args.Signature = .{ .method = "get_extra_info", .names = &.{ "name", "default" }, .required = 1 };

fn getExtraInfo(self: *TcpTransport, values: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    return o.toC(extraInfo(self, values, count, keywords));
}

fn extraInfo(self: *TcpTransport, values: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const given = try args.parse(extra_signature, values, count, keywords);
    const name = given[0].?;
    if (o.isText(name, "peername")) return addressOf(self, &self.peer, 0);
    if (o.isText(name, "sockname")) return addressOf(self, &self.own, 1);
    if (o.isText(name, "socket")) {
        const raw = try pythonSocket(self) orelse return o.incref(given[1] orelse c.none());
        return o.call(self.state.imports.TransportSocket, .{raw});
    }
    if (self.secure) |secure| if (try secure.engine.info(name)) |value| return value;
    return o.incref(given[1] orelse c.none());
}

pub fn peerName(self: *TcpTransport) Error!*Object {
    return addressOf(self, &self.peer, 0);
}

/// The handle of an open socket, Python's object.
pub fn handleOf(state: *State, python_socket: *Object) Error!linux.Handle {
    const number = try o.callMethod(python_socket, state.names.fileno, .{});
    defer o.decref(number);
    const handle = c.PyLong_AsLong(number);
    if (socket.fromNumber(handle)) |open| return open;
    if (handle == -1 and c.PyErr_Occurred() != null) return error.Python;
    if (handle == -1) return errors.raise("ValueError", "the socket is closed");
    return errors.raiseFormat("ValueError", "fileno() of the socket must be a file descriptor, not %ld", .{handle});
}

/// The socket as Python's object (borrowed), which owns the handle from then on. Null if the connection is gone.
fn pythonSocket(self: *TcpTransport) Error!?*Object {
    if (self.python_socket) |raw| return raw;
    if (self.handle == socket.none) return null;
    const number = try o.check(c.PyLong_FromLong(self.handle));
    defer o.decref(number);
    self.python_socket = try o.call(self.state.imports.socket_from_handle, .{number});
    return self.python_socket;
}

/// Asks a socket that is neither IPv4 nor IPv6 for its names while it is open: an `Address` has no room for them.
pub fn keepNames(self: *TcpTransport) Error!void {
    const family = self.own.family();
    if (family == AF.INET or family == AF.INET6) return;
    const raw = try pythonSocket(self) orelse return;
    const peer = try nameOf(raw, self.state.names.getpeername);
    self.names = try tuple(&.{ peer, nameOf(raw, self.state.names.getsockname) catch null });
}

/// None for a socket that cannot say.
fn nameOf(raw: *Object, ask: *Object) Error!*Object {
    return o.callMethod(raw, ask, .{}) catch {
        if (c.PyErr_ExceptionMatches(c.exception("OSError")) == 0) return error.Python;
        c.PyErr_Clear();
        return o.none();
    };
}

/// An address as Python's sockets show it, None if there is none. `index` is its place in `names`.
fn addressOf(self: *TcpTransport, address: *const Address, index: c.Py_ssize_t) Error!*Object {
    if (self.names) |names| return o.incref(c.PyTuple_GetItem(names, index).?);
    const data = &address.data;
    const port: c_long = std.mem.readInt(u16, data[2..4], .big);
    switch (address.family()) {
        AF.INET => return tuple(&.{ try hostText(self, AF.INET, data[4..8]), c.PyLong_FromLong(port) }),
        AF.INET6 => {
            const flow: c_long = std.mem.readInt(u32, data[4..8], .big);
            const scope: c_long = std.mem.readInt(u32, data[24..28], @import("builtin").cpu.arch.endian());
            return tuple(&.{ try hostText(self, AF.INET6, data[8..24]), c.PyLong_FromLong(port), c.PyLong_FromLong(flow), c.PyLong_FromLong(scope) });
        },
        else => return o.none(),
    }
}

fn hostText(self: *TcpTransport, family: c_long, data: []const u8) Error!*Object {
    const number = try o.check(c.PyLong_FromLong(family));
    defer o.decref(number);
    const packed_address = try o.bytes(data);
    defer o.decref(packed_address);
    return o.call(self.state.imports.inet_ntop, .{ number, packed_address });
}

/// A tuple of new references, which it takes over; one that is null has raised.
fn tuple(items: []const ?*Object) Error!*Object {
    const result = c.PyTuple_New(@intCast(items.len));
    var failed = result == null;
    for (items, 0..) |item, i| {
        const object = item orelse {
            failed = true;
            continue;
        };
        if (result) |made| _ = c.PyTuple_SetItem(made, @intCast(i), object) else o.decref(object);
    }
    if (!failed) return result.?;
    if (result) |made| o.decref(made);
    return error.Python;
}

pub const methods = [_]c.PyMethodDef{
    o.method("get_extra_info", getExtraInfo, c.METH_FASTCALL | c.METH_KEYWORDS, "get_extra_info($self, /, name, default=None)\n--\n\n'peername', 'sockname' or 'socket'; of TLS 'ssl_object', 'sslcontext', 'peercert', 'cipher', 'compression', and 'picows.tls': 'direct' or 'objects'."),
    o.method("write", procedure(behindFrames(writing.write)), c.METH_O, "write($self, data, /)\n--\n\nSend bytes, or keep those that cannot be sent now."),
    o.method("writelines", procedure(behindFrames(writelines)), c.METH_O, "writelines($self, lines, /)\n--\n\nSend bytes-like objects one after another."),
    o.method("write_eof", procedure(behindFrames(writeEof)), c.METH_NOARGS, "write_eof($self, /)\n--\n\nEnd our side once what waits is sent. Not with TLS."),
    o.method("can_write_eof", predicate(canWriteEof), c.METH_NOARGS, "can_write_eof($self, /)\n--\n\nWhether write_eof() works: not with TLS."),
    o.method("close", procedure(behindFrames(TcpTransport.close)), c.METH_NOARGS, "close($self, /)\n--\n\nEnd the connection once what waits is sent."),
    o.method("abort", procedure(abort), c.METH_NOARGS, "abort($self, /)\n--\n\nEnd the connection; what waits is dropped."),
    o.method("is_closing", predicate(isClosing), c.METH_NOARGS, "is_closing($self, /)\n--\n\nWhether the connection ends or has ended."),
    o.method("pause_reading", procedure(pauseReading), c.METH_NOARGS, "pause_reading($self, /)\n--\n\nReceive nothing until resume_reading()."),
    o.method("resume_reading", procedure(resumeReading), c.METH_NOARGS, "resume_reading($self, /)\n--\n\nReceive again."),
    o.method("is_reading", predicate(isReading), c.METH_NOARGS, "is_reading($self, /)\n--\n\nWhether bytes are received."),
    o.method("get_write_buffer_size", getWriteBufferSize, c.METH_NOARGS, "get_write_buffer_size($self, /)\n--\n\nHow many bytes wait to be sent."),
    o.method("get_write_buffer_limits", getWriteBufferLimits, c.METH_NOARGS, "get_write_buffer_limits($self, /)\n--\n\nThe low- and the high-water mark, in bytes."),
    o.method("set_write_buffer_limits", setWriteBufferLimits, c.METH_FASTCALL | c.METH_KEYWORDS, "set_write_buffer_limits($self, /, high=None, low=None)\n--\n\nSet the marks, in bytes; by default 64 KiB and a quarter of the high one."),
    o.method("get_protocol", getProtocol, c.METH_NOARGS, "get_protocol($self, /)\n--\n\nThe protocol, or None once the connection is lost."),
    o.method("set_protocol", setProtocol, c.METH_O, "set_protocol($self, protocol, /)\n--\n\nNot supported."),
    o.method("_readable", procedure(readable), c.METH_NOARGS, "_readable($self, /)\n--\n\nThe event loop's reader."),
    o.method("_writable", procedure(writable), c.METH_NOARGS, "_writable($self, /)\n--\n\nThe event loop's writer."),
    o.method("_serve", procedure(serve), c.METH_NOARGS, "_serve($self, /)\n--\n\nThe hub's callback, in the context of the connection."),
    o.method("_drain", procedure(writing.drain), c.METH_NOARGS, "_drain($self, /)\n--\n\nReads to the end after a write failed."),
    o.method("disconnect", procedure(disconnect), c.METH_O, "disconnect($self, graceful, /)\n--\n\nEnd a connection that is in its TLS handshake."),
    o.method("give_up", procedure(abort), c.METH_NOARGS, "give_up($self, /)\n--\n\nEnd a TLS handshake that takes too long, or is one too many."),
    o.method("_resume", procedure(resumeInput), c.METH_NOARGS, "_resume($self, /)\n--\n\nReads what was put aside while reading was paused."),
    o.method("_lost", procedure(TcpTransport.lost), c.METH_O, "_lost($self, cause, /)\n--\n\nTells the protocol that the connection is lost."),
    .{},
};
