const std = @import("std");
const reader = @import("../http/head.zig");
const keys = @import("key.zig");
const request = @import("request.zig");
const write = @import("../http/write.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

// RFC 6455 1.3
const sample_key = "dGhlIHNhbXBsZSBub25jZQ==";
const sample_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A head made of lines, for as long as the test looks at it.
const Parsed = struct {
    fields: [reader.field_count_max]reader.Field = undefined,

    fn read(self: *Parsed, bytes: []const u8) reader.Head {
        var head_reader: reader.HeadReader = .{};
        return head_reader.next(bytes, &self.fields).head;
    }
};

fn checkRequest(bytes: []const u8) !?request.Failure {
    var parsed: Parsed = .{};
    const head = parsed.read(bytes);
    const line = reader.parseRequestLine(head.start_line).?;
    if (request.checkHttp(line, head)) |failure| return failure;
    return switch (request.checkUpgrade(line, head)) {
        .failure => |failure| failure,
        .accept => |answer| {
            try expectEqualStrings(sample_accept, &answer);
            return null;
        },
    };
}

const get = "GET / HTTP/1.1\r\n";
const host = "Host: example.com\r\n";
const upgrade = "Upgrade: websocket\r\n";
const connection = "Connection: Upgrade\r\n";
const key = "Sec-WebSocket-Key: " ++ sample_key ++ "\r\n";
const version = "Sec-WebSocket-Version: 13\r\n";
const end = "\r\n";
const good = get ++ host ++ upgrade ++ connection ++ key ++ version ++ end;

/// The good request with one of its lines replaced.
fn expectRequest(expected: ?request.Failure, comptime line: []const u8, comptime replacement: []const u8) !void {
    const at = comptime std.mem.find(u8, good, line).?;
    const changed = good[0..at] ++ replacement ++ good[at + line.len ..];
    try expectEqual(expected, try checkRequest(changed));
}

test "a good request" {
    try expectEqual(null, try checkRequest(good));
}

test "HTTP version and method" {
    try expectRequest(.http_version, get, "GET / HTTP/1.0\r\n");
    try expectRequest(.http_version, get, "GET / HTTP/2.0\r\n");
    try expectRequest(.http_version, get, "GET / HTTP/1.2\r\n");
    try expectRequest(.method, get, "POST / HTTP/1.1\r\n");
    try expectRequest(.method, get, "HEAD / HTTP/1.1\r\n");
    try expectRequest(.method, get, "get / HTTP/1.1\r\n");
    try expectRequest(null, get, "GET ws://example.com/chat?a=b HTTP/1.1\r\n");
}

test "what is answered without being an upgrade" {
    var parsed: Parsed = .{};
    inline for (.{
        .{ "GET / HTTP/1.0\r\n\r\n", null },
        .{ "HEAD / HTTP/1.0\r\n\r\n", null },
        .{ "HEAD / HTTP/1.0\r\nHost: a\r\n\r\n", null },
        .{ "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", null },
        .{ "HEAD / HTTP/1.1\r\n\r\n", request.Failure.host },
        .{ "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", request.Failure.host },
        .{ "GET / HTTP/1.0\r\nContent-Length: 1\r\n\r\n", request.Failure.has_body },
        .{ "GET / HTTP/0.9\r\n\r\n", request.Failure.http_version },
        .{ "OPTIONS / HTTP/1.0\r\n\r\n", request.Failure.method },
        .{ "head / HTTP/1.0\r\n\r\n", request.Failure.method },
    }) |case| {
        const head = parsed.read(case[0]);
        try expectEqual(case[1], request.checkHttp(reader.parseRequestLine(head.start_line).?, head));
    }
}

test "exactly one Host" {
    try expectRequest(.host, host, "");
    try expectRequest(.host, host, host ++ host);
    try expectRequest(null, host, "hOST: a\r\n");
}

test "no body" {
    try expectRequest(null, host, host ++ "Content-Length: 0\r\n");
    try expectRequest(.has_body, host, host ++ "Content-Length: 0\r\nContent-Length: 0\r\n");
    for ([_][]const u8{ "1", "00", "+0", "-0", "0, 0", "", "0x0", "a" }) |value| {
        var buffer: [512]u8 = undefined;
        const head = get ++ host ++ "Content-Length: {s}\r\n" ++ upgrade ++ connection ++ key ++ version ++ end;
        try expectEqual(.has_body, try checkRequest(try std.fmt.bufPrint(&buffer, head, .{value})));
    }
    try expectRequest(.has_body, host, host ++ "Transfer-Encoding: chunked\r\n");
    try expectRequest(.has_body, host, host ++ "transfer-encoding: identity\r\n");
    try expectRequest(.has_body, host, host ++ "Transfer-Encoding:\r\nContent-Length: 0\r\n");
}

test "Upgrade names websocket" {
    try expectRequest(.upgrade, upgrade, "");
    try expectRequest(.upgrade, upgrade, "Upgrade: h2c\r\n");
    try expectRequest(.upgrade, upgrade, "Upgrade: websocket2\r\n");
    try expectRequest(.upgrade, upgrade, "Upgrade: web socket\r\n");
    try expectRequest(null, upgrade, "UPGRADE: WebSocket\r\n");
    try expectRequest(null, upgrade, "Upgrade: h2c, websocket\r\n");
    try expectRequest(null, upgrade, "Upgrade: h2c\r\nUpgrade: websocket\r\n");
}

test "Connection names Upgrade" {
    try expectRequest(.connection, connection, "");
    try expectRequest(.connection, connection, "Connection: keep-alive\r\n");
    try expectRequest(.connection, connection, "Connection: upgrades\r\n");
    try expectRequest(.connection, connection, "Connection: keep-alive Upgrade\r\n");
    try expectRequest(null, connection, "Connection: keep-alive, Upgrade\r\n"); // Firefox
    try expectRequest(null, connection, "connection: KEEP-ALIVE,uPGRADE\r\n");
    try expectRequest(null, connection, "Connection: keep-alive\r\nConnection: upgrade\r\n");
    try expectRequest(null, connection, "Connection: ,, upgrade\t,\r\n");
}

test "one key of 16 bytes" {
    try expectRequest(.key, key, "");
    try expectRequest(.key, key, key ++ key);
    inline for (.{
        "",
        "dGhlIHNhbXBsZSBub25jZQ", // no padding
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZ===", // 16 digits and a bit
        "dGhlIHNhbXBsZSBub25jZQ=A",
        "dGhlIHNhbXBsZSBub25jZVE=", // 17 bytes
        "dGhlIHNhbXBsZSBub25jZVFR", // 18 bytes
        "dGhlIHNhbXBsZSBub25j", // 15 bytes
        "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSB b25jZQ==",
        "dGhlIHNhbXBsZSB-b25jZQ==", // the URL alphabet
        "dGhlIHNhbXBsZSB_b25jZQ==",
        "dGhlIHNhbXBsZSB=b25jZQ==",
        "dGhlIHNhbXBsZSB\xC3b25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    }) |value| try expectRequest(.key, key, "Sec-WebSocket-Key: " ++ value ++ "\r\n");
}

test "a key with the whole alphabet and spare bits set" {
    var parsed: Parsed = .{};
    for ([_][]const u8{ "+/09azAZ+/09azAZ+/09aA==", "AAAAAAAAAAAAAAAAAAAAA/==" }) |value| {
        var buffer: [512]u8 = undefined;
        const lines = get ++ upgrade ++ connection ++ version ++ "Sec-WebSocket-Key:{s}\r\n\r\n";
        const head = parsed.read(try std.fmt.bufPrint(&buffer, lines, .{value}));
        try expectEqual(keys.accept(value), request.checkUpgrade(reader.parseRequestLine(head.start_line).?, head).accept);
    }
}

test "version 13 and no other" {
    try expectRequest(.version, version, "");
    try expectRequest(.version, version, version ++ version);
    inline for (.{ "7", "8", "14", "013", "1 3", "13, 8", "8, 13", "" }) |value| {
        try expectRequest(.version, version, "Sec-WebSocket-Version: " ++ value ++ "\r\n");
    }
}

test "the status that tells the client about it" {
    for (std.enums.values(request.Failure)) |failure| {
        const status: u16 = if (failure == .version) 426 else 400;
        try expectEqual(status, failure.status());
        try expect(failure.message().len > 10);
    }
}

test "our request is one that we accept, with fields of the client's own behind" {
    var buffer: [512]u8 = undefined;
    var writer: write.Writer = .{ .buffer = &buffer };
    try request.writeTo(&writer, "/chat?a=b", "example.com", sample_key);
    try writer.field("Origin", "null");
    const bytes = writer.finish().?;
    try expectEqualStrings("GET /chat?a=b HTTP/1.1\r\n" ++ host ++ upgrade ++ connection ++ version ++ key ++ "Origin: null\r\n\r\n", bytes);
    try expectEqual(null, try checkRequest(bytes));
}

test "a request with what may not be in it is not written" {
    var writer: write.Writer = .{ .buffer = &.{} };
    try std.testing.expectError(error.BadTarget, request.writeTo(&writer, "/a b", "example.com", sample_key));
    try std.testing.expectError(error.BadFieldValue, request.writeTo(&writer, "/", "a\r\nb", sample_key));
}

test "offers of subprotocols and extensions are lists" {
    try expectRequest(null, key, key ++ "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: c; d=e, f\r\n");
    try expectRequest(.subprotocols, key, key ++ "Sec-WebSocket-Protocol: a b\r\n");
    try expectRequest(.extensions, key, key ++ "Sec-WebSocket-Extensions: c;\r\n");
}
