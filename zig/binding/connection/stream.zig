//! What the outbox of a connection writes to: the socket, if we may write to it, TLS of our own, or the asyncio transport, which
//! also takes what the socket does not take at once. Nothing here keeps bytes in order: that is the outbox's business.

const std = @import("std");
const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const o = @import("cpython").object;
const socket = @import("net").socket;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// What a transport of our own offers beyond what asyncio's transports have. The object is the transport.
pub const Own = struct {
    handle: *const fn (transport: *Object) socket.Handle,
    isReading: *const fn (transport: *Object) bool,
    /// How many bytes wait in it.
    waiting: *const fn (transport: *Object) usize,
    /// Sends bytes, or keeps what the socket does not take.
    write: *const fn (transport: *Object, data: *Object) Error!void,
    /// Keeps bytes until the socket is ready: it was just found not to be.
    keep: *const fn (transport: *Object, data: *Object) Error!void,
    /// Sending past it failed. Whether it ends the connection for that; if not, it is to meet the error when it tries.
    sendFailed: *const fn (transport: *Object, code: std.c.E) bool,
    /// With TLS: takes bytes, all of them and in order, whatever waits. Null without.
    encrypt: ?*const fn (transport: *Object, data: []const u8) Error!void = null,
};

pub const Stream = struct {
    /// Null for a transport of the event loop's.
    own: ?*const Own = null,
    /// The plain TCP socket, to send to without the event loop; none for TLS and for transports without one.
    socket: socket.Handle = socket.none,
    /// Who closes the socket. An event loop that does so when it is closed itself does not tell.
    closed_by: enum(u8) { transport, loop } = .transport,

    /// Whether it is TLS of our own.
    pub fn encrypts(self: *const Stream) bool {
        return if (self.own) |own| own.encrypt != null else false;
    }

    /// The socket without TLS of others that is read from, `underlying` being the transport; none if there is none.
    pub fn handle(self: *const Stream, underlying: *Object) socket.Handle {
        return if (self.own) |own| own.handle(underlying) else self.socket;
    }
};

fn of(transport: *WSTransport) *Stream {
    return &transport.connection().outbox.stream;
}

/// Sends bytes to the socket, past the transport, and returns how many of them are done with.
pub inline fn send(transport: *WSTransport, data: []const u8) usize {
    if (transport.connection().isInherited()) return data.len;
    const sent = socket.send(of(transport).socket, data);
    return if (sent >= 0) @intCast(sent) else refused(transport, sent, data.len);
}

/// Like `send`, for two pieces of memory.
pub fn sendBoth(transport: *WSTransport, first: []const u8, second: []const u8) usize {
    const size = first.len + second.len;
    if (transport.connection().isInherited()) return size;
    const sent = socket.sendBoth(of(transport).socket, first, second);
    return if (sent >= 0) @intCast(sent) else refused(transport, sent, size);
}

/// Gives bytes to TLS of our own, which takes all of them.
pub fn encrypt(transport: *WSTransport, data: []const u8) Error!void {
    try of(transport).own.?.encrypt.?(transport.underlying_transport, data);
}

/// The socket reports an error. On a connection that is broken all bytes are done with: as after its end, nothing is sent.
/// Otherwise none are, and who is to send them next meets the error.
noinline fn refused(transport: *WSTransport, sent: isize, size: usize) usize {
    @branchHint(.cold);
    return if (isBroken(transport, socket.errorOf(sent))) size else 0;
}

/// Whether the connection is known to be broken from now on: its end is told once what had arrived is delivered.
fn isBroken(transport: *WSTransport, code: std.c.E) bool {
    const stream = of(transport);
    if (stream.own) |own| return own.sendFailed(transport.underlying_transport, code);
    if (!socket.isOver(stream.socket)) return false;
    transport.connection().outbox.forgetSocket();
    const exception = errors.fromErrno(code);
    defer o.decref(exception);
    transport.connection().noteBroken(exception);
    return true;
}

/// Gives bytes to the transport, behind those that wait there. It may keep the object, so nobody writes to its memory any more.
/// An event loop's transport that is lost, but did not say so yet, would drop them and write log lines about it: it gets none.
pub fn write(transport: *WSTransport, data: *Object) Error!void {
    const connection = transport.connection();
    if (connection.isInherited()) return;
    if (of(transport).own) |own| return own.write(transport.underlying_transport, data);
    if (connection.lost_by != null or try isClosing(transport)) return connection.outbox.forgetSocket();
    try o.callMethodVoid(transport.underlying_transport, transport.state.names.write, .{data});
}

/// Like `write`, for what is left of bytes of which the socket has taken a part, and would not take more now.
pub fn keep(transport: *WSTransport, data: *Object) Error!void {
    const own = of(transport).own orelse return write(transport, data);
    try own.keep(transport.underlying_transport, data);
}

/// Whether the exception that is set is what transports raise if something is written behind write_eof().
pub fn isRefusal() bool {
    return c.PyErr_ExceptionMatches(c.exception("RuntimeError")) != 0;
}

/// Asks the transport how many bytes wait in it.
pub fn waiting(transport: *WSTransport) Error!usize {
    if (of(transport).own) |own| return own.waiting(transport.underlying_transport);
    const size = try o.callMethod(transport.underlying_transport, transport.state.names.get_write_buffer_size, .{});
    defer o.decref(size);
    const value = c.PyLong_AsSsize_t(size);
    if (value == -1 and c.PyErr_Occurred() != null) return error.Python;
    return @intCast(@max(value, 0));
}

/// Whether the transport will be lost, by a call of its close() or abort() for instance.
pub fn isClosing(transport: *WSTransport) Error!bool {
    const answer = try o.callMethod(transport.underlying_transport, transport.state.names.is_closing, .{});
    defer o.decref(answer);
    return o.isTrue(answer);
}

/// Whether bytes are received, as far as the transport can tell.
pub fn isReading(transport: *WSTransport) Error!bool {
    if (of(transport).own) |own| return own.isReading(transport.underlying_transport);
    const answer = o.callMethod(transport.underlying_transport, transport.state.names.is_reading, .{}) catch {
        if (c.PyErr_ExceptionMatches(c.exception("NotImplementedError")) == 0) return error.Python;
        c.PyErr_Clear();
        return true;
    };
    defer o.decref(answer);
    return o.isTrue(answer);
}

/// Whether the socket is gone with its event loop.
pub fn isClosedByLoop(transport: *WSTransport) Error!bool {
    if (of(transport).closed_by == .transport) return false;
    const answer = try o.callMethod(transport.connection().endpoint.loop, transport.state.names.is_closed, .{});
    defer o.decref(answer);
    return o.isTrue(answer);
}
