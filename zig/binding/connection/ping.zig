//! Auto-ping: noticing that a peer has vanished (RFC 6455 5.5.2). Each connection has one timer of the event loop, or none if
//! auto-ping is off.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const timers = @import("../eventloop/timer.zig");
const clock = @import("../eventloop/clock.zig");
const ending = @import("ending.zig");
const log = @import("../eventloop/log.zig");
const pong = @import("pong.zig");
const outbox = @import("outbox.zig");
const streams = @import("stream.zig");
const socket = @import("net").socket;
const WSTransport = @import("transport.zig").WSTransport;
const Error = o.Error;

/// When a PING goes out; the values of WSAutoPingStrategy.
pub const Strategy = enum(u8) {
    /// After so long without a byte received.
    ping_when_idle = 1,
    /// So often, whatever is received.
    ping_periodically = 2,
    _,
};

/// What auto-ping of a connection knows. Any answer to a ping of ours counts, whoever sent the ping.
pub const AutoPing = enum { none, waiting, answered };

/// Between the CLOSE that reports the silence and the end of the connection. A peer that does not answer will not read
/// either, so nothing is waited for.
const abort_seconds = 0.01;

/// Until a connection that seems silent is looked at again: longer than nothing, so that the event loop polls its
/// sockets before.
const look_seconds = 0.001;
/// A timer may come early by this: an event loop's clock has steps, of a millisecond in uvloop.
const clock_step = 0.001;
/// A peer that sends without end but answers no ping is looked at so often.
const looks_max = 1000;

/// Begins once the opening handshake is done.
pub fn start(transport: *WSTransport) Error!void {
    const endpoint = transport.connection().endpoint;
    if (!endpoint.options.enable_auto_ping) return;
    try schedule(transport, endpoint.options.auto_ping_idle_timeout);
}

fn schedule(transport: *WSTransport, seconds: f64) Error!void {
    const connection = transport.connection();
    try timers.start(&connection.ping_timer, transport.state, connection.endpoint.loop, seconds, timerFired, transport);
}

/// The timer: time to ping, to look whether the answer came, or to wait longer.
fn timerFired(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    const options = &connection.endpoint.options;
    o.clear(&connection.ping_timer);
    if (connection.isInputEnded()) return;
    const now = clock.now(transport.state);
    const pinged_seconds = now - connection.pinged_at;
    if (connection.auto_ping == .waiting and !isAlive(transport)) {
        const left = options.auto_ping_reply_timeout - pinged_seconds;
        return if (left > clock_step) waitForAnswer(transport, left) else look(transport);
    }
    const was_pinged = connection.auto_ping != .none;
    connection.auto_ping = .none;
    pong.giveUp(transport, pong.auto);
    if (isPeriodic(transport)) {
        // The time for the answer is a part of the period.
        const left = options.auto_ping_idle_timeout - pinged_seconds;
        if (was_pinged and left > clock_step) return schedule(transport, left);
    } else {
        const idle_seconds = now - connection.received_at;
        if (idle_seconds < options.auto_ping_idle_timeout) return schedule(transport, options.auto_ping_idle_timeout - idle_seconds);
    }
    try ping(transport);
}

fn isPeriodic(transport: *WSTransport) bool {
    return transport.connection().endpoint.options.auto_ping_strategy == .ping_periodically;
}

/// Whether a peer that did not answer has shown otherwise that it is there. Who is pinged when idle is not idle any more
/// once a byte comes, and after our CLOSE nobody can be pinged.
fn isAlive(transport: *WSTransport) bool {
    const connection = transport.connection();
    return connection.received_at > connection.silent_since and (!isPeriodic(transport) or outbox.isOver(transport));
}

fn ping(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    ending.debug(transport, "auto-ping");
    connection.auto_ping = .waiting;
    connection.looks = 0;
    connection.pinged_at = clock.now(transport.state);
    connection.silent_since = connection.pinged_at;
    if (!outbox.isOver(transport)) pong.send(transport, pong.auto) catch {
        // Our side has ended meanwhile: as after our CLOSE, any byte shows that the peer is there.
        if (!outbox.isOver(transport)) return ending.listenerError(transport, .send_user_specific_ping);
        outbox.surfaceUnlessRefused(transport);
    };
    if (!connection.isInputEnded()) try waitForAnswer(transport, connection.endpoint.options.auto_ping_reply_timeout);
}

/// Who has longer to answer than a period lasts is looked at once a period: the next ping is due if he has answered.
fn waitForAnswer(transport: *WSTransport, seconds: f64) Error!void {
    try schedule(transport, @min(seconds, transport.connection().endpoint.options.auto_ping_idle_timeout));
}

/// The time for the answer is over. It may stand in the kernel, if the event loop was busy, or behind what stands there: a
/// peer is given up only once all of that was read.
fn look(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    // The user reads nothing now, so silence is not the peer's.
    if (!try streams.isReading(transport)) return schedule(transport, connection.endpoint.options.auto_ping_reply_timeout);
    const came_more = connection.looks == 0 or connection.received_at > connection.silent_since or socket.hasUnread(handle(transport));
    if (!came_more or connection.looks == looks_max) return giveUp(transport);
    connection.looks += 1;
    connection.silent_since = clock.now(transport.state);
    try schedule(transport, look_seconds);
}

fn handle(transport: *WSTransport) socket.Handle {
    return transport.connection().outbox.stream.handle(transport.underlying_transport);
}

fn giveUp(transport: *WSTransport) Error!void {
    const state = transport.state;
    const connection = transport.connection();
    const seconds = try o.check(c.PyFloat_FromDouble(connection.endpoint.options.auto_ping_reply_timeout));
    defer o.decref(seconds);
    log.write(connection.endpoint, state.names.warning, "no answer to a ping for %s seconds, disconnecting", .{seconds});
    const code = connection.endpoint.options.auto_ping_close_code;
    // Other libraries send INTERNAL_ERROR then, with this text.
    const reason = switch (code) {
        .internal_error => "keepalive ping timeout",
        .no_info => "",
        else => "no answer to a ping",
    };
    ending.report(transport, .ping_timeout, .{ .code = code, .reason = reason });
    try ending.schedule(transport, abort_seconds, abort);
}

/// The connection is gone.
pub fn stop(transport: *WSTransport) void {
    timers.cancel(&transport.connection().ping_timer, transport.state, transport.connection().endpoint.loop);
}

fn abort(transport: *WSTransport) Error!void {
    try transport.disconnect(false);
}
