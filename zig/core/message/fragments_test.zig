const std = @import("std");
const expectEqual = std.testing.expectEqual;
const Failure = @import("../frame/failure.zig").Failure;
const Fragments = @import("fragments.zig").Fragments;
const Opcode = @import("../frame/opcode.zig").Opcode;

const accepted: ?Failure = null;

test "whole messages one after the other" {
    var fragments: Fragments = .{};
    try expectEqual(accepted, fragments.accept(.text, true));
    try expectEqual(accepted, fragments.accept(.binary, true));
    try expectEqual(accepted, fragments.accept(.text, true));
}

test "a message in fragments, and then the next one" {
    var fragments: Fragments = .{};
    try expectEqual(accepted, fragments.accept(.text, false));
    try expectEqual(accepted, fragments.accept(.continuation, false));
    try expectEqual(accepted, fragments.accept(.continuation, true));
    try expectEqual(accepted, fragments.accept(.binary, false));
    try expectEqual(accepted, fragments.accept(.continuation, true));
}

test "a CONTINUATION needs a message to continue" {
    for ([_]bool{ false, true }) |fin| {
        var fragments: Fragments = .{};
        try expectEqual(Failure.unexpected_continuation, fragments.accept(.continuation, fin));
        try expectEqual(accepted, fragments.accept(.text, true));
        try expectEqual(Failure.unexpected_continuation, fragments.accept(.continuation, fin));
        try expectEqual(accepted, fragments.accept(.binary, false));
        try expectEqual(accepted, fragments.accept(.continuation, true));
        try expectEqual(Failure.unexpected_continuation, fragments.accept(.continuation, fin));
    }
}

test "a message has to be finished before the next one" {
    for ([_]Opcode{ .text, .binary }) |first| {
        for ([_]Opcode{ .text, .binary }) |second| {
            for ([_]bool{ false, true }) |fin| {
                var fragments: Fragments = .{};
                try expectEqual(accepted, fragments.accept(first, false));
                try expectEqual(Failure.unfinished_message, fragments.accept(second, fin));
                // Nothing has changed: the first message can still be finished.
                try expectEqual(accepted, fragments.accept(.continuation, true));
            }
        }
    }
}

test "control frames stand anywhere and change nothing" {
    for ([_]Opcode{ .ping, .pong, .close }) |control| {
        var fragments: Fragments = .{};
        try expectEqual(accepted, fragments.accept(control, true));
        try expectEqual(Failure.unexpected_continuation, fragments.accept(.continuation, true));
        try expectEqual(accepted, fragments.accept(.text, false));
        try expectEqual(accepted, fragments.accept(control, true));
        try expectEqual(Failure.unfinished_message, fragments.accept(.binary, true));
        try expectEqual(accepted, fragments.accept(.continuation, true));
    }
}
