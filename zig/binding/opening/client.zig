//! The opening handshake on a client (RFC 6455 4.1): a request out, an answer in, or an exception for ws_connect.

const std = @import("std");
const agreement = @import("agreement.zig");
const core = @import("core");
const c = @import("cpython").capi;
const choices = @import("choice.zig");
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const outbox = @import("../connection/outbox.zig");
const upgrade = @import("opening.zig");
const State = @import("../state/state.zig").State;
const Protocol = @import("protocol.zig").Protocol;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// How much is read of the body of a refusal, for the exception that ws_connect raises.
const refusal_body_size_max = 64 * 1024;

/// The log shows no headers: some are secrets.
pub fn sendRequest(transport: *WSTransport) Error!void {
    const endpoint = transport.connection().endpoint;
    if (endpoint.log_debug) log.debug(endpoint, "opening handshake request: %r", .{endpoint.request});
    try outbox.head(transport, endpoint.request_bytes);
}

pub fn received(protocol: *Protocol, transport: *WSTransport, rest: *[]u8) Error!bool {
    const is_read = readAnswer(protocol, transport, rest, false) catch {
        try failClient(protocol, transport);
        return false;
    };
    if (!is_read) try transport.connection().input.keepTail(rest.*);
    return is_read;
}

/// The current exception becomes what ws_connect raises.
fn failClient(protocol: *Protocol, transport: *WSTransport) Error!void {
    const exception = errors.fetch();
    defer o.decref(exception);
    const told = try o.call(transport.state.imports.factory_error, .{exception});
    defer o.decref(told);
    try protocol.settle(told);
    try transport.disconnect(false);
    if (errors.isFatal(exception)) return errors.restore(o.incref(exception));
}

/// Removes from `rest` the head of an answer that accepts the handshake. False if the head is not complete. Raises what
/// ws_connect is to raise.
fn readAnswer(protocol: *Protocol, transport: *WSTransport, rest: *[]u8, at_end: bool) Error!bool {
    const bytes = rest.*;
    const state = transport.state;
    const imports = &state.imports;
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    // A copy of the reader: it is finished behind a complete head, but the body of a refusal may still be on its way.
    var reader = protocol.reader;
    const head = switch (reader.next(bytes, &fields)) {
        .head => |head| head,
        .need_more => {
            protocol.reader = reader;
            return false;
        },
        .failure => |failure| return raiseAnswer(imports.WSInvalidMessageError, failure.message(), bytes[reader.start..], "", null),
    };
    const raw_head = bytes[reader.start .. head.size - 4];
    const body = bytes[head.size..];
    const line = core.http.parseStatusLine(head.start_line) orelse {
        return raiseAnswer(imports.WSInvalidMessageError, "the answer does not start with an HTTP/1.1 status line", raw_head, body, null);
    };
    if (!std.mem.eql(u8, line.version, "HTTP/1.1")) {
        return raiseAnswer(imports.WSInvalidMessageError, "the answer is not HTTP/1.1", raw_head, body, null);
    }
    if (line.status != 101 and !at_end and isBodyMissing(line.status, head, body.len)) return false;

    const response = if (line.status == 101) try makeSwitching(state, bytes[reader.start..head.size]) else try makeResponse(state, line, head, body);
    defer o.decref(response);
    if (line.status != 101) return raiseStatus(imports.WSInvalidStatusError, line.status, raw_head, body, response);
    const endpoint = transport.connection().endpoint;
    const expected = core.opening.key.accept(try o.bytesData(endpoint.key));
    if (core.opening.response.check(head, &expected, endpoint.options.strict)) |failure| return raiseHeader(state, failure, head, raw_head, body, response);
    if (try checkTaken(endpoint.request_bytes, head)) |failure| return raiseHeader(state, failure, head, raw_head, body, response);
    if (try agreement.check(transport, head)) |failure| {
        return raiseField(agreement.field_name, failure.message(), imports.WSInvalidHeaderError, head, raw_head, body, response);
    }
    o.replace(&transport.response, response);
    rest.* = bytes[head.size..];
    transport.connection().rest = rest;
    try openClient(protocol, transport, response);
    return true;
}

/// What is in an answer although it was not offered in `extra_headers`.
fn checkTaken(request_bytes: *Object, head: core.http.Head) Error!?core.opening.response.Failure {
    _ = core.opening.response.checkTaken(head, &.{}) orelse return null; // most answers have nothing of that kind
    var fields: [core.opening.offer.own_field_count_max]core.http.Field = undefined;
    return core.opening.response.checkTaken(head, core.opening.offer.findIn(try o.bytesData(request_bytes), &fields));
}

/// Whether to wait for more of the body of a refusal. Without a Content-Length it ends with the connection (RFC 9112 6.3). We do
/// not decode a chunked body, so we do not wait for its end.
fn isBodyMissing(status: u16, head: core.http.Head, size: usize) bool {
    if (status == 204) return false;
    // A redirect is followed at once; nobody reads its body.
    if (status >= 300 and status < 400) return false;
    if (size >= refusal_body_size_max or head.count("Transfer-Encoding") > 0) return false;
    const length = head.find("Content-Length") orelse return true;
    const expected = std.fmt.parseInt(u64, length, 10) catch return false;
    return size < expected;
}

fn openClient(protocol: *Protocol, transport: *WSTransport, response: *Object) Error!void {
    const endpoint = transport.connection().endpoint;
    const listener = try if (endpoint.factory_takes_handshake)
        choices.call(protocol, transport, .{ transport.request, response })
    else
        choices.call(protocol, transport, .{});
    defer o.decref(listener);
    if (transport.is_disconnected != 0) return;
    try upgrade.checkListener(transport.state, listener);
    o.clear(&protocol.listener);
    protocol.listener = @ptrCast(o.incref(listener));
    try protocol.settle(null);
    try upgrade.open(protocol, transport, @ptrCast(listener));
}

fn makeSwitching(state: *State, head: []const u8) Error!*Object {
    const data = try o.bytes(head);
    defer o.decref(data);
    return o.call(state.imports.switching_response, .{data});
}

fn makeResponse(state: *State, line: core.http.StatusLine, head: core.http.Head, body: []const u8) Error!*Object {
    const version = try o.bytes(line.version);
    defer o.decref(version);
    const status = try o.check(c.PyLong_FromLong(line.status));
    defer o.decref(status);
    const headers = try upgrade.makeHeaders(state, head);
    defer o.decref(headers);
    const content = try o.bytes(body);
    defer o.decref(content);
    return o.call(state.imports.make_response, .{ version, status, headers, content });
}

fn raiseStatus(class: *Object, status: u16, raw_head: []const u8, body: []const u8, response: *Object) Error {
    const number: c_int = status;
    const text = try o.check(c.PyUnicode_FromFormat("the server answered with status %d instead of 101", number));
    defer o.decref(text);
    return raiseText(class, text, raw_head, body, response);
}

fn raiseAnswer(class: *Object, message: []const u8, raw_head: []const u8, body: []const u8, response: ?*Object) Error {
    const text = try o.text(message);
    defer o.decref(text);
    return raiseText(class, text, raw_head, body, response);
}

/// Raises class(text, raw_header, raw_body, response).
fn raiseText(class: *Object, text: *Object, raw_head: []const u8, body: []const u8, response: ?*Object) Error {
    const header = try o.bytes(raw_head);
    defer o.decref(header);
    const content = try o.bytes(body);
    defer o.decref(content);
    return errors.raiseNew(class, .{ text, header, content, response orelse c.none() });
}

/// Raises WSInvalidHeaderError(text, name, value, raw_header, raw_body, response), or WSInvalidUpgradeError.
fn raiseHeader(state: *State, failure: core.opening.response.Failure, head: core.http.Head, raw_head: []const u8, body: []const u8, response: *Object) Error {
    const imports = &state.imports;
    const name = failure.fieldName() orelse return raiseAnswer(imports.WSInvalidMessageError, failure.message(), raw_head, body, response);
    const class = switch (failure) {
        .upgrade, .connection => imports.WSInvalidUpgradeError,
        else => imports.WSInvalidHeaderError,
    };
    return raiseField(name, failure.message(), class, head, raw_head, body, response);
}

fn raiseField(name: []const u8, message: []const u8, class: *Object, head: core.http.Head, raw_head: []const u8, body: []const u8, response: *Object) Error {
    const text = try o.text(message);
    defer o.decref(text);
    const name_object = try o.text(name);
    defer o.decref(name_object);
    const value = if (head.find(name)) |found| try o.text(found) else o.none();
    defer o.decref(value);
    const header = try o.bytes(raw_head);
    defer o.decref(header);
    const content = try o.bytes(body);
    defer o.decref(content);
    return errors.raiseNew(class, .{ text, name_object, value, header, content, response });
}

/// Nothing more will come before the handshake is done: the peer ended its side, or there is no time left. If what came is
/// a refusal, ws_connect raises it.
pub fn ended(protocol: *Protocol, transport: *WSTransport) Error!void {
    const connection = transport.connection();
    if (transport.is_client_side == 0 or connection.isInputEnded()) return;
    if (connection.input.tail.len == 0 or protocol.choice == .asked) return;
    protocol.reader = .{};
    var bytes = connection.input.tail;
    _ = readAnswer(protocol, transport, &bytes, true) catch return failClient(protocol, transport);
}

/// The connection is gone. If the handshake was not done, ws_connect stops waiting for it.
pub fn lost(protocol: *Protocol, cause: *Object) Error!void {
    if (protocol.upgraded == null) return;
    const text = try o.text("the connection was closed before the server answered the opening handshake");
    defer o.decref(text);
    const exception = try o.call(protocol.endpoint.state.imports.WSHandshakeError, .{text});
    defer o.decref(exception);
    if (!o.isNone(cause)) c.PyException_SetCause(exception, o.incref(cause));
    try protocol.settle(exception);
}
