//! What a server's listener factory decides about a request, at once or through an awaitable. Until then the request and
//! the bytes after it are kept, within bounds. If the connection ends, the awaitable is cancelled.

const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const protocols = @import("protocol.zig");
const Protocol = protocols.Protocol;
const State = @import("../state/state.zig").State;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// A client may send frames before it is answered. One read takes so much of them, and so much is held until the answer, with the
/// request. Then reading pauses.
pub const read_size = 32 * 1024;
const held_size_max = 32 * 1024;

/// How far the choice is: the factory runs, its awaitable is not done, the choice is made, or nobody needs it any more.
pub const Progress = enum(u8) { none, asked, awaited, made, dropped };

/// Calls the listener factory. If it runs the event loop, what arrives meanwhile is held.
pub fn call(protocol: *Protocol, transport: *WSTransport, arguments: anytype) Error!*Object {
    protocol.choice = .asked;
    const result = o.call(protocol.listener_factory orelse protocol.endpoint.listener_factory, arguments);
    protocol.choice = .none;
    if (protocol.is_reading_paused) resumeReading(protocol, transport) catch transport.surface();
    return result;
}

fn resumeReading(protocol: *Protocol, transport: *WSTransport) Error!void {
    protocol.is_reading_paused = false;
    try o.callMethodVoid(transport.underlying_transport, transport.state.names.resume_reading, .{});
}

/// What the listener factory returned, or the result of the awaitable that it returned; null until that is done.
pub fn ask(protocol: *Protocol, transport: *WSTransport) Error!?*Object {
    const state = transport.state;
    if (protocol.choice == .made) return try take(protocol);
    const result = try if (protocol.endpoint.factory_takes_handshake)
        call(protocol, transport, .{ transport.request, transport })
    else
        call(protocol, transport, .{transport.request});
    // It may lead back here.
    o.clear(&protocol.listener_factory);
    if (isChoice(state, result)) return result;
    defer o.decref(result);
    const decided = try o.check(c.PyObject_GetAttrString(@ptrCast(protocol), "decided"));
    defer o.decref(decided);
    const future = try o.call(state.imports.await_choice, .{ result, protocol.endpoint.loop, decided });
    if (o.isNone(future)) { // not awaitable: it is refused by its type
        o.decref(future);
        return o.incref(result);
    }
    protocol.chosen = future;
    protocol.choice = .awaited;
    // An eager task may have ended the connection already, or be done.
    if (transport.is_disconnected != 0) cancel(protocol, transport);
    if (!try asyncio.isDone(state, future)) return null;
    if (protocol.choice == .dropped) {
        drop(protocol, transport);
        return null;
    }
    protocol.choice = .made;
    return try take(protocol);
}

fn isChoice(state: *State, result: *Object) bool {
    if (o.isNone(result) or o.isInstance(result, state.types.WSListener)) return true;
    return o.isInstance(result, state.imports.WSUpgradeResponseWithListener);
}

/// The result of what was awaited, or its exception.
fn take(protocol: *Protocol) Error!*Object {
    const future = protocol.chosen.?;
    protocol.chosen = null;
    defer o.decref(future);
    return o.callMethod(future, protocol.endpoint.state.names.result, .{});
}

/// The connection is gone, or nothing more is sent to the peer. No answer is needed any more.
pub fn cancel(protocol: *Protocol, transport: *WSTransport) void {
    if (protocol.choice != .awaited) return;
    protocol.choice = .dropped;
    o.callMethodVoid(protocol.chosen.?, protocol.endpoint.state.names.cancel, .{}) catch transport.surface();
}

/// The choice came too late: the connection is gone, or about to be.
fn drop(protocol: *Protocol, transport: *WSTransport) void {
    if (take(protocol)) |result| return o.decref(result) else |_| {}
    const exception = errors.fetch();
    defer o.decref(exception);
    if (isCancellation(transport.state, exception)) return;
    log.writeException(protocol.endpoint, transport.state.names.@"error", "the listener factory failed after its connection was lost", exception);
}

/// Keeps a whole request, and what came behind it, until the listener factory has chosen.
pub fn hold(protocol: *Protocol, transport: *WSTransport, bytes: []const u8) Error!void {
    protocol.reader = .{}; // the head will be read again
    try transport.connection().input.keepTail(bytes);
    if (bytes.len < held_size_max or protocol.is_reading_paused) return;
    protocol.is_reading_paused = true;
    try o.callMethodVoid(transport.underlying_transport, transport.state.names.pause_reading, .{});
}

/// Like `hold`, when the factory has returned an awaitable. If it ran the event loop, what stands behind the head was held with
/// what arrived.
pub fn holdAll(protocol: *Protocol, transport: *WSTransport, bytes: []const u8, head_size: usize) Error!void {
    const connection = transport.connection();
    if (connection.rest != null) return hold(protocol, transport, bytes);
    protocol.reader = .{};
    try connection.input.keepInFront(bytes[0..head_size]);
}

/// The awaitable is done: the request is answered, and what came meanwhile is read.
pub fn decide(protocol: *Protocol, future: *Object) Error!void {
    if (protocol.chosen != future) return;
    const transport = o.incref(protocol.transport.?);
    defer o.decref(transport);
    if (transport.connection().isInputEnded()) protocol.choice = .dropped; // we are disconnecting
    switch (protocol.choice) {
        .awaited => protocol.choice = .made,
        .dropped => return drop(protocol, transport),
        .none, .asked, .made => return,
    }
    if (protocol.is_reading_paused) try resumeReading(protocol, transport);
    protocols.goOn(protocol, transport) catch |failure| {
        // A transport that calls the protocol closes the connection if that raises. Here no transport is the caller.
        const aside: errors.Aside = .begin();
        defer aside.end();
        if (!transport.connection().isInputEnded() and transport.connection().listener == null) {
            transport.disconnect(false) catch transport.surface();
        }
        return failure;
    };
}

pub fn isCancellation(state: *State, exception: *Object) bool {
    return c.PyErr_GivenExceptionMatches(exception, state.imports.CancelledError) != 0;
}
