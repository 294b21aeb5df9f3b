//! Auto-ping: finding out that a peer is gone although nobody said so (RFC 6455 5.5.2), and measuring round trips. Timers of
//! the event loop, one a connection; none where auto-ping is off.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const asyncio = @import("../eventloop/asyncio.zig");
const clock = @import("../eventloop/clock.zig");
const ending = @import("ending.zig");
const log = @import("../eventloop/log.zig");
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSTransport = @import("../transport/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// When a PING goes out; the values of WSAutoPingStrategy.
pub const Strategy = enum(u8) {
    /// After so long without a byte received.
    ping_when_idle = 1,
    /// So often, whatever is received.
    ping_periodically = 2,
    _,
};

/// Between the CLOSE that reports the silence and the end of the connection. A peer that does not answer will not read
/// either, so nothing is waited for.
const abort_seconds = 0.01;

/// Begins once the opening handshake is done.
pub fn start(transport: *WSTransport) Error!void {
    const endpoint = transport.connection().endpoint;
    if (endpoint.enable_auto_ping == 0) return;
    try schedule(transport, endpoint.ping_idle_seconds);
}

fn schedule(transport: *WSTransport, seconds: f64) Error!void {
    const connection = transport.connection();
    const timer = try asyncio.callLater(transport.state, connection.endpoint.loop, seconds, &transport.ob, "_ping_timer");
    o.clear(&connection.ping_timer);
    connection.ping_timer = timer;
}

/// The timer: time to ping, to look whether the answer came, or to wait longer.
pub fn timerFired(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    o.clear(&connection.ping_timer);
    if (connection.is_input_ended) return;
    const endpoint = connection.endpoint;
    if (connection.ping_state == .waiting) return giveUp(transport);
    if (connection.ping_state == .answered) {
        connection.ping_state = .none;
        // The time for the answer is a part of the period, and of the idle time that begins with the answer.
        if (isPeriodic(transport)) return schedule(transport, @max(0, endpoint.ping_idle_seconds - endpoint.ping_reply_seconds));
    }
    if (connection.pong_waiter != null) {
        // measure_roundtrip_time() is pinging; a second kind of PING would spoil it.
        return schedule(transport, endpoint.ping_idle_seconds);
    }
    if (!isPeriodic(transport)) {
        const idle_seconds = clock.now(transport.state) - connection.received_at;
        if (idle_seconds < endpoint.ping_idle_seconds) return schedule(transport, endpoint.ping_idle_seconds - idle_seconds);
    }
    try ping(transport);
}

fn isPeriodic(transport: *WSTransport) bool {
    return transport.connection().endpoint.ping_strategy == @backingInt(Strategy.ping_periodically);
}

fn ping(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    ending.debug(transport, "auto-ping");
    connection.ping_state = .waiting;
    send(transport) catch return ending.listenerError(transport, .send_user_specific_ping);
    if (!connection.is_input_ended) try schedule(transport, connection.endpoint.ping_reply_seconds);
}

/// Has the listener send its kind of PING.
pub fn send(transport: *WSTransport) Error!void {
    const listener = o.incref(transport.connection().listener orelse return);
    defer o.decref(listener);
    o.decref(try o.check(listener.vtable.send_user_specific_ping(listener, transport, 0)));
}

fn giveUp(transport: *WSTransport) Error!void {
    const state = transport.state;
    const connection = transport.connection();
    const seconds = try o.check(c.PyFloat_FromDouble(connection.endpoint.ping_reply_seconds));
    defer o.decref(seconds);
    log.write(connection.endpoint, state.names.warning, "no answer to a ping for %s seconds, disconnecting", .{seconds});
    ending.report(transport, .ping_timeout, .{ .code = .going_away, .reason = "no answer to a ping" });
    try ending.schedule(transport, abort_seconds, "_abort");
}

/// Whether an answer to a ping is expected, so that frames have to be looked at.
pub fn isExpected(transport: *WSTransport) bool {
    const connection = transport.connection();
    return connection.ping_state == .waiting or connection.pong_waiter != null;
}

/// Asks the listener whether a frame is the answer; if it is, the frame is used up.
pub fn takes(transport: *WSTransport, frame: *WSFrame) Error!bool {
    const listener = o.incref(transport.connection().listener orelse return false);
    defer o.decref(listener);
    const answer = try o.check(listener.vtable.is_user_specific_pong(listener, frame, 0));
    defer o.decref(answer);
    if (!try o.isTrue(answer)) return false;
    try answered(transport);
    return true;
}

/// The answer is there.
pub fn answered(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    if (connection.ping_state == .waiting) connection.ping_state = .answered;
    ending.debug(transport, "ping answered");
    const waiter = connection.pong_waiter orelse return;
    connection.pong_waiter = null;
    defer o.decref(waiter);
    const time = try o.check(c.PyFloat_FromDouble(clock.now(transport.state)));
    defer o.decref(time);
    try asyncio.setResult(transport.state, waiter, time);
}

/// For picows.roundtrip: the future that the next answer sets to the time of its arrival (time.monotonic()).
pub fn expectPong(transport: *WSTransport) Error!*Object {
    const connection = transport.connection();
    if (connection.pong_waiter == null) {
        connection.pong_waiter = try o.callMethod(connection.endpoint.loop, transport.state.names.create_future, .{});
    }
    return o.incref(connection.pong_waiter.?);
}

/// The connection is gone: nobody waits for answers any more.
pub fn lost(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    asyncio.cancelTimer(transport.state, connection.endpoint.loop, &connection.ping_timer);
    const waiter = connection.pong_waiter orelse return;
    connection.pong_waiter = null;
    defer o.decref(waiter);
    const text = try o.text("the connection was lost before the ping was answered");
    defer o.decref(text);
    const exception = try o.call(c.exception("ConnectionResetError"), .{text});
    defer o.decref(exception);
    try asyncio.setException(transport.state, waiter, exception);
}
