const std = @import("std");
const http = @import("../http/head.zig");
const handshake = @import("handshake.zig");
const RequestFailure = handshake.RequestFailure;
const ResponseFailure = handshake.ResponseFailure;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

// RFC 6455 1.3
const sample_key = "dGhlIHNhbXBsZSBub25jZQ==";
const sample_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A head made of lines, for as long as the test looks at it.
const Parsed = struct {
    fields: [http.field_count_max]http.Field = undefined,

    fn read(self: *Parsed, bytes: []const u8) http.Head {
        var reader: http.HeadReader = .{};
        return reader.next(bytes, &self.fields).head;
    }
};

fn checkRequest(bytes: []const u8) !?RequestFailure {
    var parsed: Parsed = .{};
    const head = parsed.read(bytes);
    if (handshake.checkHttp(http.parseRequestLine(head.start_line).?, head)) |failure| return failure;
    return switch (handshake.checkUpgrade(head)) {
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
fn expectRequest(expected: ?RequestFailure, comptime line: []const u8, comptime replacement: []const u8) !void {
    const at = comptime std.mem.find(u8, good, line).?;
    const changed = good[0..at] ++ replacement ++ good[at + line.len ..];
    try expectEqual(expected, try checkRequest(changed));
}

test "the sample of RFC 6455 1.3" {
    try expectEqualStrings(sample_accept, &handshake.acceptKey(sample_key));
    try expectEqualStrings(sample_key, &handshake.encodeKey("the sample nonce".*));
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
        try expectEqual(handshake.acceptKey(value), handshake.checkUpgrade(head).accept);
    }
}

test "version 13 and no other" {
    try expectRequest(.version, version, "");
    try expectRequest(.version, version, version ++ version);
    inline for (.{ "7", "8", "14", "013", "1 3", "13, 8", "8, 13", "" }) |value| {
        try expectRequest(.version, version, "Sec-WebSocket-Version: " ++ value ++ "\r\n");
    }
}

test "a refusal with 426 says what to come back with" {
    const fields = handshake.refusalFields(426);
    try expectEqual(2, fields.len);
    try expectEqualStrings("Upgrade", fields[0].name);
    try expectEqualStrings("websocket", fields[0].value);
    try expectEqualStrings("Sec-WebSocket-Version", fields[1].name);
    try expectEqualStrings("13", fields[1].value);
    for (fields) |field| try expect(handshake.isFieldName(field.name) and handshake.isFieldValue(field.value));
    try expectEqualStrings("Upgrade, close", handshake.refusalConnection(426));
    for ([_]u16{ 0, 200, 400, 404, 425, 427, 500, 65535 }) |status| {
        try expectEqual(0, handshake.refusalFields(status).len);
        try expectEqualStrings("close", handshake.refusalConnection(status));
    }
}

test "the status that tells the client about it" {
    for (std.enums.values(RequestFailure)) |failure| {
        const status: u16 = if (failure == .version) 426 else 400;
        try expectEqual(status, failure.status());
        try expect(failure.message().len > 10);
    }
}

const switching = "HTTP/1.1 101 Switching Protocols\r\n";
const accept = "Sec-WebSocket-Accept: " ++ sample_accept ++ "\r\n";
const good_response = switching ++ upgrade ++ connection ++ accept ++ end;

fn expectResponse(expected: ?ResponseFailure, comptime line: []const u8, comptime replacement: []const u8) !void {
    const at = comptime std.mem.find(u8, good_response, line).?;
    const changed = good_response[0..at] ++ replacement ++ good_response[at + line.len ..];
    var parsed: Parsed = .{};
    const head = parsed.read(changed);
    try expectEqual(expected, handshake.checkResponse(head, sample_accept, true));
    // RFC 9112 6.3: whatever it says, a 101 has no body.
    try expectEqual(if (expected == .has_body) null else expected, handshake.checkResponse(head, sample_accept, false));
}

test "responses" {
    try expectResponse(null, "", "");
    try expectResponse(null, switching, "HTTP/1.1 101\r\n");
    try expectResponse(null, switching, "HTTP/1.1 101 Web Socket Protocol Handshake\r\n");
    try expectResponse(.status, switching, "HTTP/1.1 200 OK\r\n");
    try expectResponse(.status, switching, "HTTP/1.0 101 Switching Protocols\r\n");
    try expectResponse(.status, switching, "101 Switching Protocols\r\n");

    try expectResponse(null, upgrade, "upgrade: WebSocket\r\n");
    try expectResponse(.upgrade, upgrade, "");
    try expectResponse(.upgrade, upgrade, "Upgrade: h2c\r\n");
    try expectResponse(.upgrade, upgrade, "Upgrade: websocket2\r\n");
    try expectResponse(.upgrade, upgrade, "Upgrade: h2c, websocket\r\n");
    try expectResponse(.upgrade, upgrade, upgrade ++ "Upgrade: h2c\r\n");

    try expectResponse(null, connection, "Connection: keep-alive, upgrade\r\n");
    try expectResponse(null, connection, "Connection: keep-alive\r\nConnection: UPGRADE\r\n");
    try expectResponse(.connection, connection, "");
    try expectResponse(.connection, connection, "Connection: close\r\n");

    try expectResponse(null, accept, "sec-websocket-accept:\t" ++ sample_accept ++ "  \r\n");
    try expectResponse(.accept, accept, "");
    try expectResponse(.accept, accept, accept ++ accept);
    try expectResponse(.accept, accept, "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    try expectResponse(.accept, accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n");
    try expectResponse(.accept, accept, "Sec-WebSocket-Accept: " ++ sample_accept ++ "=\r\n");

    try expectResponse(null, upgrade, upgrade ++ "Content-Length: 0\r\n");
    try expectResponse(.has_body, upgrade, upgrade ++ "Content-Length: 5\r\n");
    try expectResponse(.has_body, upgrade, upgrade ++ "Transfer-Encoding: chunked\r\n");
}

test "what a response failure says" {
    for (std.enums.values(ResponseFailure)) |failure| try expect(failure.message().len > 10);
    try expectEqualStrings("Upgrade", ResponseFailure.upgrade.fieldName().?);
    try expectEqualStrings("Connection", ResponseFailure.connection.fieldName().?);
    try expectEqualStrings("Sec-WebSocket-Accept", ResponseFailure.accept.fieldName().?);
    try expectEqual(null, ResponseFailure.status.fieldName());
    try expectEqual(null, ResponseFailure.has_body.fieldName());
}

test "our answer is one that we accept" {
    var buffer: [256]u8 = undefined;
    var parsed: Parsed = .{};
    const bytes = handshake.responseSwitching(sample_accept, &buffer);
    try expectEqualStrings(good_response, bytes);
    const head = parsed.read(bytes);
    try expectEqual(bytes.len, head.size);
    try expectEqual(null, handshake.checkResponse(head, sample_accept, true));
}
