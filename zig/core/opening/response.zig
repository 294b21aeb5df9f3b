//! A server's answer: what makes it the acceptance of an upgrade, and how to write one, or a refusal. RFC 6455 4.1, 4.2.2

const std = @import("std");
const extension_list = @import("extensions.zig");
const head_reader = @import("../http/head.zig");
const keys = @import("key.zig");
const offers = @import("offer.zig");
const write = @import("../http/write.zig");
const Head = head_reader.Head;

pub const Failure = enum {
    status,
    upgrade,
    connection,
    accept,
    has_body,
    subprotocol,
    extensions,

    pub fn message(self: Failure) [:0]const u8 {
        return switch (self) {
            .status => "the answer is not HTTP/1.1 101",
            .upgrade => "the Upgrade header is not websocket",
            .connection => "the Connection header does not have the token Upgrade",
            .accept => "Sec-WebSocket-Accept does not belong to the key that was sent",
            .has_body => "the answer announces a body",
            .subprotocol => "Sec-WebSocket-Protocol is not one subprotocol that was offered",
            .extensions => "Sec-WebSocket-Extensions has more than what was offered",
        };
    }

    /// The header to blame, if it is one.
    pub fn fieldName(self: Failure) ?[:0]const u8 {
        return switch (self) {
            .status, .has_body => null,
            .upgrade => "Upgrade",
            .connection => "Connection",
            .accept => "Sec-WebSocket-Accept",
            .subprotocol => offers.subprotocol_field_name,
            .extensions => extension_list.field_name,
        };
    }
};

/// RFC 6455 4.1, items 1 to 4 of what the client checks. `accept` is key.accept() of the key that was sent. Items 5 and
/// 6 need to know what was offered: `checkTaken`. A 101 has no body whatever its fields
/// say, RFC 9112 6.3; `strict` refuses one that says so, as no server may (RFC 9110 8.6, RFC 9112 6.1).
pub fn check(head: Head, accept: *const [keys.accept_size]u8, strict: bool) ?Failure {
    const line = head_reader.parseStatusLine(head.start_line) orelse return .status;
    if (line.status != 101 or !std.mem.eql(u8, line.version, "HTTP/1.1")) return .status;
    // Unlike in a request, this is no list of offers: it names the one protocol that follows.
    const upgrade = head.findOnly("Upgrade") orelse return .upgrade;
    if (!std.ascii.eqlIgnoreCase(upgrade, "websocket")) return .upgrade;
    if (!head.hasToken("Connection", "Upgrade")) return .connection;
    // RFC 6455 11.3.3: at most once.
    const received = head.findOnly("Sec-WebSocket-Accept") orelse return .accept;
    if (!std.mem.eql(u8, received, accept)) return .accept;
    if (strict and head.announcesBody()) return .has_body;
    return null;
}

/// RFC 6455 4.1, items 5 and 6. `offered` are fields of the request, others among them do not matter.
pub fn checkTaken(head: Head, offered: []const head_reader.Field) ?Failure {
    return switch (offers.checkAnswer(offered, head.fields) orelse return null) {
        .subprotocol => .subprotocol,
        .extension => .extensions,
    };
}

/// Room for a plain acceptance, with or without permessage-deflate.
pub const acceptance_size_max = 512;

/// The acceptance up to the server's own fields, which may follow: RFC 6455 4.2.2 item 5.
pub fn writeAcceptance(writer: *write.Writer, accept: []const u8) write.Error!void {
    try writer.statusLine("HTTP/1.1", 101);
    try writer.field("Upgrade", "websocket");
    try writer.field("Connection", "Upgrade");
    try writer.field("Sec-WebSocket-Accept", accept);
}

/// A whole answer without content that no frames follow.
pub fn writeRefusal(writer: *write.Writer, status: u16) write.Error!void {
    try writer.statusLine("HTTP/1.1", status);
    for (refusalFields(status)) |field| try writer.field(field.name, field.value);
    try writer.field("Connection", refusalConnection(status));
    try writer.field("Content-Length", "0");
}

/// What an answer that no frames follow says with this status, besides Connection. 426 names the protocol and the version
/// of it to come back with: RFC 9110 15.5.22, RFC 6455 4.4.
pub fn refusalFields(status: u16) []const head_reader.Field {
    if (status != 426) return &.{};
    return &.{ .{ .name = "Upgrade", .value = "websocket" }, .{ .name = "Sec-WebSocket-Version", .value = "13" } };
}

/// The value of its Connection. An Upgrade header is announced there: RFC 9110 7.8.
pub fn refusalConnection(status: u16) []const u8 {
    return if (status == 426) "Upgrade, close" else "close";
}
