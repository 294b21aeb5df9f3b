//! The opening handshake, RFC 6455 4: what makes an HTTP request an upgrade, and an answer its acceptance.
//! Nothing here waits or sends; heads come from http.zig.
const std = @import("std");
const http = @import("../http/head.zig");

pub const isFieldName = http.isFieldName;
pub const isFieldValue = http.isFieldValue;
pub const isRequestTarget = http.isRequestTarget;

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 1.3
const nonce_size = 16;
const key_size = 24; // base64 of the nonce
const accept_size = 28; // base64 of a SHA-1 digest

/// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key, RFC 6455 4.2.2 item 5.
pub fn acceptKey(key: []const u8) [accept_size]u8 {
    var sha1 = std.crypto.hash.Sha1.init(.{});
    sha1.update(key);
    sha1.update(guid);
    const digest = sha1.finalResult();
    var accept: [accept_size]u8 = undefined;
    std.debug.assert(std.base64.standard.Encoder.encode(&accept, &digest).len == accept_size);
    return accept;
}

/// The value of Sec-WebSocket-Key for a random nonce, RFC 6455 4.1 item 7 of the request.
pub fn encodeKey(nonce: [nonce_size]u8) [key_size]u8 {
    var key: [key_size]u8 = undefined;
    std.debug.assert(std.base64.standard.Encoder.encode(&key, &nonce).len == key_size);
    return key;
}

pub const RequestFailure = enum {
    http_version,
    method,
    host,
    has_body,
    upgrade,
    connection,
    version,
    key,

    /// 426 tells the client to come back with another version: see `refusalFields`.
    pub fn status(self: RequestFailure) u16 {
        return if (self == .version) 426 else 400;
    }

    pub fn message(self: RequestFailure) [:0]const u8 {
        return switch (self) {
            .http_version => "the request is not HTTP/1.1",
            .method => "the method of the request is not GET",
            .host => "the request does not have exactly one Host header",
            .has_body => "the request has a body",
            .upgrade => "the Upgrade header does not have the token websocket",
            .connection => "the Connection header does not have the token Upgrade",
            .version => "Sec-WebSocket-Version is not 13",
            .key => "Sec-WebSocket-Key is not one key of 16 bytes in base64",
        };
    }
};

/// What holds for every request that is answered here, upgrade or not.
pub fn checkHttp(request: http.RequestLine, head: http.Head) ?RequestFailure {
    // RFC 6455 4.2.1 item 1: GET, HTTP/1.1 or higher. A higher version that looks like this one does not exist.
    if (!std.mem.eql(u8, request.version, "HTTP/1.1")) return .http_version;
    if (!std.mem.eql(u8, request.method, "GET")) return .method;
    // RFC 9112 3.2: no Host, or more than one, must be answered with 400.
    if (head.count("Host") != 1) return .host;
    if (announcesBody(head)) return .has_body;
    return null;
}

pub const Upgrade = union(enum) { accept: [accept_size]u8, failure: RequestFailure };

/// RFC 6455 4.2.1 items 3 to 6. `accept` is what the answer carries in Sec-WebSocket-Accept.
pub fn checkUpgrade(head: http.Head) Upgrade {
    if (!head.hasToken("Upgrade", "websocket")) return .{ .failure = .upgrade };
    if (!head.hasToken("Connection", "Upgrade")) return .{ .failure = .connection };
    // Before the key, because another version might define another key.
    const version = findOnly(head, "Sec-WebSocket-Version") orelse return .{ .failure = .version };
    if (!std.mem.eql(u8, version, "13")) return .{ .failure = .version };
    const key = findOnly(head, "Sec-WebSocket-Key") orelse return .{ .failure = .key };
    if (!isKey(key)) return .{ .failure = .key };
    return .{ .accept = acceptKey(key) };
}

/// What an answer that no frames follow says with this status, besides Connection. 426 names the protocol and the version
/// of it to come back with: RFC 9110 15.5.22, RFC 6455 4.4.
pub fn refusalFields(status: u16) []const http.Field {
    if (status != 426) return &.{};
    return &.{ .{ .name = "Upgrade", .value = "websocket" }, .{ .name = "Sec-WebSocket-Version", .value = "13" } };
}

/// The value of its Connection. An Upgrade header is announced there: RFC 9110 7.8.
pub fn refusalConnection(status: u16) []const u8 {
    return if (status == 426) "Upgrade, close" else "close";
}

pub const ResponseFailure = enum {
    status,
    upgrade,
    connection,
    accept,
    has_body,

    pub fn message(self: ResponseFailure) [:0]const u8 {
        return switch (self) {
            .status => "the answer is not HTTP/1.1 101",
            .upgrade => "the Upgrade header is not websocket",
            .connection => "the Connection header does not have the token Upgrade",
            .accept => "Sec-WebSocket-Accept does not belong to the key that was sent",
            .has_body => "the answer announces a body",
        };
    }

    /// The header to blame, if it is one.
    pub fn fieldName(self: ResponseFailure) ?[:0]const u8 {
        return switch (self) {
            .status, .has_body => null,
            .upgrade => "Upgrade",
            .connection => "Connection",
            .accept => "Sec-WebSocket-Accept",
        };
    }
};

/// RFC 6455 4.1, items 1 to 4 of what the client checks. `accept` is acceptKey() of the key that was sent. Items 5 and
/// 6, extensions and subprotocols that were not asked for, need to know what was. A 101 has no body whatever its fields
/// say, RFC 9112 6.3; `strict` refuses one that says so, as no server may (RFC 9110 8.6, RFC 9112 6.1).
pub fn checkResponse(head: http.Head, accept: *const [accept_size]u8, strict: bool) ?ResponseFailure {
    const line = http.parseStatusLine(head.start_line) orelse return .status;
    if (line.status != 101 or !std.mem.eql(u8, line.version, "HTTP/1.1")) return .status;
    // Unlike in a request, this is no list of offers: it names the one protocol that follows.
    const upgrade = findOnly(head, "Upgrade") orelse return .upgrade;
    if (!std.ascii.eqlIgnoreCase(upgrade, "websocket")) return .upgrade;
    if (!head.hasToken("Connection", "Upgrade")) return .connection;
    // RFC 6455 11.3.3: at most once.
    const received = findOnly(head, "Sec-WebSocket-Accept") orelse return .accept;
    if (!std.mem.eql(u8, received, accept)) return .accept;
    if (strict and announcesBody(head)) return .has_body;
    return null;
}

/// The plain acceptance, RFC 6455 4.2.2 item 5.
pub fn responseSwitching(accept: *const [accept_size]u8, buffer: *[256]u8) []const u8 {
    const before = "HTTP/1.1 101 Switching Protocols\r\n" ++
        "Upgrade: websocket\r\n" ++
        "Connection: Upgrade\r\n" ++
        "Sec-WebSocket-Accept: ";
    const after = "\r\n\r\n";
    const size = before.len + accept_size + after.len;
    buffer[0..size].* = before.* ++ accept.* ++ after.*;
    return buffer[0..size];
}

/// RFC 9112 6.3: these two do. Content-Length may say, once, that there is none.
fn announcesBody(head: http.Head) bool {
    if (head.count("Transfer-Encoding") != 0) return true;
    return switch (head.count("Content-Length")) {
        0 => false,
        1 => !std.mem.eql(u8, head.find("Content-Length").?, "0"),
        else => true,
    };
}

/// The value of a field that must be there exactly once.
fn findOnly(head: http.Head, name: []const u8) ?[]const u8 {
    return if (head.count(name) == 1) head.find(name) else null;
}

/// Sixteen bytes in base64: 22 digits, of which the last has four bits to spare, and two pads. RFC 4648 3.5 leaves it
/// to the reader whether the spare bits must be zero, and nothing is gained by refusing those who set them.
fn isKey(key: []const u8) bool {
    if (key.len != key_size or !std.mem.endsWith(u8, key, "==")) return false;
    for (key[0 .. key_size - "==".len]) |digit| switch (digit) {
        'A'...'Z', 'a'...'z', '0'...'9', '+', '/' => {},
        else => return false,
    };
    return true;
}
