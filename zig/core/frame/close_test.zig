const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const close = @import("close.zig");
const CloseCode = close.CloseCode;
const Failure = @import("failure.zig").Failure;

/// RFC 6455 7.4 and the IANA registry, written as a list: what may be on the wire.
fn isAllowed(number: usize) bool {
    if (number >= 3000 and number < 5000) return true;
    const registered = [_]usize{ 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014 };
    return std.mem.findScalar(usize, &registered, number) != null;
}

fn expectFailure(failure: Failure, payload: []const u8) !void {
    try expectEqual(close.Decoded{ .failure = failure }, close.decode(payload));
}

test "each of the 65536 codes is allowed or refused" {
    for (0..65536) |number| {
        const code: CloseCode = @fromBackingInt(@as(u16, @intCast(number)));
        try expectEqual(isAllowed(number), code.maySend());
        const payload = [_]u8{ @intCast(number >> 8), @intCast(number & 0xFF), 'b', 'y', 'e' };
        if (isAllowed(number)) {
            const decoded = close.decode(&payload).close;
            try expectEqual(code, decoded.code);
            try expectEqualStrings("bye", decoded.reason);
            var buffer: [125]u8 = undefined;
            try expectEqualStrings(&payload, close.encode(code, "bye", &buffer));
        } else {
            try expectFailure(.close_code_not_allowed, &payload);
            try expectFailure(.close_code_not_allowed, payload[0..2]);
        }
    }
}

test "the names of the codes" {
    const names = [_]struct { u16, CloseCode }{
        .{ 0, .no_info },                .{ 1000, .ok },               .{ 1001, .going_away },
        .{ 1002, .protocol_error },      .{ 1003, .unsupported_data }, .{ 1006, .abnormal_closure },
        .{ 1007, .invalid_text },        .{ 1008, .policy_violation }, .{ 1009, .message_too_big },
        .{ 1010, .mandatory_extension }, .{ 1011, .internal_error },   .{ 1012, .service_restart },
        .{ 1013, .try_again_later },     .{ 1014, .bad_gateway },
    };
    for (names) |pair| try expectEqual(pair[0], @backingInt(pair[1]));
}

test "an empty payload carries no code" {
    const decoded = close.decode("").close;
    try expectEqual(CloseCode.no_info, decoded.code);
    try expectEqualStrings("", decoded.reason);
}

test "one byte is no code" {
    for (0..256) |byte| try expectFailure(.close_payload_of_one_byte, &.{@intCast(byte)});
}

test "a code alone has an empty reason" {
    const decoded = close.decode("\x03\xE8").close;
    try expectEqual(CloseCode.ok, decoded.code);
    try expectEqualStrings("", decoded.reason);
    try expectEqual(null, decoded.text());
}

test "the reason is a part of the payload, not a copy" {
    const payload = "\x0B\xB8 ciao";
    const decoded = close.decode(payload).close;
    try expectEqual(3000, @backingInt(decoded.code));
    try expectEqual(payload.ptr + 2, decoded.reason.ptr);
    try expectEqual(5, decoded.reason.len);
    try expectEqual(decoded.reason, decoded.text().?);
}

test "a reason has to be complete UTF-8" {
    for ([_][]const u8{
        "\x03\xE8\xFF", // never a byte of UTF-8
        "\x03\xE8\xE2\x82", // EURO SIGN without its end
        "\x03\xE8\xED\xA0\x80", // a surrogate
        "\x03\xE8\xC0\x80", // NUL, longer than it need be
        "\x03\xE8ok\x80",
    }) |payload| try expectFailure(.close_reason_not_utf8, payload);
    try expectEqualStrings("\u{20AC}", close.decode("\x03\xE8\xE2\x82\xAC").close.reason);
}

test "a code that may not be sent is named before a reason that is not UTF-8" {
    try expectFailure(.close_code_not_allowed, "\x03\xEE\xFF");
}

test "reasons of every length are encoded, and nothing behind them is written" {
    const reason: [close.reason_size_max]u8 = @splat('r');
    for (0..reason.len + 1) |size| {
        var buffer: [125]u8 = @splat(0xAA);
        const payload = close.encode(.going_away, reason[0..size], &buffer);
        try expectEqual(@as([*]const u8, &buffer), payload.ptr);
        try expectEqual(2 + size, payload.len);
        try expectEqualStrings("\x03\xE9", payload[0..2]);
        try expectEqualStrings(reason[0..size], payload[2..]);
        for (buffer[payload.len..]) |byte| try expectEqual(0xAA, byte);
    }
}

test "no_info is encoded as no payload at all" {
    var buffer: [125]u8 = @splat(0xAA);
    try expectEqual(0, close.encode(.no_info, "", &buffer).len);
    for (buffer) |byte| try expectEqual(0xAA, byte);
}

test "a reason may be as long as a control frame has room for" {
    try expectEqual(123, close.reason_size_max);
}
