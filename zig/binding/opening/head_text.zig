//! Writes heads for Python: requests of clients, also to proxies, and answers of servers with more than the usual headers. The
//! core's writer decides what may go onto the wire.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const Object = o.Object;
const Error = o.Error;
const Writer = core.write.Writer;

const Start = union(enum) {
    request: struct { method: []const u8, target: []const u8 },
    response: Response,
};

const Response = struct { version: *Object, status: c_long, content_size: c.Py_ssize_t };

/// Module function.
pub fn writeRequest(_: *Object, args: *Object) callconv(.c) ?*Object {
    var method: *Object = undefined;
    var target: *Object = undefined;
    var headers: *Object = undefined;
    if (c.PyArg_ParseTuple(args, "SSO:write_request_head", &method, &target, &headers) == 0) return null;
    return o.toC(requestHead(method, target, headers));
}

fn requestHead(method: *Object, target: *Object, headers: *Object) Error!*Object {
    return head(.{ .request = .{ .method = try o.bytesData(method), .target = try o.bytesData(target) } }, headers);
}

/// Module function.
pub fn writeResponse(_: *Object, args: *Object) callconv(.c) ?*Object {
    var response: Response = undefined;
    var headers: *Object = undefined;
    if (c.PyArg_ParseTuple(args, "SlOn:write_response_head", &response.version, &response.status, &headers, &response.content_size) == 0) return null;
    return o.toC(head(.{ .response = response }, headers));
}

fn head(start: Start, headers: *Object) Error!*Object {
    const pairs = try o.check(c.PySequence_Tuple(headers));
    defer o.decref(pairs);
    var small: [2048]u8 = undefined;
    var writer: Writer = .{ .buffer = &small };
    try write(&writer, start, pairs);
    if (writer.finish()) |text| return o.bytes(text);
    const memory = try o.allocateBytes(writer.size);
    defer o.freeBytes(memory);
    writer = .{ .buffer = memory };
    try write(&writer, start, pairs);
    return o.bytes(writer.finish().?);
}

fn write(writer: *Writer, start: Start, pairs: *Object) Error!void {
    switch (start) {
        .request => |line| writer.requestLine(line.method, line.target) catch
            return errors.raise("ValueError", "method and target of a request must be visible ASCII without spaces"),
        .response => |response| try writeStatusLine(writer, response),
    }
    for (0..@intCast(c.PyTuple_Size(pairs))) |i| {
        try writeField(writer, c.PyTuple_GetItem(pairs, @intCast(i)).?, start == .response);
    }
    if (start == .response and core.status.hasContentLength(@intCast(start.response.status))) {
        var digits: [20]u8 = undefined;
        const size = std.fmt.bufPrint(&digits, "{d}", .{start.response.content_size}) catch unreachable;
        writer.field("Content-Length", size) catch unreachable;
    }
}

fn writeStatusLine(writer: *Writer, response: Response) Error!void {
    // A number that does not fit into u16 is no status that can be sent.
    const status = std.math.cast(u16, response.status) orelse 0;
    writer.statusLine(try o.bytesData(response.version), status) catch |failure| return switch (failure) {
        error.BadStatus => errors.raiseFormat("ValueError", "status %ld cannot be sent: it must be 100 to 599", .{response.status}),
        else => errors.raiseFormat("ValueError", "HTTP version %R is malformed", .{response.version}),
    };
    if (response.content_size > 0 and !core.status.mayHaveContent(status)) {
        return errors.raiseFormat("ValueError", "a response with status %ld has no body", .{response.status});
    }
}

fn writeField(writer: *Writer, pair: *Object, has_own_length: bool) Error!void {
    if (c.PyType_GetFlags(pair.ob_type) & c.Py_TPFLAGS_TUPLE_SUBCLASS == 0 or c.PyTuple_Size(pair) != 2) {
        return errors.raiseFormat("TypeError", "headers must be pairs of str, not %R", .{pair});
    }
    const name: Text = try .of(c.PyTuple_GetItem(pair, 0).?);
    defer name.end();
    const value: Text = try .of(c.PyTuple_GetItem(pair, 1).?);
    defer value.end();
    if (has_own_length and std.ascii.eqlIgnoreCase(name.bytes, "Content-Length")) return;
    writer.field(name.bytes, value.bytes) catch |failure| return switch (failure) {
        error.BadFieldName => errors.raiseFormat("ValueError", "%R cannot be the name of a header", .{name.object}),
        else => raiseValue(name, value),
    };
}

fn raiseValue(name: Text, value: Text) Error {
    for (value.bytes, 0..) |_, at| {
        const byte = value.bytes[at..][0..1];
        if (core.http.isFieldValue(byte)) continue;
        const forbidden = try o.text(byte);
        defer o.decref(forbidden);
        return errors.raiseFormat("ValueError", "the value of header %R contains %R", .{ name.object, forbidden });
    }
    unreachable; // the writer refused it because of one of its bytes
}

/// Text as it goes onto the wire: UTF-8. Each surrogate stands for a byte that is not part of UTF-8.
const Text = struct {
    object: *Object,
    bytes: []const u8,
    /// The object that owns the bytes, if the text itself does not.
    encoded: ?*Object = null,

    fn of(object: *Object) Error!Text {
        if (c.PyType_GetFlags(object.ob_type) & c.Py_TPFLAGS_UNICODE_SUBCLASS == 0) {
            return errors.raiseFormat("TypeError", "name and value of a header must be str, not %R", .{object});
        }
        var size: c.Py_ssize_t = 0;
        if (c.PyUnicode_AsUTF8AndSize(object, &size)) |utf8| return .{ .object = object, .bytes = utf8[0..@intCast(size)] };
        c.PyErr_Clear();
        const encoded = try o.check(c.PyUnicode_AsEncodedString(object, "utf-8", "surrogateescape"));
        errdefer o.decref(encoded);
        return .{ .object = object, .bytes = try o.bytesData(encoded), .encoded = encoded };
    }

    fn end(self: Text) void {
        if (self.encoded) |encoded| o.decref(encoded);
    }
};
