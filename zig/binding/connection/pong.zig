//! Our pings and their answers: how a ping is sent, and who is told that it was answered. The core decides which ping an
//! answer belongs to.

const std = @import("std");
const core = @import("core");
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const ending = @import("ending.zig");
const errors = @import("cpython").errors;
const listeners = @import("listener.zig");
const outbox = @import("outbox.zig");
const streams = @import("stream.zig");
const Connection = @import("connection.zig").Connection;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;
const Ping = core.pings.Ping;
const Who = core.pings.Who;

/// Auto-ping. Who measures a round trip is the address of a future, to which the connection has a reference.
pub const auto: Who = @fromBackingInt(2);

const places_min = 4;
/// How many pings can wait for an answer on one connection.
const places_max = 64;

fn futureOf(who: Who) ?*Object {
    return if (@backingInt(who) <= @backingInt(auto)) null else @ptrFromInt(@backingInt(who));
}

/// Sends the listener's kind of ping.
pub fn send(transport: *WSTransport, who: Who) Error!void {
    const connection = transport.connection();
    const listener = o.incref(connection.listener orelse return errors.raise("RuntimeError", "no PING can be sent before the opening handshake is done"));
    defer o.decref(listener);
    connection.has_usual_pings = try listeners.pingsAreUsual(listener, transport.state);
    try makeRoom(connection);
    errdefer if (connection.pings.failed(who)) release(who);
    if (connection.has_usual_pings) return sendUsual(transport, who);
    try note(connection, who, null);
    o.decref(try o.check(listener.vtable.send_user_specific_ping(listener, transport, 0)));
}

/// What WSListener does by default. For auto-ping it is the PING of send_ping(); who measures numbers his, so that their
/// PONGs can be told from each other and from PONGs that nobody asked for.
fn sendUsual(transport: *WSTransport, who: Who) Error!void {
    const connection = transport.connection();
    connection.ping_number +%= 1;
    const number: [4]u8 = @bitCast(std.mem.nativeToBig(u32, connection.ping_number));
    const payload: []const u8 = if (who == auto) "" else &number;
    try note(connection, who, payload);
    if (!outbox.isOver(transport)) try outbox.frame(transport, .ping, .{ .fin = true }, payload, null);
}

fn note(connection: *Connection, who: Who, payload: ?[]const u8) Error!void {
    const is_noted = connection.pings.sent(who, payload);
    const future = futureOf(who) orelse return;
    if (!is_noted) return errors.raise("RuntimeError", "too many PINGs wait for an answer: the limit is 64");
    _ = o.incref(future);
}

fn makeRoom(connection: *Connection) Error!void {
    const pings = &connection.pings;
    const size = pings.places.len;
    if (pings.count < size or size == places_max) return;
    const memory = try o.allocateBytes(@sizeOf(Ping) * @max(2 * size, places_min));
    const places: []Ping = @alignCast(std.mem.bytesAsSlice(Ping, memory));
    @memcpy(places[0..pings.count], pings.places[0..pings.count]);
    freePlaces(connection);
    pings.places = places;
}

/// A PING was sent through the transport. It is what the listener was asked for, who may send it later, or the user's own.
pub fn noteSent(transport: *WSTransport, payload: []const u8) void {
    if (outbox.isOver(transport)) return;
    const pings = &transport.connection().pings;
    if (!pings.wasPing(payload)) _ = pings.sent(.user, payload);
}

/// For picows.values.roundtrip: sends a ping, and returns the future that its answer sets to the time of its arrival
/// (time.monotonic()).
pub fn measure(transport: *WSTransport) Error!*Object {
    const connection = transport.connection();
    if (outbox.isOver(transport) or connection.isInputEnded() or try streams.isClosing(transport)) {
        return errors.raise("ConnectionResetError", "no PING can be answered any more: the connection is closing or closed");
    }
    const future = try o.callMethod(connection.endpoint.loop, transport.state.names.create_future, .{});
    errdefer o.decref(future);
    try send(transport, @fromBackingInt(@intFromPtr(future)));
    return future;
}

/// `who` waits no longer. The answer is still to be told from others.
pub fn giveUp(transport: *WSTransport, who: Who) void {
    if (transport.connection().pings.giveUp(who)) release(who);
    freeUnused(transport.connection());
}

/// For picows.values.roundtrip.
pub fn giveUpFuture(transport: *WSTransport, future: *Object) void {
    giveUp(transport, @fromBackingInt(@intFromPtr(future)));
}

/// Whether a frame has to be looked at, because it may be an answer.
pub inline fn mayBe(transport: *WSTransport, frame: *WSFrame) bool {
    const connection = transport.connection();
    if (connection.pings.count == 0) return false;
    return !connection.has_usual_pings or isPong(frame);
}

fn isPong(frame: *WSFrame) bool {
    return frame.msg_type == @backingInt(core.Opcode.pong);
}

/// Whether a frame is an answer to a ping of ours, which is then used up. What the listener says counts; a PONG is
/// nevertheless the user's if it has the payload of a PING of his.
pub fn takes(transport: *WSTransport, frame: *WSFrame) Error!bool {
    const connection = transport.connection();
    if (!connection.has_usual_pings and !try isAnswer(transport, frame)) return false;
    const pings = &connection.pings;
    const known = if (isPong(frame)) pings.pong(frame.payload()) else null;
    if (known == null and connection.has_usual_pings) return false;
    const who = known orelse pings.answer() orelse return true;
    tell(transport, connection.received_at);
    return who != .user;
}

fn isAnswer(transport: *WSTransport, frame: *WSFrame) Error!bool {
    const listener = o.incref(transport.connection().listener orelse return false);
    defer o.decref(listener);
    const answer = try o.check(listener.vtable.is_user_specific_pong(listener, frame, 0));
    defer o.decref(answer);
    return o.isTrue(answer);
}

/// The user says that an answer came.
pub fn notified(transport: *WSTransport) void {
    if (transport.connection().pings.answer() != null) tell(transport, clock.now(transport.state));
}

/// Tells those whose pings were answered. Any answer shows auto-ping that the peer answers.
fn tell(transport: *WSTransport, time: f64) void {
    const connection = transport.connection();
    while (connection.pings.nextAnswered()) |who| {
        if (who == .user) continue;
        ending.debug(transport, "ping answered");
        if (connection.auto_ping == .waiting) connection.auto_ping = .answered;
        const future = futureOf(who) orelse continue;
        defer o.decref(future);
        setTime(transport, future, time) catch transport.surface();
    }
    freeUnused(connection);
}

fn setTime(transport: *WSTransport, future: *Object, time: f64) Error!void {
    const seconds = try o.check(c.PyFloat_FromDouble(time));
    defer o.decref(seconds);
    try asyncio.setResult(transport.state, future, seconds);
}

/// Nothing is received any more that could be an answer.
pub fn end(transport: *WSTransport) void {
    const connection = transport.connection();
    if (connection.pings.count == 0) return;
    const aside: errors.Aside = .begin();
    defer aside.end();
    while (connection.pings.takeOldest()) |who| {
        const future = futureOf(who) orelse continue;
        defer o.decref(future);
        fail(transport, future) catch transport.surface();
    }
    freeUnused(connection);
}

fn fail(transport: *WSTransport, future: *Object) Error!void {
    const text = try o.text("the connection ended before the PING was answered");
    defer o.decref(text);
    const exception = try o.call(c.exception("ConnectionResetError"), .{text});
    defer o.decref(exception);
    try asyncio.setException(transport.state, future, exception);
}

fn release(who: Who) void {
    if (futureOf(who)) |future| o.decref(future);
}

fn freeUnused(connection: *Connection) void {
    if (connection.pings.count == 0) freePlaces(connection);
}

fn freePlaces(connection: *Connection) void {
    const pings = &connection.pings;
    if (pings.places.len > 0) o.freeBytes(std.mem.sliceAsBytes(pings.places));
    pings.places = &.{};
}

/// Visits the futures of those who wait, for the garbage collector.
pub fn traverse(connection: *const Connection, proc: c.visitproc, arg: ?*anyopaque) c_int {
    for (connection.pings.places[0..connection.pings.count]) |ping| {
        const status = o.visit(futureOf(ping.who), proc, arg);
        if (status != 0) return status;
    }
    return 0;
}

/// Lets them go without a word.
pub fn clear(connection: *Connection) void {
    while (connection.pings.takeOldest()) |who| release(who);
    freeUnused(connection);
}
