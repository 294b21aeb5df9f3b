//! Flow control: pause_writing and resume_writing of a listener, and what the library itself does while a peer reads slower than
//! messages are sent.

const listeners = @import("listener.zig");
const log = @import("../eventloop/log.zig");
const o = @import("cpython").object;
const outbox = @import("outbox.zig");
const send = @import("send.zig");
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// Whether more than the high-water mark waits in the transport, and the payload of the last PING that came meanwhile.
pub const Flow = union(enum) {
    free,
    paused: ?*Object,

    pub fn clear(self: *Flow) void {
        const held = if (self.* == .paused) self.paused else null;
        self.* = .free;
        if (held) |payload| o.decref(payload);
    }
};

/// More than the high-water mark waits. Returns what the listener's callback did.
pub fn paused(transport: *WSTransport) Error!*Object {
    const flow = &transport.connection().flow;
    if (flow.* == .free) flow.* = .{ .paused = null };
    return tell(transport, "pause_writing", listeners.pauseIsDefault, "the peer reads slower than messages are sent: the queue is above the high-water mark");
}

/// What waits has fallen to the low-water mark. Returns what the listener's callback did.
pub fn resumed(transport: *WSTransport) Error!*Object {
    const flow = &transport.connection().flow;
    const held = if (flow.* == .paused) flow.paused else null;
    flow.* = .free;
    if (held) |payload| {
        defer o.decref(payload);
        send.copy(transport, .pong, .{ .fin = true }, try o.bytesData(payload)) catch outbox.surfaceUnlessRefused(transport);
    }
    return tell(transport, "resume_writing", listeners.resumeIsDefault, "the queue has fallen below the low-water mark");
}

fn tell(transport: *WSTransport, comptime name: []const u8, comptime isDefault: anytype, comptime warning: [:0]const u8) Error!*Object {
    const connection = transport.connection();
    const listener = o.incref(connection.listener orelse return o.none());
    defer o.decref(listener);
    if (try isDefault(listener, transport.state)) {
        log.write(connection.endpoint, transport.state.names.warning, warning, .{});
        return o.none();
    }
    return o.check(@field(listener.vtable, name)(listener, 0));
}

/// Answers a PING. A peer that sends PINGs and does not read gets one answer, to the last, once it does (RFC 6455 5.5.3).
pub fn answer(transport: *WSTransport, payload: []const u8) Error!void {
    const flow = &transport.connection().flow;
    if (flow.* == .free) return send.copy(transport, .pong, .{ .fin = true }, payload);
    const held = try o.bytes(payload);
    const earlier = flow.paused;
    flow.paused = held;
    if (earlier) |object| o.decref(object);
}
