const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const pings = @import("pings.zig");
const Ping = pings.Ping;
const Pings = pings.Pings;
const Who = pings.Who;

const a: Who = @fromBackingInt(10);
const b: Who = @fromBackingInt(11);
const d: Who = @fromBackingInt(12);
const nothing: ?Who = null;

fn expectAnswered(ledger: *Pings, expected: []const Who) !void {
    for (expected) |who| try expectEqual(@as(?Who, who), ledger.nextAnswered());
    try expectEqual(nothing, ledger.nextAnswered());
}

test "a PONG is for the PING with its payload, and answers those before it" {
    var places: [4]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, "1"));
    try expect(ledger.sent(b, "2"));
    try expect(ledger.sent(d, "3"));
    try expectEqual(@as(?Who, b), ledger.pong("2"));
    try expectAnswered(&ledger, &.{ a, b });
    try expectEqual(nothing, ledger.pong("1"));
    try expectEqual(@as(?Who, d), ledger.pong("3"));
    try expectAnswered(&ledger, &.{d});
    try expectEqual(0, ledger.count);
}

test "a PONG that nobody asked for answers nothing" {
    var places: [2]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expectEqual(nothing, ledger.pong(""));
    try expect(ledger.sent(a, ""));
    try expectEqual(nothing, ledger.pong("unasked"));
    try expectAnswered(&ledger, &.{});
    try expectEqual(@as(?Who, a), ledger.pong(""));
}

test "PINGs with one payload are answered in order" {
    var places: [3]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    for ([_]Who{ a, b, d }) |who| try expect(ledger.sent(who, ""));
    for ([_]Who{ a, b, d }) |who| {
        try expectEqual(@as(?Who, who), ledger.pong(""));
        try expectAnswered(&ledger, &.{who});
    }
}

test "messages are answered in order, and no PONG of a later PING answers them" {
    var places: [4]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, null));
    try expect(ledger.sent(b, null));
    try expect(ledger.sent(d, "x"));
    try expectEqual(@as(?Who, d), ledger.pong("x"));
    try expectAnswered(&ledger, &.{d});
    try expectEqual(@as(?Who, a), ledger.answer());
    try expectEqual(@as(?Who, b), ledger.answer());
    try expectEqual(nothing, ledger.answer());
    try expectAnswered(&ledger, &.{ a, b });
}

test "a PONG that belongs to no PING is for the oldest message" {
    var places: [2]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, "x"));
    try expect(ledger.sent(b, null));
    try expectEqual(@as(?Who, b), ledger.pong("y"));
    try expectAnswered(&ledger, &.{b});
}

test "a message that turned out to be a PING" {
    var places: [2]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, null));
    try expect(ledger.wasPing("mine"));
    try expect(!ledger.wasPing("another"));
    try expectEqual(nothing, ledger.pong("another"));
    try expectEqual(@as(?Who, a), ledger.pong("mine"));
}

test "a PING of the user's answers those before it and is kept behind others alone" {
    var places: [3]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(.user, "x"));
    try expectEqual(0, ledger.count);
    try expect(ledger.sent(a, "1"));
    try expect(ledger.sent(.user, "x"));
    try expect(ledger.sent(b, "2"));
    try expectEqual(@as(?Who, .user), ledger.pong("x"));
    try expectAnswered(&ledger, &.{a});
    try expectEqual(@as(?Who, b), ledger.pong("2"));
    try expectAnswered(&ledger, &.{b});

    try expect(ledger.sent(a, "1"));
    try expect(ledger.sent(.user, "x"));
    try expectEqual(@as(?Who, a), ledger.pong("1"));
    try expectAnswered(&ledger, &.{a});
    try expectEqual(0, ledger.count);
    try expectEqual(nothing, ledger.pong("x"));
}

test "the answer to one that was given up is for nobody else" {
    for ([_]?[]const u8{ null, "" }) |payload| {
        var places: [2]Ping = undefined;
        var ledger: Pings = .{ .places = &places };
        try expect(ledger.sent(a, payload));
        try expect(ledger.giveUp(a));
        try expect(!ledger.giveUp(a));
        try expect(ledger.sent(b, payload));
        const first = if (payload) |bytes| ledger.pong(bytes) else ledger.answer();
        try expectEqual(@as(?Who, .nobody), first);
        try expectAnswered(&ledger, &.{.nobody});
        const second = if (payload) |bytes| ledger.pong(bytes) else ledger.answer();
        try expectEqual(@as(?Who, b), second);
        try expectAnswered(&ledger, &.{b});
    }
}

test "a peer that left out an answer is not one behind for ever" {
    var places: [4]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, null));
    try expect(ledger.giveUp(a)); // and its answer never comes
    try expect(ledger.sent(b, null));
    try expectEqual(@as(?Who, .nobody), ledger.answer()); // it was b's
    try expectAnswered(&ledger, &.{.nobody});
    try expect(ledger.giveUp(b));
    try expect(ledger.sent(d, null));
    try expectEqual(@as(?Who, d), ledger.answer());
}

test "a ping that could not be sent waits for nothing, a PING that was seen does" {
    var places: [2]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, null));
    try expect(ledger.failed(a));
    try expect(!ledger.failed(a));
    try expectEqual(0, ledger.count);
    try expect(ledger.sent(a, null));
    try expect(ledger.wasPing("x"));
    try expect(ledger.failed(a));
    try expectEqual(@as(?Who, .nobody), ledger.pong("x"));
}

test "full: pings that nobody waits for make room, others do not" {
    var places: [3]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    try expect(ledger.sent(a, "1"));
    try expect(ledger.sent(.user, "x"));
    try expect(ledger.sent(b, "2"));
    try expect(ledger.sent(d, "3"));
    try expectEqual(nothing, ledger.pong("x"));
    try expect(!ledger.sent(@fromBackingInt(13), "4"));
    try expect(ledger.sent(.user, "x"));
    try expectEqual(3, ledger.count);
    try expect(ledger.giveUp(b));
    try expect(ledger.sent(@fromBackingInt(13), "4"));
    try expectEqual(nothing, ledger.pong("2"));
    try expectEqual(@as(?Who, a), ledger.takeOldest());
    try expectEqual(@as(?Who, d), ledger.takeOldest());
    try expectEqual(@as(?Who, @fromBackingInt(13)), ledger.takeOldest());
    try expectEqual(nothing, ledger.takeOldest());
}

test "without places nothing can be sent" {
    var ledger: Pings = .{};
    try expect(!ledger.sent(a, ""));
    try expect(ledger.sent(.user, ""));
    try expectEqual(nothing, ledger.pong(""));
    try expectEqual(nothing, ledger.answer());
}

test "whatever happens, places hold and nobody is told twice" {
    var random: std.Random.DefaultPrng = .init(1);
    const dice = random.random();
    const payloads = [_]?[]const u8{ null, "", "x", "y" };
    var places: [5]Ping = undefined;
    var ledger: Pings = .{ .places = &places };
    var waiting: [64]bool = @splat(false);
    for (0..20_000) |_| {
        const number = dice.intRangeLessThan(usize, 2, waiting.len);
        const who: Who = @fromBackingInt(number);
        const payload = payloads[dice.uintLessThan(usize, payloads.len)];
        switch (dice.uintLessThan(u8, 6)) {
            0, 1 => if (!waiting[number]) {
                waiting[number] = ledger.sent(who, payload);
            },
            2 => _ = ledger.sent(.user, payload orelse ""),
            3 => {
                const is_waiting = waiting[number];
                try expectEqual(is_waiting, ledger.giveUp(who));
                waiting[number] = false;
            },
            4 => _ = ledger.answer(),
            else => _ = ledger.pong(payload orelse ""),
        }
        while (ledger.nextAnswered()) |told| switch (told) {
            .nobody, .user => {},
            else => {
                try expect(waiting[@backingInt(told)]);
                waiting[@backingInt(told)] = false;
            },
        };
        try expect(ledger.count <= places.len);
    }
}
