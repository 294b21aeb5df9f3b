//! From received bytes to the listener: frames in order, answers to PING, and the one way in which a connection fails.

const core = @import("core");
const c = @import("capi.zig");
const o = @import("object.zig");
const errors = @import("errors.zig");
const log = @import("log.zig");
const send = @import("send.zig");
const Connection = @import("connection.zig").Connection;
const Input = @import("input.zig").Input;
const WSFrame = @import("frame.zig").WSFrame;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// Between a CLOSE that reports a failure and the end of the connection. What arrives meanwhile is read and dropped: closing
/// a socket with unread bytes makes the kernel send a reset, which can overtake the CLOSE.
const linger_seconds = 0.1;

/// Delivers the frames that stand in `bytes` and keeps what is left for the next read. False if `yieldRest` took what was
/// left: whole frames may be among it. An error is one that must reach the event loop: KeyboardInterrupt and the like,
/// or no memory.
pub fn deliver(transport: *WSTransport, received: Input.Received, bytes: []u8) Error!bool {
    const connection = transport.connection();
    var rest = bytes;
    connection.rest = &rest;
    defer if (connection.rest == &rest) {
        connection.rest = null;
    };
    while (!connection.is_input_ended) {
        switch (connection.parser.next(rest)) {
            .need_more => |frame_size| {
                try connection.input.keep(connection.endpoint.loop_state, received, rest, frame_size);
                break;
            },
            .failure => |failure| protocolError(transport, failure),
            .frame => |parsed| {
                rest = rest[parsed.size..];
                try deliverFrame(transport, parsed, rest, received);
                if (connection.rest != &rest) return false;
            },
        }
    }
    return true;
}

/// Before a read: if it happens inside a callback (which runs the event loop, as nest_asyncio lets it), the bytes that
/// stand behind the frame in hand become the start of what is read, so that all stays in order.
pub fn yieldRest(connection: *Connection) Error!void {
    const rest = connection.rest orelse return;
    try connection.input.keepTail(rest.*);
    connection.rest = null;
}

fn deliverFrame(transport: *WSTransport, parsed: core.Frame, rest: []const u8, received: Input.Received) Error!void {
    const connection = transport.connection();
    const endpoint = connection.endpoint;
    switch (parsed.opcode) {
        .ping => if (endpoint.enable_auto_pong != 0) return answerPing(transport, parsed.payload),
        // What follows a CLOSE is not looked at (RFC 6455 5.5.1).
        .close => {
            connection.is_input_ended = true;
            const decoded = core.close.decode(parsed.payload).close;
            try send.noteClose(transport, .recv, decoded.code, decoded.reason);
        },
        else => {},
    }
    const loop = endpoint.loop_state;
    const frame = try WSFrame.obtain(loop, parsed, rest.len, !startsWithFrame(rest));
    const listener = o.incref(connection.listener.?);
    defer o.decref(listener);
    const result = listener.vtable.on_ws_frame(listener, transport, frame, 0);
    frame.settle(loop, received.chunk);
    if (result) |object| o.decref(object) else try listenerError(transport, .on_ws_frame);
}

/// Whether a whole frame stands at the start of `bytes`. Faults in it are found when its turn comes.
fn startsWithFrame(bytes: []const u8) bool {
    if (bytes.len == 0) return false;
    return switch (core.header.decode(bytes)) {
        .header => |header| header.payload_size <= bytes.len - header.size(),
        .need_more, .failure => false,
    };
}

fn answerPing(transport: *WSTransport, payload: []const u8) Error!void {
    if (transport.connection().endpoint.log_debug) debug(transport, "PING received, PONG sent");
    send.copy(transport, .pong, .{ .fin = true }, payload) catch errors.ignore(&transport.ob);
}

/// The listener's callbacks that may raise.
pub const Callback = enum { on_ws_connected, on_ws_frame, on_ws_disconnected };

/// Deals with the exception that a listener's callback raised.
pub fn listenerError(transport: *WSTransport, callback: Callback) Error!void {
    const state = transport.state;
    const exception = errors.fetch();
    defer o.decref(exception);
    const endpoint = transport.connection().endpoint;
    const is_protocol_error = o.isInstance(exception, state.imports.WSProtocolError);
    const ends = callback != .on_ws_frame or endpoint.disconnect_on_exception != 0 or is_protocol_error or errors.isFatal(exception);
    logListenerError(transport, callback, exception, ends);
    if (ends) {
        keepException(transport, exception);
        var buffer: [core.close.reason_size_max]u8 = undefined;
        const answer = if (is_protocol_error) chosenAnswer(exception, &buffer) else internal_error;
        if (callback != .on_ws_disconnected) end(transport, answer);
    }
    if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
}

fn logListenerError(transport: *WSTransport, callback: Callback, exception: *Object, ends: bool) void {
    const state = transport.state;
    const connection = transport.connection();
    const logger = connection.endpoint.logger;
    // A client's first exception is raised again by wait_disconnected(), so that the log needs no traceback of it.
    if (ends and transport.is_client_side != 0 and connection.exception == null) {
        const message = switch (callback) {
            .on_ws_connected => "WSListener.on_ws_connected raised %r, disconnecting",
            .on_ws_frame => "WSListener.on_ws_frame raised %r, disconnecting",
            .on_ws_disconnected => "WSListener.on_ws_disconnected raised %r",
        };
        return log.write(logger, state.names.warning, message, .{exception});
    }
    const message = switch (callback) {
        .on_ws_connected => "WSListener.on_ws_connected raised, disconnecting",
        .on_ws_frame => if (ends) "WSListener.on_ws_frame raised, disconnecting" else "WSListener.on_ws_frame raised, going on",
        .on_ws_disconnected => "WSListener.on_ws_disconnected raised",
    };
    log.writeException(logger, state.names.@"error", message, exception);
}

const Answer = struct { code: core.CloseCode, reason: []const u8 };
const internal_error: Answer = .{ .code = .internal_error, .reason = "" };

/// Code and reason of a WSProtocolError that a listener raised. What may not be on the wire becomes INTERNAL_ERROR.
fn chosenAnswer(exception: *Object, buffer: *[core.close.reason_size_max]u8) Answer {
    return readAnswer(exception, buffer) catch {
        errors.ignore(exception);
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
fn protocolError(transport: *WSTransport, failure: core.Failure) void {
    const state = transport.state;
    const code = @import("frame.zig").closeCodeObject(state, failure.closeCode()) catch return errors.ignore(&transport.ob);
    defer o.decref(code);
    const message = o.text(failure.message()) catch return errors.ignore(&transport.ob);
    defer o.decref(message);
    log.write(transport.connection().endpoint.logger, state.names.warning, "the peer broke the protocol: %s (close code %d), disconnecting", .{ message, code });
    const exception = o.call(state.imports.WSProtocolError, .{ code, message }) catch return errors.ignore(&transport.ob);
    defer o.decref(exception);
    keepException(transport, exception);
    end(transport, .{ .code = failure.closeCode(), .reason = failure.message() });
}

/// The first exception is the one that explains the rest.
fn keepException(transport: *WSTransport, exception: *Object) void {
    const connection = transport.connection();
    if (connection.exception == null) connection.exception = o.incref(exception);
}

/// Sends a CLOSE, ends the input and disconnects a little later.
fn end(transport: *WSTransport, answer: Answer) void {
    transport.connection().is_input_ended = true;
    send.close(transport, answer.code, answer.reason) catch errors.ignore(&transport.ob);
    disconnectSoon(transport) catch errors.ignore(&transport.ob);
}

/// Disconnects once the peer had time to read what was sent.
pub fn disconnectSoon(transport: *WSTransport) Error!void {
    const seconds = try o.check(c.PyFloat_FromDouble(linger_seconds));
    defer o.decref(seconds);
    const disconnect = try o.check(c.PyObject_GetAttrString(&transport.ob, "disconnect"));
    defer o.decref(disconnect);
    try o.callMethodVoid(transport.connection().endpoint.loop, transport.state.names.call_later, .{ seconds, disconnect });
}

pub fn debug(transport: *WSTransport, message: [:0]const u8) void {
    log.debug(transport.state, transport.connection().endpoint.logger, message, .{});
}
