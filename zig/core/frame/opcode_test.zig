const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const opcodes = @import("opcode.zig");
const Opcode = opcodes.Opcode;

test "the numbers are those of RFC 6455 11.8" {
    const numbers = [_]struct { u4, Opcode }{
        .{ 0, .continuation }, .{ 1, .text }, .{ 2, .binary }, .{ 8, .close }, .{ 9, .ping }, .{ 10, .pong },
    };
    for (numbers) |pair| try expectEqual(pair[0], @backingInt(pair[1]));
}

test "every opcode is control or data, known or reserved" {
    for (0..16) |number| {
        const opcode: Opcode = @fromBackingInt(@as(u4, @intCast(number)));
        try expectEqual(number >= 8, opcode.isControl());
        const known = for ([_]usize{ 0, 1, 2, 8, 9, 10 }) |one| {
            if (one == number) break true;
        } else false;
        try expectEqual(known, opcode.isKnown());
    }
}

test "limits of the format" {
    try expectEqual(125, opcodes.control_payload_size_max);
    try expectEqual(14, opcodes.header_size_max);
}
