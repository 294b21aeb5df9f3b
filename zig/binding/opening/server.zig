//! The opening handshake on a server (RFC 6455 4.2): a request in, an answer out.

const std = @import("std");
const core = @import("core");
const agreement = @import("agreement.zig");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const choices = @import("choice.zig");
const o = @import("cpython").object;
const ending = @import("../connection/ending.zig");
const Endpoint = @import("../connection/endpoint.zig").Endpoint;
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const pending = @import("pending.zig");
const outbox = @import("../connection/outbox.zig");
const upgrade = @import("opening.zig");
const Compression = @import("../connection/compression.zig").Compression;
const Protocol = @import("protocol.zig").Protocol;
const State = @import("../state/state.zig").State;
const WSListener = @import("../connection/listener.zig").WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

pub fn received(protocol: *Protocol, transport: *WSTransport, rest: *[]u8) Error!bool {
    const bytes = rest.*;
    if (protocol.choice == .awaited) {
        try choices.hold(protocol, transport, bytes);
        return false;
    }
    // The peer gets no answer any more, or sending one has failed.
    if (protocol.choice == .dropped or (protocol.choice == .made and protocol.chosen == null)) return false;
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    const head = switch (protocol.reader.reader.next(bytes, &fields)) {
        .head => |head| head,
        .need_more => {
            try transport.connection().input.keepTail(bytes);
            return false;
        },
        .failure => |failure| return refuse(protocol, transport, failure.status(), failure.message()),
    };
    const line = core.http.parseRequestLine(head.start_line) orelse return refuse(protocol, transport, 400, "malformed request line");
    protocol.is_head = core.opening.request.isHead(line);
    if (core.opening.request.checkHttp(line, head)) |failure| {
        if (!leaves(protocol.endpoint, failure)) return refuse(protocol, transport, failure.status(), failure.message());
    }
    // Who chooses for one connection, because that is no plain request, is not asked of one that is no upgrade after all.
    if (protocol.listener_factory != null) switch (core.opening.request.checkUpgrade(line, head)) {
        .failure => |failure| return refuse(protocol, transport, failure.status(), failure.message()),
        .accept => {},
    };
    if (protocol.choice == .none) try makeRequest(transport, line, bytes[0..head.size]);
    rest.* = bytes[head.size..];
    transport.connection().rest = rest;
    const frames_follow = try answer(protocol, transport, line, head);
    if (protocol.choice == .awaited) try choices.holdAll(protocol, transport, bytes, head.size);
    return frames_follow;
}

/// Whether a factory that takes the transport decides about a request itself.
fn leaves(endpoint: *const Endpoint, failure: core.opening.request.Failure) bool {
    return endpoint.factory_takes_handshake and (failure == .method or failure == .http_version);
}

fn makeRequest(transport: *WSTransport, line: core.http.RequestLine, head: []const u8) Error!void {
    const path = try o.bytes(line.target);
    defer o.decref(path);
    const data = try o.bytes(head);
    defer o.decref(data);
    const is_usual = std.mem.eql(u8, line.method, "GET") and std.mem.eql(u8, line.version, "HTTP/1.1");
    const make = transport.state.imports.make_request;
    const request = if (is_usual) try o.call(make, .{ path, data }) else try makeOther(make, path, data, line);
    defer o.decref(request);
    o.replace(&transport.request, request);
}

fn makeOther(make: *Object, path: *Object, data: *Object, line: core.http.RequestLine) Error!*Object {
    const method = try o.bytes(line.method);
    defer o.decref(method);
    const version = try o.bytes(line.version);
    defer o.decref(version);
    return o.call(make, .{ path, data, method, version });
}

/// Asks the user's factory and answers the request. True if frames follow; nothing is answered yet if the choice is awaited.
fn answer(protocol: *Protocol, transport: *WSTransport, line: core.http.RequestLine, head: core.http.Head) Error!bool {
    const was_awaited = protocol.choice == .made;
    const listener = accept(protocol, transport, line, head) catch {
        try answerInternalError(protocol, transport, was_awaited);
        return false;
    } orelse return false;
    defer o.decref(listener);
    try upgrade.open(protocol, transport, listener);
    return true;
}

/// Sends the answer that the factory chose. Returns the listener (a new reference) if frames follow. If the response raises,
/// nothing was sent.
fn accept(protocol: *Protocol, transport: *WSTransport, line: core.http.RequestLine, head: core.http.Head) Error!?*WSListener {
    const result = try choices.ask(protocol, transport) orelse return null;
    defer o.decref(result);
    if (transport.is_disconnected != 0) return null;
    const chosen = try choose(transport, result);
    defer if (chosen.response) |response| o.decref(response);
    const listener = chosen.listener orelse {
        try respondLast(protocol, transport, chosen.response.?, chosen.status);
        return null;
    };
    errdefer o.decref(listener);
    const accept_value = switch (core.opening.request.checkUpgrade(line, head)) {
        .failure => |failure| {
            _ = try refuse(protocol, transport, failure.status(), failure.message());
            o.decref(listener);
            return null;
        },
        .accept => |value| value,
    };
    var compression = agreement.choose(&protocol.endpoint.options.compression, head);
    if (chosen.response) |response| {
        try setHeader(transport, response, "Sec-WebSocket-Accept", &accept_value);
        // If the user's response names extensions, these are the connection's.
        if (compression != null and try hasHeader(transport, response, agreement.field_name)) compression = null;
        if (compression) |*answered| try setHeader(transport, response, agreement.field_name, answered.value());
        const data = try o.callMethod(response, transport.state.names.to_bytes, .{});
        checkTaken(head, data) catch |failure| {
            o.decref(data);
            return failure;
        };
        try sendAnswer(transport, response, data);
    } else try respondPlainly(transport, &accept_value, if (compression) |*answered| answered.value() else null);
    if (compression) |answered| try Compression.begin(transport, answered.agreement);
    return listener;
}

/// A client must end a connection if the answer has what it did not offer (RFC 6455 4.1, items 5 and 6).
fn checkTaken(head: core.http.Head, data: *Object) Error!void {
    const offer = core.opening.offer;
    var view: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(data, &view, c.PyBUF_SIMPLE));
    defer c.PyBuffer_Release(&view);
    var fields: [offer.own_field_count_max]core.http.Field = undefined;
    return switch (offer.checkAnswer(head.fields, offer.findIn(args.slice(&view), &fields)) orelse return) {
        .subprotocol => errors.raise("ValueError", "Sec-WebSocket-Protocol of a 101 must be one subprotocol that the client offered"),
        .extension => errors.raise("ValueError", "Sec-WebSocket-Extensions of a 101 must have only extensions that the client offered"),
    };
}

/// The answer of most servers: without headers of their own.
fn respondPlainly(transport: *WSTransport, accept_value: *const [core.opening.key.accept_size]u8, extensions: ?[]const u8) Error!void {
    var buffer: [core.opening.response.acceptance_size_max]u8 = undefined;
    var writer: core.write.Writer = .{ .buffer = &buffer };
    core.opening.response.writeAcceptance(&writer, accept_value) catch unreachable; // base64 may go into a field
    if (extensions) |value| writer.field(agreement.field_name, value) catch unreachable; // so may names and numbers
    const data = try o.bytes(writer.finish().?);
    const response = o.call(transport.state.imports.switching_response, .{data}) catch |failure| {
        o.decref(data);
        return failure;
    };
    defer o.decref(response);
    try sendAnswer(transport, response, data);
}

/// The user's code raised: log it and answer 500. The peer learns nothing of the exception: its text may hold secrets.
fn answerInternalError(protocol: *Protocol, transport: *WSTransport, was_awaited: bool) Error!void {
    const exception = errors.fetch();
    defer o.decref(exception);
    const endpoint = transport.connection().endpoint;
    const names = &transport.state.names;
    if (was_awaited and choices.isCancellation(transport.state, exception)) {
        log.write(endpoint, names.info, "the listener factory was cancelled, answered 500", .{});
    } else log.writeException(endpoint, names.@"error", "the listener factory failed, answered 500", exception);
    try respondError(protocol, transport, 500, "500 Internal Server Error");
    // If a task raised it, it has come out of the event loop already.
    if (errors.isFatal(exception) and !was_awaited) return errors.restore(o.incref(exception));
}

/// A response, null for the plain 101; and a listener if and only if it is a 101.
const Chosen = struct { response: ?*Object, status: u16, listener: ?*WSListener };

/// Reads what the listener factory returned. References in the result are new.
fn choose(transport: *WSTransport, result: *Object) Error!Chosen {
    const state = transport.state;
    const names = &state.names;
    if (o.isNone(result)) return .{ .response = try errorResponse(state, 404, "404 Not Found"), .status = 404, .listener = null };
    if (o.isInstance(result, state.types.WSListener)) return .{ .response = null, .status = 101, .listener = @ptrCast(o.incref(result)) };
    if (!o.isInstance(result, state.imports.WSUpgradeResponseWithListener)) {
        return errors.raiseFormat("TypeError", "a listener factory must return a WSListener, a WSUpgradeResponseWithListener or None, or an awaitable of one, not %R", .{result});
    }
    const response = try o.check(c.PyObject_GetAttr(result, names.response));
    errdefer o.decref(response);
    const status_object = try o.check(c.PyObject_GetAttr(response, names.status));
    defer o.decref(status_object);
    const status = c.PyLong_AsLong(status_object);
    if (status == -1 and c.PyErr_Occurred() != null) return error.Python;
    const listener = try o.check(c.PyObject_GetAttr(result, names.listener));
    if (status != 101) {
        o.decref(listener);
        // If it is not a status, sending the response raises.
        return .{ .response = response, .status = std.math.cast(u16, status) orelse 0, .listener = null };
    }
    errdefer o.decref(listener);
    try upgrade.checkListener(state, listener);
    return .{ .response = response, .status = 101, .listener = @ptrCast(listener) };
}

/// Answers a request that cannot be served, and writes one log line.
fn refuse(protocol: *Protocol, transport: *WSTransport, status: u16, message: [:0]const u8) Error!bool {
    const reason = try o.text(message);
    defer o.decref(reason);
    const number = try o.check(c.PyLong_FromLong(status));
    defer o.decref(number);
    log.write(transport.connection().endpoint, transport.state.names.warning, "opening handshake refused with %d: %s", .{ number, reason });
    try respondError(protocol, transport, status, message);
    return false;
}

fn respondError(protocol: *Protocol, transport: *WSTransport, status: u16, body: []const u8) Error!void {
    const response = try errorResponse(transport.state, status, body);
    defer o.decref(response);
    try respondLast(protocol, transport, response, status);
}

fn errorResponse(state: *State, status: u16, body: []const u8) Error!*Object {
    const number = try o.check(c.PyLong_FromLong(status));
    defer o.decref(number);
    const content = try o.bytes(body);
    defer o.decref(content);
    return o.callMethod(state.imports.WSUpgradeResponse, state.names.create_error_response, .{ number, content });
}

/// Sends an answer after which no frames follow, and disconnects. The rest of the request may still be on its way.
fn respondLast(protocol: *Protocol, transport: *WSTransport, response: *Object, status: u16) Error!void {
    transport.connection().session.drop();
    pending.end(protocol);
    try setHeader(transport, response, "Connection", core.opening.response.refusalConnection(status));
    for (core.opening.response.refusalFields(status)) |field| {
        if (!try hasHeader(transport, response, field.name)) try setHeader(transport, response, field.name, field.value);
    }
    const data = try o.callMethod(response, transport.state.names.to_bytes, .{});
    try sendAnswer(transport, response, if (protocol.is_head) try headOf(data) else data);
    try ending.lingerAndDisconnect(transport);
}

fn hasHeader(transport: *WSTransport, response: *Object, name: []const u8) Error!bool {
    const headers = try o.check(c.PyObject_GetAttr(response, transport.state.names.headers));
    defer o.decref(headers);
    const key = try o.text(name);
    defer o.decref(key);
    const found = c.PySequence_Contains(headers, key);
    return if (found < 0) error.Python else found > 0;
}

fn setHeader(transport: *WSTransport, response: *Object, name: []const u8, value: []const u8) Error!void {
    const headers = try o.check(c.PyObject_GetAttr(response, transport.state.names.headers));
    defer o.decref(headers);
    const key = try o.text(name);
    defer o.decref(key);
    const text = try o.text(value);
    defer o.decref(text);
    try o.checkStatus(c.PyObject_SetItem(headers, key, text));
}

/// An answer without its content. Takes over the reference to `data`.
fn headOf(data: *Object) Error!*Object {
    defer o.decref(data);
    var view: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(data, &view, c.PyBUF_SIMPLE));
    defer c.PyBuffer_Release(&view);
    const bytes = args.slice(&view);
    const end = std.mem.find(u8, bytes, "\r\n\r\n") orelse return o.bytes(bytes);
    return o.bytes(bytes[0 .. end + "\r\n\r\n".len]);
}

/// Takes over the reference to `data`.
fn sendAnswer(transport: *WSTransport, response: *Object, data: *Object) Error!void {
    defer o.decref(data);
    o.replace(&transport.response, response);
    const endpoint = transport.connection().endpoint;
    if (endpoint.log_debug) log.debug(endpoint, "%r answered with %r", .{ transport.request, response });
    try outbox.head(transport, data);
}
