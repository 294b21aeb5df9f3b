//! A connection as its user sees it: events in the order of the bytes, and what may be sent when.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;
const Flags = @import("../frame/header.zig").Flags;
const ledger = @import("pings.zig");
const opcodes = @import("../frame/opcode.zig");
const sessions = @import("session.zig");
const wire = @import("../testing/wire_test.zig");
const Recorder = @import("../testing/recorder_test.zig").Recorder(1000);
const Mode = sessions.Mode;
const Session = sessions.Session;

const fin: Flags = .{ .fin = true };
const more: Flags = .{};

/// Frames written down unmasked, as the peer of `role` sends them.
fn sentTo(role: opcodes.Role, frames: []const []const u8, stream: *wire.Bytes(1000)) void {
    for (frames) |frame| {
        if (role == .client) {
            stream.bytes(frame);
        } else {
            const header_size: usize = if (frame[1] == 126) 4 else 2;
            const payload = frame[header_size..];
            stream.frame(frame[0], payload, .{ 0x80, 0x01, 0x00, 0xFE });
        }
    }
}

fn recorder(role: opcodes.Role, mode: Mode) !*Recorder {
    const made = try std.testing.allocator.create(Recorder);
    made.* = .{ .session = .init(.{
        .role = role,
        .mode = mode,
        .payload_size_max = 300,
        .message_size_max = 10,
        .message_frame_count_max = 4,
        .extensions = .{ .permessage_deflate = true },
    }) };
    return made;
}

/// Whole, byte by byte, and with a tail that must make no difference.
fn expectLog(modes: []const Mode, frames: []const []const u8, wanted: []const u8) !void {
    for ([_]opcodes.Role{ .client, .server }) |role| {
        var stream: wire.Bytes(1000) = .{};
        sentTo(role, frames, &stream);
        for (modes) |mode| {
            for (0..3) |way| {
                const recorded = try recorder(role, mode);
                defer std.testing.allocator.destroy(recorded);
                switch (way) {
                    0 => try recorded.feed(stream.slice()),
                    1 => for (stream.slice()) |*byte| try recorded.feed(byte[0..1]),
                    else => {
                        stream.bytes("\x81");
                        try recorded.feed(stream.slice());
                        stream.size -= 1;
                    },
                }
                try expectEqualStrings(wanted, recorded.log());
            }
        }
    }
}

const all = [_]Mode{ .permissive, .strict, .messages };
const follows_rules = [_]Mode{ .strict, .messages };

test "a message in fragments with a PING inside, then a CLOSE" {
    const frames = [_][]const u8{ "\x01\x03Hel", "\x89\x01?", "\x80\x02lo", "\x88\x05\x03\xE8bye" };
    try expectLog(&.{.permissive}, &frames,
        \\data 1 0 "Hel"
        \\ping "?"
        \\send A "?"
        \\data 0 8 "lo"
        \\close 1000 "bye"
        \\send 8 "
    ++ "\x03\xE8\"\nended\n");
    try expectLog(&follows_rules, &frames,
        \\data 1 0 "Hel" text 3 first
        \\ping "?"
        \\send A "?"
        \\data 0 8 "lo" text 5 last
        \\close 1000 "bye"
        \\send 8 "
    ++ "\x03\xE8\"\nended\n");
}

test "an empty CLOSE is answered with an empty one" {
    try expectLog(&all, &.{ "\x88\x00", "\x81\x01a" }, "close 0 \"\"\nsend 8 \"\"\nended\n");
}

test "a failure is told once, answered with its code, and ends the input" {
    const answer = "failure unknown_opcode\nsend 8 \"\x03\xEAunknown opcode\"\nended\n";
    try expectLog(&all, &.{ "\x83\x00", "\x81\x01a" }, answer);
    const text = "failure text_not_utf8\nsend 8 \"\x03\xEFTEXT message is not UTF-8\"\nended\n";
    try expectLog(&follows_rules, &.{ "\x81\x01\xFF", "\x81\x01a" }, text);
    const close = "failure close_code_not_allowed\nsend 8 \"\x03\xEACLOSE frame has a code that may not be sent\"\nended\n";
    try expectLog(&all, &.{"\x88\x02\x03\xEE"}, close);
}

test "a message above a limit is 1009" {
    const size = "failure message_too_big\nsend 8 \"\x03\xF1message is larger than the limit\"\nended\n";
    try expectLog(&follows_rules, &.{"\x81\x0B12345678901"}, size);
    try expectLog(&follows_rules, &.{"\x81\x0A1234567890"}, "data 1 8 \"1234567890\" text 10 first last\n");
    try expectLog(&follows_rules, &.{ "\x02\x05hello", "\x00\x06 world" }, "data 2 0 \"hello\" binary 5 first\n" ++ size);
    const count = "failure too_many_fragments\nsend 8 \"\x03\xF1message has more fragments than the limit\"\nended\n";
    const four =
        \\data 2 0 "" binary 0 first
        \\data 0 0 "" binary 0
        \\data 0 0 "" binary 0
        \\data 0 0 "" binary 0
        \\
    ;
    try expectLog(&follows_rules, &.{ "\x02\x00", "\x00\x00", "\x00\x00", "\x00\x00", "\x80\x00" }, four ++ count);
}

test "compressed messages are marked, and reserved bits are the caller's in permissive mode" {
    try expectLog(&follows_rules, &.{ "\x41\x01\xFF", "\x80\x01\xFE" }, "data 1 4 \"\xFF\" text 1 compressed first\n" ++
        "data 0 8 \"\xFE\" text 2 compressed last\n");
    try expectLog(&.{.permissive}, &.{ "\xF1\x01\xFF", "\x70\x01\xFE" }, "data 1 F \"\xFF\"\ndata 0 7 \"\xFE\"\n");
}

test "a PONG is for the PING with its payload; nobody's is told as such" {
    for (all) |mode| {
        const recorded = try recorder(.client, mode);
        defer std.testing.allocator.destroy(recorded);
        var places: [2]ledger.Ping = undefined;
        recorded.session.pings.places = &places;
        _ = try recorded.session.ping(@fromBackingInt(7), "a");
        _ = try recorded.session.ping(@fromBackingInt(8), "b");
        try expectError(error.TooManyPings, recorded.session.ping(@fromBackingInt(9), "c"));
        try recorded.feed("\x8A\x01?" ++ "\x8A\x01b" ++ "\x8A\x01a");
        try expectEqualStrings("pong \"?\"\npong \"b\" for 8\npong \"a\"\n", recorded.log());
        try expectEqual(7, @backingInt(recorded.session.pings.nextAnswered().?));
        try expectEqual(8, @backingInt(recorded.session.pings.nextAnswered().?));
    }
}

test "after our CLOSE nothing is sent, and the peer is heard until its own" {
    for (all) |mode| {
        const recorded = try recorder(.client, mode);
        defer std.testing.allocator.destroy(recorded);
        const session = &recorded.session;
        var buffer: [125]u8 = undefined;
        recorded.notePlan(try session.send(.text, fin, "last"));
        recorded.notePlan(try session.close(.going_away, "bye", &buffer));
        try expectError(error.AfterClose, session.send(.text, fin, "a"));
        try expectError(error.AfterClose, session.send(.pong, fin, ""));
        try expectError(error.AfterClose, session.ping(.user, ""));
        try expectError(error.AfterClose, session.close(.ok, "", &buffer));
        try recorded.feed("\x82\x01a" ++ "\x89\x01?");
        try expect(std.mem.find(u8, recorded.log(), "data 2 8 \"a\"") != null);
        try expect(std.mem.endsWith(u8, recorded.log(), "ping \"?\"\n")); // and no PONG
        try recorded.feed("\x88\x02\x03\xE9");
        try expect(std.mem.endsWith(u8, recorded.log(), "close 1001 \"\"\nended\n"));
        try expectEqual(.closed_by_us, session.closing.state);
        try expectEqual(.going_away, session.closing.sent.?);
    }
}

test "a peer's CLOSE may be answered later, with another code, and data may go before" {
    const recorded = try recorder(.server, .messages);
    defer std.testing.allocator.destroy(recorded);
    recorded.answers = false;
    const session = &recorded.session;
    var stream: wire.Bytes(1000) = .{};
    sentTo(.server, &.{ "\x88\x02\x03\xE8", "\x81\x01a" }, &stream);
    try recorded.feed(stream.slice());
    try expectEqualStrings("close 1000 \"\"\nended\n", recorded.log());
    _ = try session.send(.binary, more, "rest of");
    _ = try session.send(.continuation, fin, " a message");
    var buffer: [125]u8 = undefined;
    const plan = try session.close(@fromBackingInt(4000), "later", &buffer);
    try expectEqualStrings("\x0F\xA0later", plan.payload);
    try expectEqual(.closed_by_peer, session.closing.state);
    try expectError(error.AfterClose, session.send(.text, fin, ""));
}

test "a failure after our CLOSE has no answer; without one a CLOSE alone may go" {
    const recorded = try recorder(.client, .strict);
    defer std.testing.allocator.destroy(recorded);
    recorded.answers = false;
    try recorded.feed("\x81\x01\xFF");
    const session = &recorded.session;
    try expectError(error.AfterClose, session.send(.text, fin, ""));
    var buffer: [125]u8 = undefined;
    _ = try session.close(.policy_violation, "", &buffer);
    try expectEqual(.failed, session.closing.state);
    try expectEqual(.text_not_utf8, session.parser.failed.?);

    const closed = try recorder(.client, .strict);
    defer std.testing.allocator.destroy(closed);
    _ = try closed.session.close(.ok, "", &buffer);
    try closed.feed("\x81\x01\xFF");
    try expectEqualStrings("failure text_not_utf8\nended\n", closed.log());
}

test "fragments that are sent are held to their order in messages mode alone" {
    for (all) |mode| {
        const recorded = try recorder(.client, mode);
        defer std.testing.allocator.destroy(recorded);
        const session = &recorded.session;
        const is_held = mode == .messages;
        const early = session.send(.continuation, fin, "");
        if (is_held) try expectError(error.UnexpectedContinuation, early) else _ = try early;
        _ = try session.send(.text, more, "a");
        _ = try session.send(.ping, fin, "");
        const second = session.send(.binary, fin, "");
        if (is_held) try expectError(error.UnfinishedMessage, second) else _ = try second;
        const marked = session.send(.continuation, .{ .fin = false, .rsv1 = true }, "");
        if (is_held) try expectError(error.ReservedBits, marked) else _ = try marked;
        _ = try session.send(.continuation, fin, "b");
        _ = try session.send(.text, .{ .fin = true, .rsv1 = true }, "c");
        // A control frame that cannot be is refused in every mode, and changes nothing.
        try expectError(error.OversizedControl, session.send(.ping, fin, &@as([126]u8, @splat(0))));
        try expectError(error.CloseHasItsOwnFunction, session.send(.close, fin, ""));
        try expect(session.invariants());
    }
}

test "the end of the transport, and dropping what the peer sends" {
    const lost = try recorder(.client, .strict);
    defer std.testing.allocator.destroy(lost);
    try lost.feed("\x81\x05hel");
    lost.session.end();
    try lost.feed("lo");
    try expectEqualStrings("ended\n", lost.log());
    try expectError(error.AfterClose, lost.session.send(.text, fin, ""));

    const dropped = try recorder(.client, .strict);
    defer std.testing.allocator.destroy(dropped);
    dropped.session.drop();
    try dropped.feed("\x81\x01a");
    try expectEqualStrings("ended\n", dropped.log());
    var buffer: [125]u8 = undefined;
    _ = try dropped.session.close(.internal_error, "", &buffer);
    try expectEqual(.failed, dropped.session.closing.state);
}

test "a failure that another part finds is treated as one of the parser's" {
    var session: Session = .init(.{ .role = .client, .mode = .messages, .payload_size_max = 10 });
    const event = session.fail(.message_too_big);
    try expectEqual(.message_too_big, event.failure);
    try expectEqualStrings("\x03\xF1message is larger than the limit", session.answer(event).?.payload);
    try expectEqual(.ended, session.fail(.text_not_utf8));
    try expectEqual(null, session.answer(event));
}

test "compression that the opening handshake agreed on, in every mode" {
    for (all) |mode| {
        var bytes = "\xC1\x01\x00\x81\x01\xFF\x00\x00".*;
        var session: Session = .init(.{ .role = .client, .mode = mode, .payload_size_max = 10 });
        session.beginCompression(10, 4);
        try expectEqual(3, session.receive(&bytes).data.size);
        try expect(session.piece().is_compressed);
        const second = session.receive(bytes[3..]);
        if (mode != .permissive) {
            try expectEqual(.text_not_utf8, second.failure);
            continue;
        }
        try expectEqual(3, second.data.size);
        try expectEqual(.unexpected_continuation, session.receive(bytes[6..]).failure);
    }
}
