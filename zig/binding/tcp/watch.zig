//! Who tells a TCP transport that its socket is ready. The event loop's `Hub` costs least for many connections, and for
//! connections that come and go. All connections begin there, and those that a server accepted stay. From its first frame on, the
//! event loop itself watches a connection that we made (`add_reader`), which costs least for a single connection.

const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const hubs = @import("hub.zig");
const poller = @import("net").poller;
const Hub = hubs.Hub;
const Readiness = hubs.Readiness;
const TcpTransport = @import("tcp.zig").TcpTransport;
const Error = o.Error;

/// What libuv's loops need besides their own reader: libuv stops watching a socket at an error and calls the reader once,
/// so that bytes which stand before the error would hide it. The hub reports errors, once, also without being asked to.
const errors_alone = poller.EPOLL.ONESHOT;

fn isByHub(self: *const TcpTransport) bool {
    return self.context != null;
}

pub fn start(self: *TcpTransport) Error!void {
    const hub = try Hub.of(self.endpoint.loop_state, self.endpoint.loop);
    hub.add(self);
    try update(self);
}

/// Frames came: a connection that we made leaves the hub. Its callbacks go on in a copy of their context, which the event
/// loop makes.
pub inline fn settle(self: *TcpTransport) Error!void {
    if (isByHub(self) and self.endpoint.is_client) try leaveHub(self);
}

noinline fn leaveHub(self: *TcpTransport) Error!void {
    const hub = self.hub orelse return;
    if (self.endpoint.loop_state.is_libuv) try hub.want(self, errors_alone) else hub.remove(self);
    o.clear(&self.context);
    self.watched = .{};
    try update(self);
}

/// Asks for what is wanted now: bytes to read, or room for bytes that wait.
pub fn update(self: *TcpTransport) Error!void {
    const wanted: Readiness = .{ .in = self.reading == .on, .out = self.output.size > 0 and self.phase != .lost };
    // The hub takes it in when it begins.
    if (wanted == self.watched or (isByHub(self) and self.hub == null)) return;
    // The event loop's set of sockets is the parent's as well.
    if (self.isInherited()) return;
    if (isByHub(self)) try updateHub(self, wanted) else try updateLoop(self, wanted);
    self.watched = wanted;
}

fn updateHub(self: *TcpTransport, wanted: Readiness) Error!void {
    const hub = self.hub.?;
    try hub.want(self, @as(u32, if (wanted.in) poller.EPOLL.IN else 0) | @as(u32, if (wanted.out) poller.EPOLL.OUT else 0));
}

fn updateLoop(self: *TcpTransport, wanted: Readiness) Error!void {
    const loop = self.endpoint.loop;
    const names = &self.state.names;
    const number = try o.check(c.PyLong_FromLong(self.handle));
    defer o.decref(number);
    inline for (.{
        .{ "in", "_readable", names.add_reader, names.remove_reader },
        .{ "out", "_writable", names.add_writer, names.remove_writer },
    }) |row| {
        const is_wanted = @field(wanted, row[0]);
        if (is_wanted and !@field(self.watched, row[0])) {
            const callback = try o.check(c.PyObject_GetAttrString(&self.ob, row[1]));
            defer o.decref(callback);
            try o.callMethodVoid(loop, row[2], .{ number, callback });
        }
        if (!is_wanted and @field(self.watched, row[0])) try o.callMethodVoid(loop, row[3], .{number});
    }
}

/// An error that came while nothing was read is reported again.
pub fn rearm(self: *TcpTransport) Error!void {
    if (isByHub(self)) return;
    if (self.hub) |hub| try hub.want(self, errors_alone);
}

/// Nothing is wanted any more; what waits to be sent is dropped.
pub fn stop(self: *TcpTransport) void {
    self.reading = .off;
    self.output.clear();
    update(self) catch asyncio.surface(self.state, self.endpoint.loop, &self.ob);
    if (self.hub) |hub| hub.remove(self);
}

/// Like `stop`, of what dies: nobody hears of errors, as that the event loop is closed. libuv ends the process if a socket is
/// closed that it watches.
pub fn forget(self: *TcpTransport) void {
    self.reading = .off;
    self.output.clear();
    update(self) catch c.PyErr_Clear();
    if (self.hub) |hub| hub.remove(self);
}

/// Whether the hub reports the socket only for bytes to read.
pub fn isReadOnly(self: *const TcpTransport) bool {
    return self.hub_events == poller.EPOLL.IN;
}
