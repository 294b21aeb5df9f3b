const std = @import("std");
const http = @import("../http/head.zig");
const offer = @import("offer.zig");
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

const protocol = "Sec-WebSocket-Protocol";
const extensions = "sec-websocket-extensions";

fn field(name: []const u8, value: []const u8) http.Field {
    return .{ .name = name, .value = value };
}

fn expectOffer(expected: ?offer.Failure, name: []const u8, value: []const u8) !void {
    try expectEqual(expected, offer.checkOffer(&.{ field("Host", "a"), field(name, value) }));
}

test "offers are lists of tokens, and of extensions with parameters" {
    for ([_][]const u8{ "", "chat", "chat, superchat", " ,chat,,v2.json\t, " }) |value| try expectOffer(null, protocol, value);
    for ([_][]const u8{ "a b", "a/b", "\"chat\"", "chat, caf\xe9" }) |value| try expectOffer(.subprotocol, protocol, value);
    for ([_][]const u8{ "", "a", "a; b=c, d; e=\"f\";g", ", a," }) |value| try expectOffer(null, extensions, value);
    for ([_][]const u8{ "a b", "a;", "a; b=", "a; b=\"", "=", "a; b=\"c d\"" }) |value| try expectOffer(.extension, extensions, value);
    try expectOffer(null, "Sec-WebSocket-Key", "a b");
}

fn expectAnswer(expected: ?offer.Failure, answered: []const http.Field) !void {
    const offered = [_]http.Field{
        field("Host", "a"),
        field("sec-websocket-protocol", "chat, superchat"),
        field(protocol, "v2.json"),
        field(extensions, "permessage-deflate; client_max_window_bits, x-a"),
        field(extensions, "x-b; c=\"d\""),
    };
    try expectEqual(expected, offer.checkAnswer(&offered, answered));
    // Nothing was offered.
    const names_one = expected == null and answered.len > 0 and answered[0].value.len > 1;
    if (names_one) try std.testing.expect(offer.checkAnswer(&.{}, answered) != null);
}

test "an answer takes one subprotocol of those that were offered" {
    try expectAnswer(null, &.{});
    for ([_][]const u8{ "chat", "superchat", "v2.json" }) |name| try expectAnswer(null, &.{field(protocol, name)});
    for ([_][]const u8{ "", "Chat", "cha", "chats", "chat, superchat", "chat,", "other" }) |name| {
        try expectAnswer(.subprotocol, &.{field(protocol, name)});
    }
    try expectAnswer(.subprotocol, &.{ field(protocol, "chat"), field("SEC-WEBSOCKET-PROTOCOL", "chat") });
}

test "an answer takes extensions of those that were offered" {
    try expectAnswer(null, &.{field(extensions, "permessage-deflate; server_no_context_takeover")});
    try expectAnswer(null, &.{field(extensions, "x-b, x-a; y")});
    try expectAnswer(null, &.{ field(extensions, "x-b"), field(extensions, "x-a") });
    try expectAnswer(null, &.{field(extensions, "")});
    for ([_][]const u8{ "x-c", "x-a, x-c", "X-a", "x-a;", "client_max_window_bits", "x-a x-b" }) |value| {
        try expectAnswer(.extension, &.{field(extensions, value)});
    }
    try expectAnswer(.extension, &.{ field(extensions, "x-a"), field(extensions, "x-c") });
}

test "what else an answer says does not matter" {
    try expectEqual(null, offer.checkAnswer(&.{}, &.{ field("Server", "a b;"), field("Sec-WebSocket-Accept", "x") }));
}

test "the offers in a head of any size" {
    const lines = "GET / HTTP/1.1\r\nHost: Sec-WebSocket-Protocol: a\r\n" ++
        "sec-websocket-PROTOCOL:  chat\t\r\nX-Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions:\r\n\r\nSec-WebSocket-Protocol: body\r\n";
    var fields: [offer.own_field_count_max]http.Field = undefined;
    const found = offer.findIn(lines, &fields);
    try expectEqual(2, found.len);
    try expectEqualStrings("chat", found[0].value);
    try expectEqualStrings("", found[1].value);
    try expectEqual(0, offer.findIn("", &fields).len);
    var many: [200 * (protocol.len + 5)]u8 = undefined;
    var size: usize = 0;
    for (0..200) |_| size += (try std.fmt.bufPrint(many[size..], "\r\n{s}: a", .{protocol})).len;
    try expectEqual(fields.len, offer.findIn(many[0..size], &fields).len);
}
