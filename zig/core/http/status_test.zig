//! The codes one by one; a test in Python compares the phrases with Python's.

const std = @import("std");
const status = @import("status.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

test "the phrases of the statuses that a WebSocket server sends most" {
    try expectEqualStrings("Switching Protocols", status.reason(101));
    try expectEqualStrings("Bad Request", status.reason(400));
    try expectEqualStrings("Upgrade Required", status.reason(426));
    try expectEqualStrings("", status.reason(499));
    try expectEqualStrings("", status.reason(0xFFFF));
}

test "every phrase can stand in a status line" {
    const head = @import("head.zig");
    for (0..0x10000) |code| try expect(head.isFieldValue(status.reason(@intCast(code))));
}

test "100 to 599 go onto the wire, of which 1xx but 101 are interim" {
    for (0..0x10000) |code| {
        const number: u16 = @intCast(code);
        try expectEqual(code >= 100 and code < 600, status.maySend(number));
        if (status.maySend(number)) try expectEqual(code < 200 and code != 101, status.isInterim(number));
    }
}

test "1xx, 204, 205 and 304 have no content, and 205 says so with a length of zero" {
    for (100..600) |code| {
        const number: u16 = @intCast(code);
        const is_empty = code < 200 or code == 204 or code == 205 or code == 304;
        try expectEqual(!is_empty, status.mayHaveContent(number));
        try expectEqual(!is_empty or code == 205, status.hasContentLength(number));
    }
}
