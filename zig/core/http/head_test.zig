//! Each head is read whole, byte by byte and with a tail behind it: `read` below is how all tests read.
const std = @import("std");
const http = @import("head.zig");
const HeadFailure = http.HeadFailure;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectEqualDeep = std.testing.expectEqualDeep;

const Fields = [http.field_count_max]http.Field;
const request = "GET /chat HTTP/1.1\r\n";

/// Null is "need more".
fn read(bytes: []const u8, fields: *Fields) !?http.Head {
    var whole: http.HeadReader = .{};
    const result = whole.next(bytes, fields);

    var bytewise: http.HeadReader = .{};
    var other_fields: Fields = undefined;
    for (0..bytes.len + 1) |size| {
        const partial = bytewise.next(bytes[0..size], &other_fields);
        if (partial == .need_more and size < bytes.len) continue;
        try expectEqualDeep(result, partial);
        if (result == .head) try expectEqual(result.head.size, size);
        break;
    }
    return switch (result) {
        .need_more => null,
        .head => |head| head,
        .failure => error.Refused,
    };
}

fn expectFailure(expected: HeadFailure, bytes: []const u8) !void {
    var fields: Fields = undefined;
    try std.testing.expectError(error.Refused, read(bytes, &fields));
    // Nothing behind a fault heals it.
    for ([_][]const u8{ "", "\r\n\r\n", "\r\nHost: a\r\n\r\n", "\x81\x00" }) |tail| {
        const all = try std.mem.concat(std.testing.allocator, u8, &.{ bytes, tail });
        defer std.testing.allocator.free(all);
        var reader: http.HeadReader = .{};
        try expectEqualDeep(http.HeadReader.Result{ .failure = expected }, reader.next(all, &fields));
    }
}

fn expectFields(expected: []const http.Field, lines: []const u8) !void {
    var fields: Fields = undefined;
    var buffer: [1024]u8 = undefined;
    const bytes = try std.fmt.bufPrint(&buffer, request ++ "{s}\r\n", .{lines});
    const head = (try read(bytes, &fields)).?;
    try expectEqualStrings("GET /chat HTTP/1.1", head.start_line);
    try expectEqual(bytes.len, head.size);
    try expectEqualDeep(expected, head.fields);
}

test "a request, with frames behind it that came in the same segment" {
    const bytes = request ++ "Host: example.com\r\nUpgrade: websocket\r\n\r\n";
    var fields: Fields = undefined;
    var tail_fields: Fields = undefined;
    const head = (try read(bytes, &fields)).?;
    for ([_][]const u8{ "\x81\x80\x00\x00\x00\x00", "\r\n", "\n", "\r\n\r\n", "\x00" }) |tail| {
        var buffer: [bytes.len + 8]u8 = undefined;
        const all = try std.fmt.bufPrint(&buffer, "{s}{s}", .{ bytes, tail });
        var reader: http.HeadReader = .{};
        try expectEqualDeep(head, reader.next(all, &tail_fields).head);
    }
    try expectEqualStrings("GET /chat HTTP/1.1", head.start_line);
    try expectEqual(2, head.fields.len);
    try expectEqual(bytes.len, head.size);
}

test "every head but the whole one needs more" {
    const bytes = request ++ "Host: example.com\r\nA: b\r\n\r\n";
    var fields: Fields = undefined;
    for (0..bytes.len) |size| try expectEqual(null, try read(bytes[0..size], &fields));
}

test "the bytes may move between two calls" {
    const bytes = request ++ "Host: example.com\r\n\r\n";
    var fields: Fields = undefined;
    var reader: http.HeadReader = .{};
    for (1..bytes.len + 1) |size| {
        const copy = try std.testing.allocator.dupe(u8, bytes[0..size]);
        defer std.testing.allocator.free(copy);
        const result = reader.next(copy, &fields);
        if (size < bytes.len) {
            try expect(result == .need_more);
        } else {
            try expectEqualStrings("example.com", result.head.find("Host").?);
        }
    }
}

test "fields" {
    try expectFields(&.{}, "");
    try expectFields(&.{.{ .name = "Host", .value = "a:80" }}, "Host: a:80\r\n");
    try expectFields(&.{.{ .name = "Host", .value = "a" }}, "Host:a\r\n");
    try expectFields(&.{.{ .name = "Host", .value = "a b" }}, "Host: \t a b\t \r\n");
    try expectFields(&.{ .{ .name = "A", .value = "" }, .{ .name = "A", .value = "" } }, "A:\r\nA: \t\r\n");
    try expectFields(&.{.{ .name = "!#$%&'*+-.^_`|~09azAZ", .value = "!~\x80\xFF" }}, "!#$%&'*+-.^_`|~09azAZ:!~\x80\xFF\r\n");
    // Between words a tab is as good as a space.
    try expectFields(&.{.{ .name = "A", .value = "b\tc" }}, "A: b\tc\r\n");
}

test "line endings" {
    try expectFailure(.bad_line_ending, "\n");
    try expectFailure(.bad_line_ending, "GET / HTTP/1.1\n");
    try expectFailure(.bad_line_ending, request ++ "Host: a\n");
    try expectFailure(.bad_line_ending, request ++ "Host: a\r\n\n");
    try expectFailure(.bad_line_ending, request ++ "Host: a\nUpgrade: websocket\r\n\r\n");
    try expectFailure(.bad_line_ending, request ++ "\n");
    // CR that no LF follows.
    try expectFailure(.bad_line_ending, "GET /\r HTTP/1.1\r\n\r\n");
    try expectFailure(.bad_line_ending, "\rGET / HTTP/1.1\r\n\r\n");
    try expectFailure(.bad_line_ending, request ++ "Host: a\rb\r\n\r\n");
    try expectFailure(.bad_line_ending, request ++ "Host: a\r\r\n\r\n");
    try expectFailure(.bad_line_ending, request ++ "Ho\rst: a\r\n\r\n");
    try expectFailure(.bad_line_ending, request ++ "\r\r\n\r\n");
}

test "start lines" {
    try expectFailure(.bad_start_line, "\r\n");
    try expectFailure(.bad_start_line, "\r\nGET / HTTP/1.1\r\n\r\n");
    for ([_][]const u8{ "\x00", "\x1F", "\x7F", "\x0B" }) |control| {
        var buffer: [64]u8 = undefined;
        try expectFailure(.bad_start_line, try std.fmt.bufPrint(&buffer, "GET /{s} HTTP/1.1\r\n\r\n", .{control}));
    }
}

test "folded fields" {
    try expectFailure(.obs_fold, request ++ "Host: a\r\n b\r\n\r\n");
    try expectFailure(.obs_fold, request ++ "Host: a\r\n\tb\r\n\r\n");
    try expectFailure(.obs_fold, request ++ " Host: a\r\n\r\n");
    try expectFailure(.obs_fold, request ++ "Host: a\r\n \r\n\r\n");
}

test "field names" {
    try expectFailure(.bad_field_name, request ++ ": a\r\n\r\n");
    try expectFailure(.bad_field_name, request ++ "Host\r\n\r\n");
    try expectFailure(.bad_field_name, request ++ "Host : a\r\n\r\n");
    try expectFailure(.bad_field_name, request ++ "Host\t: a\r\n\r\n");
    for (0..256) |number| {
        const byte: u8 = @intCast(number);
        var line = (request ++ "ab: c\r\n\r\n").*;
        line[request.len + 1] = byte;
        // Bytes that make another fault or end the name.
        if (byte == '\r' or byte == '\n' or byte == ':') continue;
        const allowed = std.ascii.isAlphanumeric(byte) or
            std.mem.findScalar(u8, "!#$%&'*+-.^_`|~", byte) != null;
        var fields: Fields = undefined;
        if (allowed) try expect((try read(&line, &fields)) != null) else try expectFailure(.bad_field_name, &line);
        try expectEqual(allowed, http.isFieldName(&.{byte}));
        try expectEqual(allowed, http.isFieldName(&.{ 'a', byte }));
    }
    try expect(!http.isFieldName(""));
    try expect(!http.isFieldName("a:"));
    try expect(!http.isFieldName("a\r"));
    try expect(!http.isFieldName("a\n"));
}

test "field values" {
    for (0..256) |number| {
        const byte: u8 = @intCast(number);
        const allowed = byte == '\t' or (byte >= 0x20 and byte != 0x7F);
        try expectEqual(allowed, http.isFieldValue(&.{ 'a', byte, 'b' }));
        if (byte == '\r' or byte == '\n') continue;
        var line = (request ++ "a: bcd\r\n\r\n").*;
        line[request.len + 4] = byte;
        var fields: Fields = undefined;
        if (allowed) try expect((try read(&line, &fields)) != null) else try expectFailure(.bad_field_value, &line);
    }
    try expect(http.isFieldValue(""));
}

test "as many fields as allowed, and one more" {
    const line = "A: b\r\n";
    const count = http.field_count_max;
    var bytes: [request.len + (count + 1) * line.len + 2]u8 = undefined;
    var fields: Fields = undefined;
    for ([_]usize{ count, count + 1 }) |lines| {
        var writer: std.Io.Writer = .fixed(&bytes);
        try writer.writeAll(request);
        for (0..lines) |_| try writer.writeAll(line);
        try writer.writeAll("\r\n");
        if (lines == count) {
            try expectEqual(count, (try read(writer.buffered(), &fields)).?.fields.len);
        } else {
            try expectFailure(.too_many_fields, writer.buffered());
        }
    }
}

test "a head of the allowed size, and one byte more" {
    var fields: Fields = undefined;
    for ([_]usize{ http.head_size_max, http.head_size_max + 1 }) |size| {
        var bytes: [http.head_size_max + 1]u8 = @splat('a');
        const head = bytes[0..size];
        @memcpy(head[0 .. request.len + 3], request ++ "A: ");
        @memcpy(head[size - 4 ..], "\r\n\r\n");
        if (size == http.head_size_max) {
            try expectEqual(size, (try read(head, &fields)).?.size);
        } else {
            try expectFailure(.too_large, head);
        }
    }
}

test "a head that never ends fails at the limit" {
    var fields: Fields = undefined;
    const bytes: [http.head_size_max + 1000]u8 = @splat('a');
    try expectEqual(null, try read(bytes[0 .. http.head_size_max - 1], &fields));
    try expectFailure(.too_large, bytes[0..http.head_size_max]);
    try expectFailure(.too_large, &bytes);
}

test "fed byte by byte, no byte is scanned twice" {
    // A scan that starts over would look at 16384^2 / 2 bytes for each of these heads, at all together for half a
    // minute; this takes some milliseconds.
    const bytes: [http.head_size_max]u8 = @splat('a');
    var fields: Fields = undefined;
    for (0..10) |_| {
        var reader: http.HeadReader = .{};
        for (0..bytes.len) |size| {
            try expect(reader.next(bytes[0..size], &fields) == .need_more);
            try expectEqual(size, reader.scanned);
        }
    }
}

test "find, count and hasToken" {
    var fields: Fields = undefined;
    const head = (try read(request ++
        "Host: a\r\nCONNECTION: keep-alive,Upgrade \r\nConnection: x\r\n" ++
        "X: Up grade, ,\tlast\t\r\nEmpty:\r\n\r\n", &fields)).?;
    try expectEqualStrings("a", head.find("hOST").?);
    try expectEqualStrings("keep-alive,Upgrade", head.find("connection").?);
    try expectEqualStrings("", head.find("empty").?);
    try expectEqual(null, head.find("Hos"));
    try expectEqual(null, head.find("Hostt"));

    try expectEqual(2, head.count("Connection"));
    try expectEqual(1, head.count("host"));
    try expectEqual(0, head.count("none"));

    try expect(head.hasToken("connection", "upgrade"));
    try expect(head.hasToken("connection", "Keep-Alive"));
    try expect(head.hasToken("connection", "X"));
    try expect(head.hasToken("x", "LAST"));
    try expect(!head.hasToken("connection", "keep"));
    try expect(!head.hasToken("connection", "alive"));
    try expect(!head.hasToken("x", "upgrade"));
    try expect(!head.hasToken("host", "upgrade"));
    try expect(!head.hasToken("none", "x"));
}

test "request lines" {
    try expectEqualDeep(
        http.RequestLine{ .method = "GET", .target = "/a?b=%20", .version = "HTTP/1.1" },
        http.parseRequestLine("GET /a?b=%20 HTTP/1.1").?,
    );
    try expectEqualStrings("HTTP/1.0", http.parseRequestLine("POST http://a/ HTTP/1.0").?.version);
    for ([_][]const u8{
        "",                   "GET",             "GET /",            "GET / ",
        "GET  / HTTP/1.1",    "GET /  HTTP/1.1", "GET / HTTP/1.1 ",  " GET / HTTP/1.1",
        "GET / a HTTP/1.1",   "GET / HTTP/1",    "GET / HTTP/11",    "GET / http/1.1",
        "GET / HTTP/1.1x",    "GET / HTTP/x.1",  "GET / HTTP/1.x",   "GET / HTTP/1,1",
        "G@T / HTTP/1.1",     " / HTTP/1.1",     "GET /\t HTTP/1.1", "GET\t/ HTTP/1.1",
        "GET /\xC3 HTTP/1.1", "GET  HTTP/1.1",   "GET / HTTPS/1.1",  "GET /\x7F HTTP/1.1",
    }) |line| try expectEqual(null, http.parseRequestLine(line));
}

test "status lines, with any reason phrase or none" {
    const Case = struct { []const u8, u16, []const u8 };
    for ([_]Case{
        .{ "HTTP/1.1 101 Switching Protocols", 101, "Switching Protocols" },
        .{ "HTTP/1.1 101 ", 101, "" },
        .{ "HTTP/1.1 101", 101, "" },
        .{ "HTTP/1.1 101  x", 101, " x" },
        .{ "HTTP/1.1 404 \xC3\xA9t\xC3\xA9 \t~", 404, "\xC3\xA9t\xC3\xA9 \t~" },
        .{ "HTTP/1.1 999 200 OK", 999, "200 OK" },
    }) |case| {
        try expectEqualDeep(
            http.StatusLine{ .version = "HTTP/1.1", .status = case[1], .reason = case[2] },
            http.parseStatusLine(case[0]).?,
        );
    }
    for ([_][]const u8{
        "",                   "HTTP/1.1",         "HTTP/1.1 ",          "HTTP/1.1 10",
        "HTTP/1.1 10 x",      "HTTP/1.1 1010",    "HTTP/1.1 101x",      "HTTP/1.1  101",
        "HTTP/1.1\t101",      "HTTP/1.1 101\tOK", "http/1.1 101 OK",    "HTTP/11 101 OK",
        "HTTP/1.1 1a1 OK",    "HTTP/1.1 +10 OK",  "HTTP/1.1 099 OK",    "HTTP/1.1 101 a\x00b",
        "HTTP/1.1 101 a\x7F", " HTTP/1.1 101 OK", "HTTP/1.1 101 \rabc", "HTTP/1.1 1_1 OK",
    }) |line| try expectEqual(null, http.parseStatusLine(line));
}

test "request targets" {
    for (0..256) |number| {
        const byte: u8 = @intCast(number);
        try expectEqual(byte > 0x20 and byte < 0x7F, http.isRequestTarget(&.{ '/', byte }));
    }
    try expect(!http.isRequestTarget(""));
}

test "a server's answers" {
    try expect(HeadFailure.too_large.status() == 431);
    try expect(HeadFailure.too_many_fields.status() == 431);
    try expect(HeadFailure.obs_fold.status() == 400);
}

test "every failure has a message" {
    for (std.enums.values(HeadFailure)) |failure| try expect(failure.message().len > 10);
    try expect(std.mem.find(u8, HeadFailure.too_large.message(), "16384") != null);
    try expect(std.mem.find(u8, HeadFailure.too_many_fields.message(), "128") != null);
}
