//! A client's request: what makes an HTTP request an upgrade. RFC 6455 4.1, 4.2.1

const std = @import("std");
const head_reader = @import("../http/head.zig");
const keys = @import("key.zig");
const offers = @import("offer.zig");
const write = @import("../http/write.zig");
const Head = head_reader.Head;

pub const Failure = enum {
    http_version,
    method,
    host,
    has_body,
    upgrade,
    connection,
    version,
    key,
    subprotocols,
    extensions,

    /// 426 tells the client to come back with another version: `response.writeRefusal`.
    pub fn status(self: Failure) u16 {
        return if (self == .version) 426 else 400;
    }

    pub fn message(self: Failure) [:0]const u8 {
        return switch (self) {
            .http_version => "the request is not HTTP/1.1",
            .method => "the method of the request is not GET",
            .host => "the request does not have exactly one Host header",
            .has_body => "the request has a body",
            .upgrade => "the Upgrade header does not have the token websocket",
            .connection => "the Connection header does not have the token Upgrade",
            .version => "Sec-WebSocket-Version is not 13",
            .key => "Sec-WebSocket-Key is not one key of 16 bytes in base64",
            .subprotocols => "Sec-WebSocket-Protocol is not a list of tokens",
            .extensions => "Sec-WebSocket-Extensions is not a list of extensions",
        };
    }
};

/// What holds for every request that is answered here, upgrade or not. Load balancers ask for the health of a server with
/// HEAD, and in HTTP/1.0.
pub fn checkHttp(line: head_reader.RequestLine, head: Head) ?Failure {
    const is_1_0 = std.mem.eql(u8, line.version, "HTTP/1.0");
    if (!is_1_0 and !std.mem.eql(u8, line.version, "HTTP/1.1")) return .http_version;
    if (!std.mem.eql(u8, line.method, "GET") and !isHead(line)) return .method;
    // RFC 9112 3.2: no Host, or more than one, must be answered with 400. HTTP/1.0 can do without one.
    const host_count = head.count("Host");
    if (host_count != 1 and !(is_1_0 and host_count == 0)) return .host;
    if (head.announcesBody()) return .has_body;
    return null;
}

/// Whether the answer has no content, whatever its fields say: RFC 9110 9.3.2.
pub fn isHead(line: head_reader.RequestLine) bool {
    return std.mem.eql(u8, line.method, "HEAD");
}

pub const Upgrade = union(enum) { accept: [keys.accept_size]u8, failure: Failure };

/// RFC 6455 4.2.1 items 1 and 3 to 9, of a request that `checkHttp` has passed. `accept` is what the answer carries in
/// Sec-WebSocket-Accept.
pub fn checkUpgrade(line: head_reader.RequestLine, head: Head) Upgrade {
    // GET, HTTP/1.1 or higher. A higher version that looks like this one does not exist.
    if (!std.mem.eql(u8, line.version, "HTTP/1.1")) return .{ .failure = .http_version };
    if (!std.mem.eql(u8, line.method, "GET")) return .{ .failure = .method };
    if (!head.hasToken("Upgrade", "websocket")) return .{ .failure = .upgrade };
    if (!head.hasToken("Connection", "Upgrade")) return .{ .failure = .connection };
    // Before the key, because another version might define another key.
    const version = head.findOnly("Sec-WebSocket-Version") orelse return .{ .failure = .version };
    if (!std.mem.eql(u8, version, "13")) return .{ .failure = .version };
    const key = head.findOnly("Sec-WebSocket-Key") orelse return .{ .failure = .key };
    if (!keys.isValid(key)) return .{ .failure = .key };
    if (offers.checkOffer(head.fields)) |failure| return .{ .failure = switch (failure) {
        .subprotocol => .subprotocols,
        .extension => .extensions,
    } };
    return .{ .accept = keys.accept(key) };
}

/// A client's request up to its own fields, which may follow: RFC 6455 4.1.
pub fn writeTo(writer: *write.Writer, target: []const u8, host: []const u8, key: []const u8) write.Error!void {
    try writer.requestLine("GET", target);
    try writer.field("Host", host);
    try writer.field("Upgrade", "websocket");
    try writer.field("Connection", "Upgrade");
    try writer.field("Sec-WebSocket-Version", "13");
    try writer.field("Sec-WebSocket-Key", key);
}
