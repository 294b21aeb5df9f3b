const std = @import("std");
const reader = @import("../http/head.zig");
const response = @import("response.zig");
const write = @import("../http/write.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

// RFC 6455 1.3
const sample_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A head made of lines, for as long as the test looks at it.
const Parsed = struct {
    fields: [reader.field_count_max]reader.Field = undefined,

    fn read(self: *Parsed, bytes: []const u8) reader.Head {
        var head_reader: reader.HeadReader = .{};
        return head_reader.next(bytes, &self.fields).head;
    }
};

const upgrade = "Upgrade: websocket\r\n";
const connection = "Connection: Upgrade\r\n";
const end = "\r\n";
const switching = "HTTP/1.1 101 Switching Protocols\r\n";
const accept = "Sec-WebSocket-Accept: " ++ sample_accept ++ "\r\n";
const good_response = switching ++ upgrade ++ connection ++ accept ++ end;

fn expectResponse(expected: ?response.Failure, comptime line: []const u8, comptime replacement: []const u8) !void {
    const at = comptime std.mem.find(u8, good_response, line).?;
    const changed = good_response[0..at] ++ replacement ++ good_response[at + line.len ..];
    var parsed: Parsed = .{};
    const head = parsed.read(changed);
    try expectEqual(expected, response.check(head, sample_accept, true));
    // RFC 9112 6.3: whatever it says, a 101 has no body.
    try expectEqual(if (expected == .has_body) null else expected, response.check(head, sample_accept, false));
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
    for (std.enums.values(response.Failure)) |failure| try expect(failure.message().len > 10);
    try expectEqualStrings("Upgrade", response.Failure.upgrade.fieldName().?);
    try expectEqualStrings("Connection", response.Failure.connection.fieldName().?);
    try expectEqualStrings("Sec-WebSocket-Accept", response.Failure.accept.fieldName().?);
    try expectEqual(null, response.Failure.status.fieldName());
    try expectEqual(null, response.Failure.has_body.fieldName());
    try expectEqualStrings("Sec-WebSocket-Protocol", response.Failure.subprotocol.fieldName().?);
    try expectEqualStrings("Sec-WebSocket-Extensions", response.Failure.extensions.fieldName().?);
}

test "our answer is one that we accept" {
    var buffer: [response.acceptance_size_max]u8 = undefined;
    var parsed: Parsed = .{};
    var writer: write.Writer = .{ .buffer = &buffer };
    try response.writeAcceptance(&writer, sample_accept);
    const bytes = writer.finish().?;
    try expectEqualStrings(good_response, bytes);
    const head = parsed.read(bytes);
    try expectEqual(bytes.len, head.size);
    try expectEqual(null, response.check(head, sample_accept, true));
}

test "a refusal with 426 says what to come back with" {
    const fields = response.refusalFields(426);
    try expectEqual(2, fields.len);
    try expectEqualStrings("Upgrade", fields[0].name);
    try expectEqualStrings("websocket", fields[0].value);
    try expectEqualStrings("Sec-WebSocket-Version", fields[1].name);
    try expectEqualStrings("13", fields[1].value);
    for (fields) |field| try expect(reader.isFieldName(field.name) and reader.isFieldValue(field.value));
    try expectEqualStrings("Upgrade, close", response.refusalConnection(426));
    for ([_]u16{ 0, 200, 400, 404, 425, 427, 500, 65535 }) |status| {
        try expectEqual(0, response.refusalFields(status).len);
        try expectEqualStrings("close", response.refusalConnection(status));
    }
}

test "a whole refusal" {
    var buffer: [256]u8 = undefined;
    var bad: write.Writer = .{ .buffer = &buffer };
    try response.writeRefusal(&bad, 400);
    try expectEqualStrings("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", bad.finish().?);
    var old: write.Writer = .{ .buffer = &buffer };
    try response.writeRefusal(&old, 426);
    try expectEqualStrings("HTTP/1.1 426 Upgrade Required\r\n" ++ upgrade ++ "Sec-WebSocket-Version: 13\r\n" ++
        "Connection: Upgrade, close\r\nContent-Length: 0\r\n\r\n", old.finish().?);
    try std.testing.expectError(error.BadStatus, response.writeRefusal(&old, 0));
}

test "an answer may take what was offered" {
    var parsed: Parsed = .{};
    const head = parsed.read(switching ++ "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: x-a\r\n\r\n");
    const chat: reader.Field = .{ .name = "Sec-WebSocket-Protocol", .value = "chat" };
    const x_a: reader.Field = .{ .name = "Sec-WebSocket-Extensions", .value = "x-a" };
    try expectEqual(null, response.checkTaken(head, &.{ chat, x_a }));
    try expectEqual(.subprotocol, response.checkTaken(head, &.{x_a}));
    try expectEqual(.extensions, response.checkTaken(head, &.{chat}));
}
