//! How a connection ends: the one way in which it fails, and the reports about the end.

const core = @import("core");
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const errors = @import("cpython").errors;
const frame = @import("../frame/frame.zig");
const log = @import("../eventloop/log.zig");
const outboxes = @import("outbox.zig");
const pong = @import("pong.zig");
const send = @import("send.zig");
const streams = @import("stream.zig");
const timers = @import("../eventloop/timer.zig");
const socket = @import("net").socket;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// How long to wait for the peer to close after a CLOSE that reports a failure: for one that is silent, and for one whose
/// bytes still arrive.
const linger_seconds = 0.1;
const linger_seconds_max = 2.0;
/// How long a peer may take nothing of what is queued for it.
const flush_seconds_max = 10.0;

/// Why a connection ended: the values of picows.values.closing.WSDisconnectCause.
pub const Cause = enum {
    peer_close,
    own_close,
    own_disconnect,
    ping_timeout,
    protocol_error,
    listener_error,
    eof,
    reset,
};

/// The listener's callbacks that may raise.
pub const Callback = enum { on_ws_connected, on_ws_frame, on_ws_read_end, on_ws_disconnected, send_user_specific_ping, is_user_specific_pong };

/// Deals with the exception that a listener's callback raised.
pub fn listenerError(transport: *WSTransport, callback: Callback) Error!void {
    const state = transport.state;
    const exception = errors.fetch();
    defer o.decref(exception);
    const endpoint = transport.connection().endpoint;
    const is_protocol_error = o.isInstance(exception, state.imports.WSProtocolError);
    const is_of_frame = callback == .on_ws_frame or callback == .on_ws_read_end or callback == .is_user_specific_pong;
    const ends = !is_of_frame or endpoint.options.disconnect_on_exception or is_protocol_error or errors.isFatal(exception);
    logListenerError(transport, callback, exception, ends);
    if (ends) {
        keepException(transport, exception);
        var buffer: [core.close.reason_size_max]u8 = undefined;
        const answer = if (is_protocol_error) chosenAnswer(transport, exception, &buffer) else internal_error;
        if (callback != .on_ws_disconnected) end(transport, .listener_error, answer);
    }
    if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
}

fn logListenerError(transport: *WSTransport, callback: Callback, exception: *Object, ends: bool) void {
    const state = transport.state;
    const connection = transport.connection();
    const endpoint = connection.endpoint;
    // A client's first exception is raised again by wait_disconnected(), so that the log needs no traceback of it.
    if (ends and transport.is_client_side != 0 and connection.exception == null) {
        const message = switch (callback) {
            .on_ws_disconnected => "WSListener.on_ws_disconnected raised %r",
            inline else => |name| "WSListener." ++ @tagName(name) ++ " raised %r, disconnecting",
        };
        return log.write(endpoint, state.names.warning, message, .{exception});
    }
    const message = switch (callback) {
        inline .on_ws_frame, .on_ws_read_end, .is_user_specific_pong => |name| if (ends) "WSListener." ++ @tagName(name) ++ " raised, disconnecting" else "WSListener." ++ @tagName(name) ++ " raised, going on",
        .on_ws_disconnected => "WSListener.on_ws_disconnected raised",
        inline else => |name| "WSListener." ++ @tagName(name) ++ " raised, disconnecting",
    };
    log.writeException(endpoint, state.names.@"error", message, exception);
}

pub const Answer = struct { code: core.CloseCode, reason: []const u8 };
const internal_error: Answer = .{ .code = .internal_error, .reason = "" };

/// Code and reason of a WSProtocolError that a listener raised. What may not be on the wire becomes INTERNAL_ERROR.
fn chosenAnswer(transport: *WSTransport, exception: *Object, buffer: *[core.close.reason_size_max]u8) Answer {
    return readAnswer(exception, buffer) catch {
        transport.surface();
        return internal_error;
    };
}

fn readAnswer(exception: *Object, buffer: *[core.close.reason_size_max]u8) Error!Answer {
    const code_object = try o.check(c.PyObject_GetAttrString(exception, "code"));
    defer o.decref(code_object);
    const value = c.PyLong_AsLong(code_object);
    if (value == -1 and c.PyErr_Occurred() != null) return error.Python;
    const text = try o.check(c.PyObject_Str(exception));
    defer o.decref(text);
    var size: c.Py_ssize_t = 0;
    const data = c.PyUnicode_AsUTF8AndSize(text, &size) orelse return error.Python;
    const code = try send.closeCode(value, "");
    if (code == .no_info) return .{ .code = code, .reason = "" };
    const reason = cutText(data[0..@intCast(size)], buffer.len);
    @memcpy(buffer[0..reason.len], reason);
    return .{ .code = code, .reason = buffer[0..reason.len] };
}

/// As much of a UTF-8 text as fits into `size_max` bytes without cutting a character.
fn cutText(text: []const u8, size_max: usize) []const u8 {
    if (text.len <= size_max) return text;
    var size = size_max;
    while (size > 0 and text[size] & 0b1100_0000 == 0b1000_0000) size -= 1;
    return text[0..size];
}

/// The peer broke the protocol: one log line, one exception, one CLOSE.
pub fn protocolError(transport: *WSTransport, failure: core.Failure) void {
    // Also where there is no memory for the rest.
    defer end(transport, .protocol_error, .{ .code = failure.closeCode(), .reason = failure.message() });
    const state = transport.state;
    const code = frame.closeCodeObject(state, failure.closeCode()) catch return transport.surface();
    defer o.decref(code);
    const message = o.text(failure.message()) catch return transport.surface();
    defer o.decref(message);
    log.write(transport.connection().endpoint, state.names.warning, "the peer broke the protocol: %s (close code %d), disconnecting", .{ message, code });
    const exception = o.call(state.imports.WSProtocolError, .{ code, message }) catch return transport.surface();
    defer o.decref(exception);
    keepException(transport, exception);
}

/// The first exception is the one that explains the rest.
fn keepException(transport: *WSTransport, exception: *Object) void {
    const connection = transport.connection();
    if (connection.exception != null) return;
    connection.traceback = c.PyException_GetTraceback(exception);
    @atomicStore(?*Object, &connection.exception, o.incref(exception), .release);
}

/// A user ends the connection because of what it received: as for a failure of the peer, but nothing is logged.
pub fn userFailure(transport: *WSTransport, answer: Answer) void {
    if (transport.is_disconnected == 0) end(transport, .own_close, answer);
}

/// Sends a CLOSE, ends the input and disconnects a little later.
fn end(transport: *WSTransport, cause: Cause, answer: Answer) void {
    report(transport, cause, answer);
    lingerAndDisconnect(transport) catch transport.surface();
}

/// Sends a CLOSE and ends the input; the caller disconnects.
pub fn report(transport: *WSTransport, cause: Cause, answer: Answer) void {
    const connection = transport.connection();
    connection.session.drop();
    pong.end(transport);
    if (connection.cause == null) connection.cause = cause;
    send.close(transport, answer.code, answer.reason) catch outboxes.surfaceUnlessRefused(transport);
}

/// Disconnects once the peer had time to read what was sent. What arrives meanwhile is read and dropped: closing a socket
/// with unread bytes makes the kernel send a reset, which can overtake what was sent. Where our side can be ended on its
/// own (TCP, not TLS) it is, so that a peer that reads to the end need not wait.
pub fn lingerAndDisconnect(transport: *WSTransport) Error!void {
    const state = transport.state;
    if (transport.connection().outbox.life == .ended) return;
    try outboxes.flush(transport);
    const can_write_eof = try o.callMethod(transport.underlying_transport, state.names.can_write_eof, .{});
    defer o.decref(can_write_eof);
    if (try o.isTrue(can_write_eof)) try o.callMethodVoid(transport.underlying_transport, state.names.write_eof, .{});
    transport.connection().ended_at = clock.now(state);
    try schedule(transport, linger_seconds, lingerOver);
}

/// Our CLOSE was sent: ends the connection when the peer's has come, or after `seconds`.
pub fn awaitAnswer(transport: *WSTransport, seconds: f64) Error!void {
    const connection = transport.connection();
    if (connection.outbox.life == .ended) return;
    if (connection.isInputEnded()) return if (connection.end_timer == null) transport.disconnect(true);
    connection.ends_when_answered = true;
    try schedule(transport, seconds, answerOverdue);
}

fn answerOverdue(transport: *WSTransport) Error!void {
    debug(transport, "no answer to our CLOSE, disconnecting");
    try lingerAndDisconnect(transport);
}

/// Disconnects, unless the peer still sends, or still takes what is queued for it. Until then its bytes are read.
fn lingerOver(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    if (transport.is_disconnected != 0) return;
    const now = clock.now(transport.state);
    const queued_size = try queuedSize(transport);
    if (queued_size != connection.queued_size_seen) {
        connection.queued_size_seen = queued_size;
        connection.ended_at = now;
    }
    const seconds = now - connection.ended_at;
    if (queued_size > 0 and seconds >= flush_seconds_max) return transport.disconnect(false);
    const is_silent = now - connection.received_at >= linger_seconds;
    if (queued_size > 0 or (!is_silent and seconds < linger_seconds_max)) return schedule(transport, linger_seconds, lingerOver);
    try transport.disconnect(true);
}

/// How much the peer has not taken yet, be it with the transport or with the kernel. What asyncio's transport of TLS has
/// encrypted it does not count, but then the kernel has its fill.
fn queuedSize(transport: *WSTransport) Error!usize {
    const handle = try transport.socketHandle();
    const sent_size = if (handle == socket.none) 0 else socket.unacknowledgedSize(handle);
    return try streams.waiting(transport) + sent_size;
}

/// Calls a function later, unless the connection is gone by then.
pub fn schedule(transport: *WSTransport, seconds: f64, comptime fired: fn (*WSTransport) Error!void) Error!void {
    const connection = transport.connection();
    try timers.start(&connection.end_timer, transport.state, connection.endpoint.loop, seconds, fired, transport);
}

pub fn debug(transport: *WSTransport, message: [:0]const u8) void {
    if (!transport.connection().endpoint.log_debug) return;
    log.debug(transport.connection().endpoint, message, .{});
}

/// The peer ended its side.
pub fn noteEnd(transport: *WSTransport) void {
    const connection = transport.connection();
    const is_first = connection.session.closing.first() == null and connection.lost_by == null and connection.outbox.life == .open;
    if (is_first and connection.cause == null) connection.cause = .eof;
}

/// The connection is gone: what was not known before is told by how it went. All that `info` reads is there before other
/// threads can see that the connection is gone, so nothing here runs Python code.
pub fn noteLoss(transport: *WSTransport, exception: *Object) void {
    const connection = transport.connection();
    if (!o.isNone(exception)) connection.noteBroken(exception);
    if (connection.cause == null) connection.cause = causeOfLoss(transport);
    @atomicStore(c_int, &transport.is_disconnected, 1, .release);
}

fn causeOfLoss(transport: *WSTransport) Cause {
    const connection = transport.connection();
    if (connection.session.closing.first()) |first| return switch (first) {
        .peer => .peer_close,
        .us => .own_close,
    };
    if (connection.outbox.life == .ended) return .own_disconnect;
    return if (connection.lost_by != null) .reset else .eof;
}

/// The WSDisconnectInfo of a connection that is gone, else None.
pub fn info(transport: *WSTransport) Error!*Object {
    if (@atomicLoad(c_int, &transport.is_disconnected, .acquire) == 0) return o.none();
    const connection = transport.connection();
    const cause = try o.text(@tagName(connection.cause.?));
    defer o.decref(cause);
    const received_at = try timeObject(connection.received_at);
    defer o.decref(received_at);
    const sent_at = try timeObject(connection.sent_at);
    defer o.decref(sent_at);
    const exception = @atomicLoad(?*Object, &connection.exception, .acquire) orelse connection.lost_by orelse c.none();
    return o.call(transport.state.imports.make_disconnect_info, .{ cause, exception, received_at, sent_at });
}

/// A time, or None for never.
fn timeObject(time: f64) Error!*Object {
    return if (time == 0) o.none() else o.check(c.PyFloat_FromDouble(time));
}
