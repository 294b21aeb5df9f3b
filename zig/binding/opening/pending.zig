//! The connections of an endpoint whose opening handshake is not done. Their time and their number are bounded. They are in
//! the order in which they came, and all have the same time limit, so one timer is enough: that of the oldest.

const std = @import("std");
const asyncio = @import("../eventloop/asyncio.zig");
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const timers = @import("../eventloop/timer.zig");
const upgrade = @import("opening.zig");
const endpoints = @import("../connection/endpoint.zig");
const Endpoint = endpoints.Endpoint;
const Place = endpoints.Place;
const Protocol = @import("protocol.zig").Protocol;
const Object = o.Object;
const Error = o.Error;

/// By how much a timer may fire too early: the clock of an event loop has steps, of a millisecond in uvloop.
const clock_step = 0.001;

/// The opening handshake begins. If there are too many then, the oldest one is ended.
pub fn begin(protocol: *Protocol) Error!void {
    const endpoint = protocol.endpoint;
    const pending = &endpoint.pending;
    var deadline = std.math.inf(f64);
    if (endpoint.options.websocket_handshake_timeout < deadline) {
        deadline = try asyncio.time(endpoint.state, endpoint.loop) + endpoint.options.websocket_handshake_timeout;
        if (pending.timer == null) try startTimer(endpoint, endpoint.options.websocket_handshake_timeout);
    }
    // The event loop's code ran in between, and may have called this function.
    unlink(protocol);
    const place = &protocol.place;
    place.* = .{ .is_taken = true, .previous = pending.last, .deadline = deadline };
    if (pending.last) |last| last.next = place else pending.first = place;
    pending.last = place;
    pending.count += 1;
    if (pending.count <= pending.count_max) return;
    const oldest = o.incref(protocolAt(pending.first.?));
    defer o.decref(oldest);
    end(oldest);
    try upgrade.crowdedOut(oldest);
}

/// The opening handshake has succeeded or failed. May be called more than once.
pub fn end(protocol: *Protocol) void {
    if (!protocol.place.is_taken) return;
    unlink(protocol);
    const pending = &protocol.endpoint.pending;
    if (pending.count == 0) timers.cancel(&pending.timer, protocol.endpoint.state, protocol.endpoint.loop);
}

/// Leaves the list. It runs no code of the user's or the event loop's, because a dying protocol calls it, perhaps after the
/// garbage collector has cleared the timer. If the timer still fires, it finds nothing to do.
pub fn unlink(protocol: *Protocol) void {
    const place = protocol.place;
    if (!place.is_taken) return;
    const pending = &protocol.endpoint.pending;
    if (place.previous) |previous| previous.next = place.next else pending.first = place.next;
    if (place.next) |next| next.previous = place.previous else pending.last = place.previous;
    protocol.place = .{};
    pending.count -= 1;
}

fn protocolAt(place: *Place) *Protocol {
    return @alignCast(@fieldParentPtr("place", place));
}

fn startTimer(endpoint: *Endpoint, seconds: f64) Error!void {
    try timers.start(&endpoint.pending.timer, endpoint.state, endpoint.loop, seconds, timedOut, endpoint);
}

/// The timer's callback.
fn timedOut(endpoint: *Endpoint) Error!void {
    o.clear(&endpoint.pending.timer);
    const now = try asyncio.time(endpoint.state, endpoint.loop);
    endExpired(endpoint, now) catch |failure| {
        const aside: errors.Aside = .begin();
        defer aside.end();
        rearm(endpoint, now) catch asyncio.surface(endpoint.state, endpoint.loop, &endpoint.ob);
        return failure;
    };
    try rearm(endpoint, now);
}

fn endExpired(endpoint: *Endpoint, now: f64) Error!void {
    while (endpoint.pending.first) |place| {
        if (place.deadline > now + clock_step) return;
        const protocol = o.incref(protocolAt(place));
        defer o.decref(protocol);
        end(protocol);
        try upgrade.timedOut(protocol);
    }
}

fn rearm(endpoint: *Endpoint, now: f64) Error!void {
    const oldest = endpoint.pending.first orelse return;
    if (endpoint.pending.timer == null) try startTimer(endpoint, oldest.deadline - now);
}
