const std = @import("std");
const permessage = @import("permessage.zig");
const deflate = @import("../deflate/deflate.zig");
const Failure = @import("../frame/failure.zig").Failure;
const inflate = @import("../deflate/inflate.zig");
const Receiver = permessage.Receiver;
const Sender = permessage.Sender;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const expectEqualStrings = std.testing.expectEqualStrings;

/// Too large for the stack.
const static = struct {
    var block: deflate.Block = undefined;
    var tables: inflate.Tables = undefined;
    var memory: [2][1 << 18]u8 align(2) = undefined;
    var window: [1 << 15]u8 = undefined;
    var out: [1 << 18]u8 = undefined;
    var compressed: [1 << 18]u8 = undefined;
};

fn receiver(direction: permessage.Direction, size_max: usize) Receiver {
    return .init(direction, size_max, &static.window);
}

fn sender(direction: permessage.Direction) Sender {
    return .init(direction, 6, static.memory[0][0..Sender.memorySize(direction, 6)]);
}

/// One message in one frame; what it says, or what is wrong with it.
fn receive(self: *Receiver, payload: []const u8, out: []u8) !union(enum) { text: []const u8, fault: Failure } {
    self.begin();
    const fed = self.feed(&static.tables, payload, out, 0);
    if (fed.status == .failure) return .{ .fault = fed.status.failure };
    try expectEqual(.done, std.meta.activeTag(fed.status));
    try expectEqual(payload.len, fed.read);
    const done = self.finish(&static.tables, out, fed.size);
    if (done.status == .failure) return .{ .fault = done.status.failure };
    try expectEqual(.done, std.meta.activeTag(done.status));
    self.keep(out[0..done.size]);
    return .{ .text = out[0..done.size] };
}

fn expectText(expected: []const u8, self: *Receiver, payload: []const u8) !void {
    const received = try receive(self, payload, &static.out);
    try expectEqualSlices(u8, expected, received.text);
}

fn expectFault(expected: Failure, self: *Receiver, payload: []const u8) !void {
    const received = try receive(self, payload, &static.out);
    try expectEqual(expected, received.fault);
}

test "the examples of RFC 7692 7.2.3" {
    var self = receiver(.{}, 100);
    try expectText("Hello", &self, "\xf2\x48\xcd\xc9\xc9\x07\x00");
    try expectText("Hello", &self, "\xf2\x00\x11\x00\x00"); // refers to the first
    try expectText("Hello", &self, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"); // stored
    try expectText("Hello", &self, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"); // BFINAL
    try expectText("Hello", &self, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"); // two blocks
    try expectText("", &self, "\x00");
}

test "what others send although RFC 7692 7.2.1 does not: nothing for nothing, and a final block without one behind it" {
    var self = receiver(.{}, 100);
    try expectText("", &self, "");
    try expectText("Hello", &self, "\xf3\x48\xcd\xc9\xc9\x07\x00");
    try expectText("", &self, "");
    try expectText("Hello", &self, "\xf2\x00\x11\x00\x00");
}

test "fragments may be cut anywhere, and may be empty" {
    const payload = "\xf2\x48\xcd\xc9\xc9\x07\x00";
    for (0..payload.len + 1) |first| for (first..payload.len + 1) |second| {
        var self = receiver(.{}, 5);
        self.begin();
        var size: usize = 0;
        for ([_][]const u8{ payload[0..first], payload[first..second], payload[second..] }) |piece| {
            const result = self.feed(&static.tables, piece, &static.out, size);
            try expectEqual(piece.len, result.read);
            size = result.size;
        }
        const result = self.finish(&static.tables, &static.out, size);
        try expectEqual(Receiver.Status.done, result.status);
        try expectEqualStrings("Hello", static.out[0..result.size]);
    };
}

test "a message that ends inside a block, or is no stream, is refused" {
    for ([_][]const u8{ "\xf2", "\xf2\x48\xcd\xc9", "\xf2\x48\xcd\xc9\xc9\x07", "\x00\x05\x00\xfa\xffHel", "\x01\x00\x00", "\x05" }) |cut| {
        var self = receiver(.{}, 100);
        const received = try receive(&self, cut, &static.out);
        try expect(received.fault == .cut_data or received.fault == .bad_data);
    }
    var self = receiver(.{}, 100);
    try expectFault(.cut_data, &self, "\x00\x05\x00\xfa\xffHello"); // at a block boundary, but without the empty block
    for ([_][]const u8{ "\x06", "\x00\x05\x00\x05\x00", "\x02\x11\x00\x00" }) |bad| {
        self = receiver(.{}, 100);
        try expectFault(.bad_data, &self, bad);
    }
}

test "the limit is exact, and holds before the byte too many" {
    for ([_]usize{ 0, 1, 5, 255, 256, 1000 }) |size| {
        const text: [1000]u8 = @splat('a');
        var from = sender(.{});
        const payload = from.compress(&static.block, text[0..size], true, &static.compressed);
        var self = receiver(.{}, size);
        try expectText(text[0..size], &self, payload);
        if (size == 0) continue;
        self = receiver(.{}, size - 1);
        @memset(static.out[0..1000], '-');
        try expectFault(.message_too_big, &self, payload);
        for (static.out[size - 1 .. 1000]) |byte| try expectEqual('-', byte);
    }
}

test "a bomb ends at the limit, whatever the room is" {
    const zeros: [200_000]u8 = @splat(0);
    var from = sender(.{});
    const payload = from.compress(&static.block, &zeros, true, &static.compressed);
    try expect(payload.len < 400);
    for ([_]usize{ 1, 100, 4096 }) |room| {
        var self = receiver(.{}, 10_000);
        self.begin();
        var rest: []const u8 = payload;
        var total: usize = 0;
        while (true) {
            const result = self.feed(&static.tables, rest, static.out[0..room], 0);
            rest = rest[result.read..];
            total += result.size;
            if (result.status != .need_room) {
                try expectEqual(Failure.message_too_big, result.status.failure);
                break;
            }
            self.keep(static.out[0..result.size]);
        }
        try expectEqual(10_000, total);
    }
}

test "with context takeover a message refers to those before it, without it does not" {
    for ([_]bool{ true, false }) |takeover| {
        const direction: permessage.Direction = .{ .window_bits = 10, .takeover = takeover };
        var from = sender(direction);
        var self = receiver(direction, 100_000);
        const text = "{\"symbol\":\"BTCUSDT\",\"price\":\"43210.55\"}";
        var sizes: [3]usize = undefined;
        for (&sizes) |*size| {
            const payload = from.compress(&static.block, text, true, &static.compressed);
            size.* = payload.len;
            try expectText(text, &self, payload);
        }
        try expectEqual(sizes[1], sizes[2]);
        try expectEqual(takeover, sizes[1] < sizes[0] / 3);
        try expectEqual(if (takeover) @min(1024, 3 * text.len) else 0, self.inflater.history.size);
    }
}

test "a peer that refers to a message although no context takeover was agreed on" {
    var self = receiver(.{ .takeover = false }, 100);
    try expectText("Hello", &self, "\xf2\x48\xcd\xc9\xc9\x07\x00");
    try expectFault(.bad_data, &self, "\xf2\x00\x11\x00\x00");
}

test "a message sent in fragments, each of which can be read when it is there" {
    for ([_]bool{ true, false }) |takeover| {
        const direction: permessage.Direction = .{ .takeover = takeover };
        var from = sender(direction);
        var self = receiver(direction, 1000);
        for (0..3) |_| {
            self.begin();
            var size: usize = 0;
            const parts = [_][]const u8{ "first part, ", "", "second part, ", "first part, again" };
            var expected: usize = 0;
            for (parts, 0..) |part, i| {
                const payload = from.compress(&static.block, part, i == parts.len - 1, &static.compressed);
                const result = self.feed(&static.tables, payload, &static.out, size);
                try expectEqual(Receiver.Status.done, result.status);
                size = result.size;
                expected += part.len;
                if (i < parts.len - 1) try expectEqual(expected, size);
            }
            const result = self.finish(&static.tables, &static.out, size);
            try expectEqualStrings("first part, second part, first part, again", static.out[0..result.size]);
            self.keep(static.out[0..result.size]);
        }
    }
}

test "one message for many: compressed without a past, and entered or not" {
    const direction: permessage.Direction = .{ .window_bits = 9 };
    var alone: permessage.Direction = direction;
    alone.takeover = false;
    const memory = static.memory[1][0..Sender.memorySize(alone, 6)];
    var broadcaster: Sender = .init(alone, 6, memory);
    for ([_]bool{ true, false }) |is_entered| {
        var own = sender(direction);
        var peer = receiver(direction, 1000);
        for (0..5) |i| {
            var text: [40]u8 = undefined;
            const mine = try std.fmt.bufPrint(&text, "a message for one, number {d}", .{i});
            try expectText(mine, &peer, own.compress(&static.block, mine, true, &static.compressed));
            var shared: [40]u8 = undefined;
            const ours = try std.fmt.bufPrint(&shared, "for all that listen, number {d}", .{i});
            try expectText(ours, &peer, broadcaster.compress(&static.block, ours, true, &static.compressed));
            if (is_entered) own.enter(ours) else own.forget();
        }
        const again = own.compress(&static.block, "for all that listen, number 4", true, &static.compressed);
        try expectEqual(is_entered, again.len < 10);
        try expectText("for all that listen, number 4", &peer, again);
    }
}

test "the window is as large as what was kept, and moves" {
    var windows: [2][1024]u8 = undefined;
    var self: Receiver = .init(.{ .window_bits = 10 }, 1000, &.{});
    var from = sender(.{ .window_bits = 10 });
    const text: [37]u8 = "a message that comes again and again.".*;
    for (0..40) |i| {
        const payload = from.compress(&static.block, &text, true, &static.compressed);
        self.begin();
        const fed = self.feed(&static.tables, payload, &static.out, 0);
        const done = self.finish(&static.tables, &static.out, fed.size);
        try expectEqualStrings(&text, static.out[0..done.size]);
        const needed = self.windowSize(done.size);
        try expectEqual(@min(1024, (i + 1) * text.len), needed);
        if (needed > self.inflater.history.ring.len) self.moveWindow(windows[i % 2][0..needed]);
        self.keep(static.out[0..done.size]);
    }
    var alone: Receiver = .init(.{ .takeover = false }, 1000, &.{});
    _ = try receive(&alone, "\xf2\x48\xcd\xc9\xc9\x07\x00", &static.out);
    try expectEqual(0, alone.windowSize(1000));
}

test "output in chunks, without context takeover: the window lasts as long as the message" {
    const direction: permessage.Direction = .{ .window_bits = 9, .takeover = false };
    var text: [5000]u8 = undefined;
    for (&text, 0..) |*byte, i| byte.* = @truncate(i * i >> 4);
    var from = sender(direction);
    const payload = from.compress(&static.block, &text, true, &static.compressed);
    var self = receiver(direction, text.len);
    for (0..2) |_| {
        self.begin();
        var rest: []const u8 = payload;
        var at: usize = 0;
        while (true) {
            const result = self.feed(&static.tables, rest, static.out[0..77], 0);
            try expectEqualSlices(u8, text[at..][0..result.size], static.out[0..result.size]);
            at += result.size;
            rest = rest[result.read..];
            self.keep(static.out[0..result.size]);
            if (result.status == .done) break;
        }
        try expectEqual(Receiver.Status.done, self.finish(&static.tables, static.out[0..0], 0).status);
        try expectEqual(text.len, at);
    }
}
