//! A connection that receives compressed messages: frames in, plain payloads out, or the failure that ends it.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const inflate = @import("../deflate/inflate.zig");
const permessage = @import("../message/permessage.zig");
const sessions = @import("session.zig");
const Decompressor = @import("decompressor.zig").Decompressor;
const Failure = @import("../frame/failure.zig").Failure;

const Options = struct {
    direction: permessage.Direction = .{},
    size_max: u64 = 1000,
    frame_count_max: u32 = 100,
    checks_text: bool = true,
    /// How much room is given at first, and then more of.
    room: usize = 1000,
};

/// Receives the frames of a server and writes down the plain payloads, one after the other, with | behind each frame.
const Reader = struct {
    session: sessions.Session,
    decompressor: Decompressor,
    room: usize,
    window: [2][1 << 15]u8 = undefined,
    moves: usize = 0,
    text: [4096]u8 = undefined,
    size: usize = 0,
    failure: ?Failure = null,

    fn init(options: Options) Reader {
        return .{
            .room = options.room,
            .session = .init(.{
                .role = .client,
                .mode = .strict,
                .payload_size_max = 4000,
                .message_size_max = options.size_max,
                .message_frame_count_max = options.frame_count_max,
                .extensions = .{ .permessage_deflate = true },
                .checks_text = options.checks_text,
            }),
            .decompressor = .init(.{
                .direction = options.direction,
                .message_size_max = options.size_max,
                .checks_text = options.checks_text,
            }),
        };
    }

    fn feed(self: *Reader, frames: []const u8) !void {
        var buffer: [2000]u8 = undefined;
        @memcpy(buffer[0..frames.len], frames);
        var rest = buffer[0..frames.len];
        while (true) switch (self.session.receive(rest)) {
            .data => |frame| {
                rest = rest[frame.size..];
                const piece = self.session.piece();
                const plain = if (piece.is_compressed) try self.inflate(piece, frame.payload) orelse return else frame.payload;
                @memcpy(self.text[self.size..][0..plain.len], plain);
                self.text[self.size + plain.len] = '|';
                self.size += plain.len + 1;
            },
            .failure => |failure| {
                self.failure = failure;
                return;
            },
            .need_more, .ended => return,
            else => unreachable,
        };
    }

    fn inflate(self: *Reader, piece: @import("../message/message.zig").Piece, payload: []const u8) !?[]const u8 {
        const static = struct {
            var tables: inflate_tables = undefined;
            var out: [2000]u8 = undefined;
        };
        var room = self.room;
        self.decompressor.begin(piece, payload);
        while (true) : (room += 1) switch (self.decompressor.run(&static.tables, static.out[0..room])) {
            .need_room => {},
            .plain => |size| {
                const needed = self.decompressor.windowSize(size);
                if (needed > self.decompressor.window().len) {
                    self.moves += 1;
                    self.decompressor.moveWindow(self.window[self.moves % 2][0..needed]);
                }
                self.decompressor.keep(static.out[0..size]);
                return static.out[0..size];
            },
            .failure => |failure| {
                const event = self.session.fail(failure);
                self.failure = event.failure;
                try expectEqualStrings(failure.message(), self.session.answer(event).?.payload[2..]);
                return null;
            },
        };
    }

    fn all(self: *const Reader) []const u8 {
        return self.text[0..self.size];
    }
};
const inflate_tables = inflate.Tables;

const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"; // RFC 7692 7.2.3.1

fn expectPlain(options: Options, frames: []const u8, wanted: []const u8) !void {
    for ([_]usize{ 0, 1, options.room }) |room| {
        var with = options;
        with.room = room;
        var reader: Reader = .init(with);
        try reader.feed(frames);
        try expectEqualStrings(wanted, reader.all());
        try expectEqual(null, reader.failure);
    }
}

fn expectFailure(options: Options, frames: []const u8, wanted: Failure) !void {
    for ([_]usize{ 0, 1, options.room }) |room| {
        var with = options;
        with.room = room;
        var reader: Reader = .init(with);
        try reader.feed(frames);
        try expectEqual(wanted, reader.failure.?);
        try reader.feed("\x82\x01z"); // nothing is received any more
        try expect(!std.mem.endsWith(u8, reader.all(), "z|"));
    }
}

test "whole messages, compressed or not, in one connection" {
    const stream = "\xc1\x07" ++ hello ++ "\x81\x02ok" ++ "\xc2\x05\xf2\x00\x11\x00\x00" ++ "\xc1\x01\x00" ++ "\xc1\x00";
    try expectPlain(.{}, stream, "Hello|ok|Hello|||");
}

test "a message in fragments cut in the middle of a symbol, with an empty one, and a control frame between" {
    try expectPlain(.{}, "\x41\x03\xf2\x48\xcd" ++ "\x00\x00" ++ "\x00\x02\xc9\xc9" ++ "\x80\x02\x07\x00", "He||ll|o|");
    try expectPlain(.{}, "\x41\x03\xf2\x48\xcd" ++ "\x80\x04\xc9\xc9\x07\x00", "He|llo|");
}

test "RSV1 is on the first frame alone" {
    try expectFailure(.{}, "\x41\x03\xf2\x48\xcd" ++ "\xc0\x04\xc9\xc9\x07\x00", .reserved_bits);
    try expectFailure(.{}, "\x01\x01a" ++ "\xc0\x04\xc9\xc9\x07\x00", .reserved_bits);
    try expectFailure(.{}, "\xc9\x00", .reserved_bits);
}

test "a message of exactly the limit passes, one byte more is 1009" {
    try expectPlain(.{ .size_max = 5 }, "\xc1\x07" ++ hello, "Hello|");
    try expectFailure(.{ .size_max = 4 }, "\xc1\x07" ++ hello, .message_too_big);
    try expectFailure(.{ .size_max = 0 }, "\xc1\x07" ++ hello, .message_too_big);
    try expectPlain(.{ .size_max = 0 }, "\xc1\x01\x00", "|");
    const fragments = "\x41\x03\xf2\x48\xcd" ++ "\x00\x02\xc9\xc9" ++ "\x80\x02\x07\x00";
    try expectPlain(.{ .size_max = 5 }, fragments, "He|ll|o|");
    try expectFailure(.{ .size_max = 4 }, fragments, .message_too_big);
}

test "more on the wire than the message could ever have, and too many fragments, are refused before they are inflated" {
    var frame: [4 + 1031]u8 = @splat(0);
    frame[0..4].* = "\xc2\x7e\x04\x07".*;
    try expectFailure(.{ .size_max = 5 }, &frame, .message_too_big);
    try expectFailure(.{ .frame_count_max = 2 }, "\x41\x01\xf2" ++ "\x00\x01\x48" ++ "\x80\x05\xcd\xc9\xc9\x07\x00", .too_many_fragments);
}

test "bytes that cannot be inflated, and a message that ends inside a block" {
    try expectFailure(.{}, "\xc1\x01\x06", .bad_data);
    try expectFailure(.{}, "\xc1\x04\xf2\x00\x11\x00", .bad_data); // refers to what is not there
    try expectFailure(.{}, "\xc1\x02\xf2\x48", .cut_data);
    try expectFailure(.{}, "\x41\x02\xf2\x48" ++ "\x80\x00", .cut_data);
}

test "text is checked when it is plain, if it is checked at all" {
    const euro = "\x00\x03\x00\xfc\xff\xe2\x82\xac\x00"; // stored
    try expectPlain(.{}, "\xc1\x09" ++ euro, "\xe2\x82\xac|");
    try expectPlain(.{}, "\x41\x07" ++ euro[0..7] ++ "\x80\x02" ++ euro[7..], "\xe2\x82|\xac|");
    const wrong = "\x00\x02\x00\xfd\xff\xe2\x82\x00";
    try expectFailure(.{}, "\xc1\x08" ++ wrong, .text_not_utf8); // ends inside a character
    try expectPlain(.{}, "\xc2\x08" ++ wrong, "\xe2\x82|");
    try expectPlain(.{ .checks_text = false }, "\xc1\x08" ++ wrong ++ "\x81\x01\xff", "\xe2\x82|\xff|");
    try expectFailure(.{}, "\x41\x07\x00\x01\x00\xfe\xff\xff\x00", .text_not_utf8); // before the message ends
    // One message's failure to end is no other's beginning.
    try expectPlain(.{}, "\xc2\x08" ++ wrong ++ "\xc1\x09" ++ euro, "\xe2\x82|\xe2\x82\xac|");
}

test "the window grows with what was received, and without context takeover there is none" {
    var reader: Reader = .init(.{});
    try reader.feed("\xc1\x07" ++ hello);
    try expectEqual(5, reader.decompressor.window().len);
    try reader.feed("\xc1\x05\xf2\x00\x11\x00\x00");
    try expectEqual(10, reader.decompressor.window().len);
    var alone: Reader = .init(.{ .direction = .{ .takeover = false } });
    try alone.feed("\xc1\x07" ++ hello ++ "\xc1\x07" ++ hello);
    try expectEqualStrings("Hello|Hello|", alone.all());
    try expectEqual(0, alone.decompressor.window().len);
    try alone.feed("\xc1\x05\xf2\x00\x11\x00\x00");
    try expectEqual(.bad_data, alone.failure.?);
}
