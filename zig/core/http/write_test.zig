//! What is written is read again by the reader of heads, and what the reader would refuse is not written.

const std = @import("std");
const head = @import("head.zig");
const write = @import("write.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;

test "a request" {
    var buffer: [100]u8 = undefined;
    var writer: write.Writer = .{ .buffer = &buffer };
    try writer.requestLine("GET", "/chat?room=1");
    try writer.field("Host", "example.com");
    try writer.field("X-Empty", "");
    const expected = "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nX-Empty: \r\n\r\n";
    try expectEqualStrings(expected, writer.finish().?);
    try expectEqual(expected.len, writer.size);
}

test "a response, with the reason phrase of its status or without one" {
    var buffer: [100]u8 = undefined;
    var known: write.Writer = .{ .buffer = &buffer };
    try known.statusLine("HTTP/1.1", 404);
    try expectEqualStrings("HTTP/1.1 404 Not Found\r\n\r\n", known.finish().?);
    var unknown: write.Writer = .{ .buffer = &buffer };
    try unknown.statusLine("HTTP/1.0", 599);
    try expectEqualStrings("HTTP/1.0 599 \r\n\r\n", unknown.finish().?);
}

test "a buffer of any size: the head is whole or it is not there, and its size is told" {
    const whole = "GET /a HTTP/1.1\r\nab: cd\r\n\r\n";
    for (0..whole.len + 3) |room| {
        var buffer: [whole.len + 3]u8 = @splat('#');
        var writer: write.Writer = .{ .buffer = buffer[0..room] };
        try writer.requestLine("GET", "/a");
        try writer.field("ab", "cd");
        const written = writer.finish();
        try expectEqual(whole.len, writer.size);
        if (room < whole.len) try expect(written == null) else try expectEqualStrings(whole, written.?);
        for (buffer[@min(room, buffer.len)..]) |byte| try expectEqual('#', byte);
    }
}

test "nothing that would end a line early is written, whichever byte it is" {
    var buffer: [100]u8 = undefined;
    for (0..256) |code| {
        const byte: u8 = @intCast(code);
        const text = [_]u8{ 'a', byte, 'b' };
        var writer: write.Writer = .{ .buffer = &buffer };
        writer.requestLine("GET", "/") catch unreachable;

        const before = writer.size;
        const is_value = byte == '\t' or (byte >= ' ' and byte != 0x7F);
        if (is_value) try writer.field("x", &text) else try expectError(error.BadFieldValue, writer.field("x", &text));
        const is_name = std.ascii.isAlphanumeric(byte) or (byte != 0 and std.mem.findScalar(u8, "!#$%&'*+-.^_`|~", byte) != null);
        if (is_name) try writer.field(&text, "x") else try expectError(error.BadFieldName, writer.field(&text, "x"));
        if (!is_value and !is_name) try expectEqual(before, writer.size);

        var line: write.Writer = .{ .buffer = &buffer };
        const is_target = byte > ' ' and byte < 0x7F;
        if (is_target) try line.requestLine("GET", &text) else try expectError(error.BadTarget, line.requestLine("GET", &text));
        if (!is_name) try expectError(error.BadMethod, line.requestLine(&text, "/"));
    }
}

test "empty parts, a version and a status that nobody would understand" {
    var writer: write.Writer = .{ .buffer = &.{} };
    try expectError(error.BadMethod, writer.requestLine("", "/"));
    try expectError(error.BadTarget, writer.requestLine("GET", ""));
    try expectError(error.BadFieldName, writer.field("", "x"));
    for ([_][]const u8{ "", "HTTP/1", "http/1.1", "HTTP/1.1 ", "HTTP/11.1" }) |version| {
        try expectError(error.BadVersion, writer.statusLine(version, 200));
    }
    for ([_]u16{ 0, 99, 600, 0xFFFF }) |status| {
        try expectError(error.BadStatus, writer.statusLine("HTTP/1.1", status));
    }
    try expectEqual(0, writer.size);
}

test "what is written is read as it was meant" {
    var buffer: [1024]u8 = undefined;
    var writer: write.Writer = .{ .buffer = &buffer };
    try writer.statusLine("HTTP/1.1", 101);
    try writer.field("Upgrade", "websocket");
    try writer.field("X-Bytes", "\x80\xFF \t x");
    var reader: head.HeadReader = .{};
    var fields: [head.field_count_max]head.Field = undefined;
    const read = reader.next(writer.finish().?, &fields).head;
    try expectEqual(101, head.parseStatusLine(read.start_line).?.status);
    try expectEqualStrings("websocket", read.find("upgrade").?);
    try expectEqualStrings("\x80\xFF \t x", read.find("x-bytes").?);
    try expectEqual(2, read.fields.len);
}
