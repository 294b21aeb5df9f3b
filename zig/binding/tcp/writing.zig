//! Sending on a TCP transport: what goes now and what waits, flow control, and what follows when a write fails.

const std = @import("std");
const args = @import("cpython").args;
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const linux = @import("net").linux;
const protocols = @import("../opening/protocol.zig");
const secures = @import("secure.zig");
const socket = @import("net").socket;
const watching = @import("watch.zig");
const Own = @import("../connection/stream.zig").Own;
const Protocol = protocols.Protocol;
const TcpTransport = @import("tcp.zig").TcpTransport;
const Object = o.Object;
const Error = o.Error;

const resuming_failed = "protocol.resume_writing() failed";

/// What a connection writes to it with.
pub const stream: Own = .{
    .handle = handleOf,
    .isReading = isReading,
    .waiting = waitingIn,
    .write = method(write),
    .keep = method(keep),
    .sendFailed = sendFailed,
};

fn of(transport: *Object) *TcpTransport {
    return @ptrCast(@alignCast(transport));
}

fn method(comptime function: fn (*TcpTransport, *Object) Error!void) fn (*Object, *Object) Error!void {
    return struct {
        fn call(transport: *Object, data: *Object) Error!void {
            try function(of(transport), data);
        }
    }.call;
}

fn handleOf(transport: *Object) socket.Handle {
    return of(transport).handle;
}

fn isReading(transport: *Object) bool {
    return of(transport).reading == .on;
}

fn waitingIn(transport: *Object) usize {
    return secures.waiting(of(transport));
}

fn sendFailed(transport: *Object, code: std.c.E) bool {
    const self = of(transport);
    if (self.phase == .half_closed) return false;
    failWriting(self, code) catch asyncio.surface(self.state, self.endpoint.loop, &self.ob);
    return true;
}

/// Sends what waits, as far as the socket takes it.
pub fn flush(self: *TcpTransport) Error!void {
    if (self.phase == .lost or self.isInherited()) return;
    if (self.output.flush(self.handle)) |code| return failWriting(self, code);
    if (self.flow == .paused and secures.waiting(self) <= self.low) {
        self.flow = .free;
        try tell(self, protocols.resumed, resuming_failed);
    }
    if (self.output.size > 0 or self.phase == .lost) return;
    if (self.phase == .closing) return self.end(c.none());
    if (self.phase == .half_closed) linux.endSending(self.handle);
    try watching.update(self);
}

/// Sends `data`, or keeps what the socket does not take now.
pub fn write(self: *TcpTransport, data: *Object) Error!void {
    if (self.secure != null) return encrypt(self, data);
    if (self.output.size > 0) return keep(self, data);
    try checkWritable(self);
    if (!self.phase.maySend() or self.isInherited()) return;
    var buffer: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(data, &buffer, c.PyBUF_SIMPLE));
    const bytes = args.slice(&buffer);
    const size = bytes.len;
    const piece: linux.Piece = .{ .base = bytes.ptr, .len = size };
    const moved: linux.Moved = if (size == 0) .{ .count = 0 } else linux.send(self.handle, &.{piece});
    c.PyBuffer_Release(&buffer);
    const sent = switch (moved) {
        .count => |count| count,
        .not_ready => 0,
        .failed => |code| return failWriting(self, code),
    };
    if (sent < size) try keepRest(self, data, sent);
}

fn encrypt(self: *TcpTransport, data: *Object) Error!void {
    var buffer: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(data, &buffer, c.PyBUF_SIMPLE));
    defer c.PyBuffer_Release(&buffer);
    try secures.encrypt(self, args.slice(&buffer));
}

/// Keeps `data` until the socket is ready: it was just found not to be, or other bytes wait for it.
pub fn keep(self: *TcpTransport, data: *Object) Error!void {
    try checkWritable(self);
    if (self.phase.maySend()) try keepRest(self, data, 0);
}

fn checkWritable(self: *const TcpTransport) Error!void {
    if (self.phase == .half_closed) return errors.raise("RuntimeError", "write() cannot be called after write_eof()");
}

/// Our side sends no more, once what waits is sent.
pub fn endSending(self: *TcpTransport) void {
    if (self.phase != .open) return;
    self.enter(.half_closed);
    if (self.output.size == 0 and !self.isInherited()) linux.endSending(self.handle);
}

fn keepRest(self: *TcpTransport, data: *Object, sent: usize) Error!void {
    try self.output.append(data, sent);
    if (self.protocol) |protocol| protocols.queued(protocol);
    try watching.update(self);
    try pauseIfFull(self);
}

pub fn pauseIfFull(self: *TcpTransport) Error!void {
    if (self.flow == .paused or secures.waiting(self) <= self.high) return;
    self.flow = .paused;
    try tell(self, protocols.paused, "protocol.pause_writing() failed");
}

/// Calls the protocol's flow control. What the user's code raises there does not end the connection.
fn tell(self: *TcpTransport, comptime callback: fn (*Protocol) Error!*Object, comptime message: [:0]const u8) Error!void {
    const protocol = o.incref(self.protocol orelse return);
    defer o.decref(protocol);
    if (callback(protocol)) |result| return o.decref(result) else |_| {}
    const exception = errors.fetch();
    defer o.decref(exception);
    if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
    try asyncio.report(self.state, self.endpoint.loop, message, exception);
}

/// Nothing can be sent any more. What had arrived is delivered before the end is told: a CLOSE that says why may be among
/// it. Not here, where the user may be sending.
pub fn failWriting(self: *TcpTransport, code: anytype) Error!void {
    if (self.phase == .lost or self.phase == .broken) return;
    if (self.phase.isEnding()) return self.fail(code);
    self.phase = .broken;
    const exception = errors.fromErrno(code);
    defer o.decref(exception);
    if (self.protocol) |protocol| protocols.broken(protocol, exception);
    const had_output = self.output.size > 0;
    self.output.clear();
    self.enter(.broken);
    if (had_output) try watching.update(self);
    try self.schedule("_drain", .{});
}

/// The turn behind a write that failed.
pub fn drain(self: *TcpTransport) Error!void {
    if (self.phase == .lost or self.isInherited()) return;
    // Who reads no more because too much waits to be sent reads on. For others the end comes when they do.
    if (self.flow == .paused and self.reading == .off) {
        self.flow = .free;
        try tell(self, protocols.resumed, resuming_failed);
    }
    if (self.reading == .on) try self.handleReady(.{ .in = true, .broken = true });
}
