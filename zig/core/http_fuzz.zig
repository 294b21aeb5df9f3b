//! Any bytes in any pieces: the same answer however they are cut, and a head only where every line keeps the rules.
const std = @import("std");
const http = @import("http.zig");
const handshake = @import("handshake.zig");
const Smith = std.testing.Smith;
const expect = std.testing.expect;
const expectEqualDeep = std.testing.expectEqualDeep;

test "fuzz: HTTP head" {
    try std.testing.fuzz({}, check, .{});
}

test "the fuzz target on random input" {
    var random: std.Random.DefaultPrng = .init(0);
    for (0..2_000) |_| {
        var input: [600]u8 = undefined;
        random.random().bytes(&input);
        var smith: Smith = .{ .in = &input };
        try check({}, &smith);
    }
}

const Fields = [http.field_count_max]http.Field;

/// What heads and broken heads are made of.
const pieces = [_][]const u8{
    "\r\n",               "\r\n",                 "\r\n\r\n",                     "\n",
    "\r",                 "GET / HTTP/1.1\r\n",   "HTTP/1.1 101 OK\r\n",          ":",
    " ",                  "\t",                   ",",                            "Host: a\r\n",
    "Upgrade: websocket", "Connection: ,Upgrade", "Sec-WebSocket-Version: 13",    "a: b",
    "Content-Length: 0",  "Transfer-Encoding:",   "\x00",                         "GET",
    "/",                  "\xFF",                 "Sec-WebSocket-Key: AAAAAAAAA", "A==",
};

fn check(_: void, smith: *Smith) !void {
    var buffer: [3 * http.head_size_max]u8 = undefined;
    const bytes = makeHead(smith, &buffer);

    var fields: Fields = undefined;
    var reader: http.HeadReader = .{};
    const result = reader.next(bytes, &fields);
    try expectCutsMakeNoDifference(smith, bytes, result);
    switch (result) {
        .need_more => try expect(bytes.len < http.head_size_max and std.mem.find(u8, bytes, "\r\n\r\n") == null),
        .failure => {},
        .head => |head| {
            try expectRules(bytes, head);
            // None of these may trip over anything that a head can hold.
            if (http.parseRequestLine(head.start_line)) |line| _ = handshake.checkHttp(line, head);
            _ = handshake.checkUpgrade(head);
            _ = handshake.checkResponse(head, &handshake.acceptKey("key"));
        },
    }
}

fn makeHead(smith: *Smith, buffer: []u8) []const u8 {
    var size: usize = 0;
    while (buffer.len - size > 8192 and !smith.eosWeightedSimple(30, 1)) {
        if (smith.boolWeighted(500, 1)) {
            @memset(buffer[size..][0..8192], smith.value(u8));
            size += 8192;
        } else if (smith.boolWeighted(10, 1)) {
            buffer[size] = smith.value(u8);
            size += 1;
        } else {
            const piece = pieces[smith.index(pieces.len)];
            @memcpy(buffer[size..][0..piece.len], piece);
            size += piece.len;
        }
    }
    return buffer[0..size];
}

fn expectCutsMakeNoDifference(smith: *Smith, bytes: []const u8, whole: http.HeadReader.Result) !void {
    var fields: Fields = undefined;
    var reader: http.HeadReader = .{};
    var size: usize = 0;
    while (true) {
        const result = reader.next(bytes[0..size], &fields);
        if (result != .need_more or size == bytes.len) return expectEqualDeep(whole, result);
        size += 1 + smith.index(bytes.len - size);
    }
}

/// The head written out from its parts is the head that was read, but for whitespace around values.
fn expectRules(bytes: []const u8, head: http.Head) !void {
    try expect(head.size <= http.head_size_max);
    var lines = std.mem.splitSequence(u8, bytes[0..head.size], "\r\n");
    try std.testing.expectEqualStrings(head.start_line, lines.next().?);
    for (head.fields) |field| {
        const line = lines.next().?;
        try expect(std.mem.startsWith(u8, line, field.name));
        const after_name = line[field.name.len..];
        try expect(after_name[0] == ':');
        try std.testing.expectEqualStrings(field.value, std.mem.trim(u8, after_name[1..], " \t"));
        try expect(handshake.isFieldName(field.name) and handshake.isFieldValue(field.value));
    }
    // The blank line, and nothing behind it.
    try expect(lines.next().?.len == 0);
    try expect(lines.next().?.len == 0);
    try expect(lines.next() == null);
}
