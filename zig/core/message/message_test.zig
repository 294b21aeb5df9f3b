const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const Failure = @import("../frame/failure.zig").Failure;
const header = @import("../frame/header.zig");
const messages = @import("message.zig");
const Message = messages.Message;
const Opcode = @import("../frame/opcode.zig").Opcode;

const accepted: ?Failure = null;
const fin: header.Flags = .{ .fin = true };
const more: header.Flags = .{};
const deflate: messages.Extensions = .{ .permessage_deflate = true };

fn expectPiece(message: Message, opcode: Opcode, is_first: bool, is_last: bool, size: u64) !void {
    const wanted: messages.Piece = .{
        .opcode = opcode,
        .is_first = is_first,
        .is_last = is_last,
        .is_compressed = false,
        .size = size,
    };
    try expectEqual(wanted, message.piece());
}

test "each piece knows its message: type, first, last, size so far" {
    var message: Message = .{};
    try expectEqual(accepted, message.accept(.text, fin, 5));
    try expectPiece(message, .text, true, true, 5);
    try expectEqual(accepted, message.accept(.binary, more, 3));
    try expectPiece(message, .binary, true, false, 3);
    try expectEqual(accepted, message.accept(.continuation, more, 0));
    try expectPiece(message, .binary, false, false, 3);
    try expectEqual(accepted, message.accept(.ping, fin, 100));
    try expectEqual(accepted, message.accept(.continuation, fin, 4));
    try expectPiece(message, .binary, false, true, 7);
    try expectEqual(accepted, message.accept(.text, more, 0));
    try expectPiece(message, .text, true, false, 0);
}

test "a message of exactly the limit passes, one byte more does not" {
    for ([_]u64{ 0, 1, 10, 70_000 }) |size_max| {
        var message: Message = .{ .size_max = size_max };
        try expectEqual(accepted, message.accept(.text, fin, size_max));
        try expectEqual(accepted, message.accept(.binary, more, size_max));
        try expectEqual(accepted, message.accept(.continuation, more, 0));
        var other = message;
        try expectEqual(Failure.message_too_big, other.accept(.continuation, fin, 1));
        try expectEqual(accepted, message.accept(.continuation, fin, 0));
        try expectEqual(Failure.message_too_big, message.accept(.binary, fin, size_max + 1));
    }
}

test "sizes that no 64 bits can add up are refused" {
    var message: Message = .{ .size_max = std.math.maxInt(u64) - 1 };
    const large = std.math.maxInt(u63);
    try expectEqual(accepted, message.accept(.binary, more, large));
    try expectEqual(accepted, message.accept(.continuation, more, large));
    try expectEqual(Failure.message_too_big, message.accept(.continuation, more, large));
}

test "a message has as many frames as the limit says, control frames and other messages not counted" {
    var message: Message = .{ .frame_count_max = 3 };
    for (0..5) |_| {
        try expectEqual(accepted, message.accept(.text, more, 0));
        try expectEqual(accepted, message.accept(.continuation, more, 0));
        for (0..5) |_| try expectEqual(accepted, message.accept(.ping, fin, 0));
        try expectEqual(accepted, message.accept(.continuation, fin, 0));
    }
    try expectEqual(accepted, message.accept(.text, more, 0));
    for (0..2) |_| try expectEqual(accepted, message.accept(.continuation, more, 0));
    try expectEqual(Failure.too_many_fragments, message.accept(.continuation, fin, 0));
}

test "without an extension no reserved bit is allowed" {
    for (1..8) |bits| {
        for ([_]Opcode{ .text, .binary, .ping, .close }) |opcode| {
            var message: Message = .{};
            const flags: header.Flags = @bitCast(@as(u4, @intCast(8 + bits)));
            try expectEqual(Failure.reserved_bits, message.accept(opcode, flags, 0));
        }
    }
}

test "with permessage-deflate RSV1 may be on the first frame of a message alone" {
    const marked: header.Flags = .{ .rsv1 = true };
    var message: Message = .{ .extensions = deflate };
    try expectEqual(accepted, message.accept(.text, marked, 4));
    try expect(message.piece().is_compressed and message.piece().opcode == .text);
    try expect(!message.isPlainText());
    for ([_]Opcode{ .continuation, .ping, .pong, .close }) |opcode| {
        var other = message;
        try expectEqual(Failure.reserved_bits, other.accept(opcode, .{ .fin = true, .rsv1 = true }, 0));
    }
    try expectEqual(accepted, message.accept(.continuation, fin, 4));
    try expect(message.piece().is_compressed and message.piece().is_last);
    try expectEqual(accepted, message.accept(.text, fin, 4));
    try expect(message.isPlainText());
    for (1..4) |bits| {
        const flags: header.Flags = @bitCast(@as(u4, @intCast(8 + 4 + bits)));
        try expectEqual(Failure.reserved_bits, message.accept(.binary, flags, 0));
    }
}

test "a compressed message may be a little larger on the wire than the limit" {
    const marked: header.Flags = .{ .fin = true, .rsv1 = true };
    for ([_]u64{ 0, 100, 1 << 20 }) |size_max| {
        var message: Message = .{ .extensions = deflate, .size_max = size_max };
        try expectEqual(accepted, message.accept(.binary, marked, size_max + size_max / 64 + 1024));
        try expectEqual(Failure.message_too_big, message.accept(.binary, marked, size_max + size_max / 64 + 1025));
    }
}

test "the short cut takes a whole message as the long way does, and nothing else" {
    for (0..256) |byte| {
        const first: header.First = @bitCast(@as(u8, @intCast(byte)));
        if (first.opcode != .text and first.opcode != .binary) continue;
        for ([_]bool{ false, true }) |is_open| {
            for ([_]u64{ 0, 9, 10, 11 }) |size| {
                var short: Message = .{ .extensions = deflate, .size_max = 10 };
                if (is_open) try expectEqual(accepted, short.accept(.text, more, 10));
                var long = short;
                const before = short;
                const result = long.accept(first.opcode, first.flags, size);
                const is_whole = byte & 0xF0 == 0x80 and !is_open and size <= 10;
                try expectEqual(is_whole, short.acceptWhole(first, size));
                try expectEqual(if (is_whole) long else before, short);
                if (is_whole) try expectEqual(accepted, result);
            }
        }
    }
}
