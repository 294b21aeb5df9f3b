//! What a connection writes to: the socket if we may write to it, otherwise an asyncio transport, which also takes what the
//! socket does not take at once. The bytes stay in order.

const std = @import("std");
const c = @import("cpython").capi;
const ending = @import("ending.zig");
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
    /// The socket goes with the event loop, which does not tell.
    socket_goes_with_loop: bool = false,
    /// Whether bytes wait in the transport: none, as far as anybody knows; some may; some did when it was last asked.
    queued: enum(u8) { no, perhaps, yes } = .no,
    /// The user has the event loop's transport, and may write to it.
    is_shared: bool = false,

    /// Whether it is TLS of our own.
    pub fn encrypts(self: *const Stream) bool {
        return if (self.own) |own| own.encrypt != null else false;
    }

    /// The socket without TLS of others that is read from, `underlying` being the transport; none if there is none.
    pub fn handle(self: *const Stream, underlying: *Object) socket.Handle {
        return if (self.own) |own| own.handle(underlying) else self.socket;
    }
};

/// Whether bytes may go to the socket now without overtaking any: it is ours to write to, and none wait in the transport.
pub fn isFree(transport: *WSTransport) Error!bool {
    const stream = &transport.connection().stream;
    if (stream.socket == socket.none) return stream.encrypts();
    if (try waiting(transport) > 0 or stream.queued == .yes) return false;
    if (stream.socket_goes_with_loop and try isLoopClosed(transport)) stream.socket = socket.none;
    return stream.socket != socket.none;
}

fn isLoopClosed(transport: *WSTransport) Error!bool {
    const answer = try o.callMethod(transport.connection().endpoint.loop, transport.state.names.is_closed, .{});
    defer o.decref(answer);
    return o.isTrue(answer);
}

/// How many bytes wait in the transport. Costs nothing where none do.
pub fn waiting(transport: *WSTransport) Error!usize {
    const stream = &transport.connection().stream;
    if (stream.queued == .no) return 0;
    // The call may run code that sends, and so queues again.
    stream.queued = if (stream.is_shared) .perhaps else .no;
    errdefer stream.queued = .yes;
    const size = try bufferSize(transport);
    if (size > 0) stream.queued = .yes;
    return size;
}

/// Asks the transport how many bytes wait in it.
pub fn bufferSize(transport: *WSTransport) Error!usize {
    if (transport.connection().stream.own) |own| return own.waiting(transport.underlying_transport);
    const size = try o.callMethod(transport.underlying_transport, transport.state.names.get_write_buffer_size, .{});
    defer o.decref(size);
    const value = c.PyLong_AsSsize_t(size);
    if (value == -1 and c.PyErr_Occurred() != null) return error.Python;
    return @intCast(@max(value, 0));
}

/// Sends bytes to the socket, which `isFree`, and returns how many of them are done with.
pub fn send(transport: *WSTransport, data: []const u8) Error!usize {
    const stream = &transport.connection().stream;
    if (stream.socket == socket.none) {
        try stream.own.?.encrypt.?(transport.underlying_transport, data);
        return data.len;
    }
    const sent = socket.send(transport.connection().stream.socket, data);
    return if (sent >= 0) @intCast(sent) else refused(transport, sent, data.len);
}

/// Like `send`, for two pieces of memory.
pub fn sendBoth(transport: *WSTransport, first: []const u8, second: []const u8) usize {
    const sent = socket.sendBoth(transport.connection().stream.socket, first, second);
    return if (sent >= 0) @intCast(sent) else refused(transport, sent, first.len + second.len);
}

/// On a connection that is found broken all bytes are done with: as after its end, nothing is sent. Otherwise none are, and
/// who is to send them next meets the error.
fn refused(transport: *WSTransport, sent: isize, size: usize) usize {
    @branchHint(.cold);
    return if (isBroken(transport, socket.errorOf(sent))) size else 0;
}

/// Whether the connection is known to be broken from now on: its end is told once what had arrived is delivered.
fn isBroken(transport: *WSTransport, code: std.c.E) bool {
    const stream = &transport.connection().stream;
    if (stream.own) |own| return own.sendFailed(transport.underlying_transport, code);
    if (!socket.isOver(stream.socket)) return false;
    stream.socket = socket.none;
    const exception = errors.fromErrno(code);
    defer o.decref(exception);
    ending.noteBroken(transport, exception);
    return true;
}

/// Somebody else gives the transport bytes as well, or gave.
pub fn noteQueued(transport: *WSTransport) void {
    transport.connection().stream.queued = .yes;
}

/// The user has the underlying transport. What is written to our own is heard of; others are asked from now on.
pub fn noteShared(transport: *WSTransport) void {
    const stream = &transport.connection().stream;
    if (stream.is_shared or stream.socket == socket.none or stream.own != null) return;
    stream.is_shared = true;
    if (stream.queued == .no) stream.queued = .perhaps;
}

/// Gives the transport what is left of a frame of which the kernel took `sent` bytes; the reference is taken over.
pub fn queueRest(transport: *WSTransport, sent: usize, data: *Object) Error!void {
    const stream = &transport.connection().stream;
    const own = stream.own orelse return queue(transport, data);
    // Zero may be an error, which the transport meets when it tries.
    if (sent == 0) return queue(transport, data);
    defer o.decref(data);
    stream.queued = .yes;
    try own.keep(transport.underlying_transport, data);
}

/// Gives bytes to the transport. It may keep the object, so nobody writes to its memory any more; the reference is taken
/// over. One that is lost, but did not say so yet, would drop them and write log lines about it: it gets none.
pub fn queue(transport: *WSTransport, data: *Object) Error!void {
    defer o.decref(data);
    const connection = transport.connection();
    if (connection.stream.own) |own| {
        connection.stream.queued = .yes;
        return own.write(transport.underlying_transport, data);
    }
    if (connection.lost_by != null) return;
    const is_closing = try o.callMethod(transport.underlying_transport, transport.state.names.is_closing, .{});
    defer o.decref(is_closing);
    if (try o.isTrue(is_closing)) return;
    connection.stream.queued = .yes;
    try o.callMethodVoid(transport.underlying_transport, transport.state.names.write, .{data});
}
