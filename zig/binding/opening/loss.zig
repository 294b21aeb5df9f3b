//! The end of a connection: who is told, and what is given back.

const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const choices = @import("choice.zig");
const o = @import("cpython").object;
const client = @import("client.zig");
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const timers = @import("../eventloop/timer.zig");
const opening = @import("opening.zig");
const pending = @import("pending.zig");
const ping = @import("../connection/ping.zig");
const pong = @import("../connection/pong.zig");
const Protocol = @import("protocol.zig").Protocol;
const State = @import("../state/state.zig").State;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// The connection is gone, by an exception or None.
pub fn lost(self: *Protocol, cause: *Object) Error!void {
    defer opening.tellWatcher(self);
    pending.end(self);
    const transport = o.incref(self.transport orelse return);
    defer o.decref(transport);
    const connection = transport.connection();
    ending.noteLoss(transport, cause);
    connection.session.end();
    connection.outbox.end();
    connection.input.giveUp(self.endpoint.loop_state);
    timers.cancel(&connection.end_timer, transport.state, self.endpoint.loop);
    const reason = connection.lost_by orelse cause;
    logLost(transport, reason);
    defer finish(transport);
    choices.cancel(self, transport);
    ping.stop(transport);
    pong.end(transport);
    client.lost(self, reason) catch transport.surface();
    const listener = connection.listener orelse return;
    connection.listener = null;
    defer o.decref(listener);
    const result = listener.vtable.on_ws_disconnected(listener, transport, 0);
    if (result) |object| o.decref(object) else try ending.listenerError(transport, .on_ws_disconnected);
}

fn logLost(transport: *WSTransport, cause: *Object) void {
    const endpoint = transport.connection().endpoint;
    const info = transport.state.names.info;
    if (o.isNone(cause)) return log.write(endpoint, info, "disconnected", .{});
    log.write(endpoint, info, "disconnected: %r", .{cause});
}

/// Wakes those who wait for the end of the connection.
fn finish(transport: *WSTransport) void {
    const aside: errors.Aside = .begin();
    defer aside.end();
    const list = transport.connection().waiters orelse return;
    wake(transport.state, list) catch transport.surface();
}

fn wake(state: *State, list: *Object) Error!void {
    const futures = try o.check(c.PyList_AsTuple(list));
    defer o.decref(futures);
    for (0..@intCast(c.PyTuple_Size(futures))) |i| try asyncio.setResult(state, c.PyTuple_GetItem(futures, @intCast(i)).?, c.none());
}
