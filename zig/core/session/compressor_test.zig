const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const compressors = @import("compressor.zig");
const Block = @import("../deflate/deflate.zig").Block;
const Compressor = compressors.Compressor;
const Decompressor = @import("decompressor.zig").Decompressor;
const Flags = @import("../frame/header.zig").Flags;
const inflate = @import("../deflate/inflate.zig");
const permessage = @import("../message/permessage.zig");

/// Too large for the stack.
const static = struct {
    var block: Block = undefined;
    var tables: inflate.Tables = undefined;
    var memory: [1 << 18]u8 align(2) = undefined;
    var out: [4096]u8 = undefined;
    var plain: [4096]u8 = undefined;
    var window: [1 << 15]u8 = undefined;
};

fn made(direction: permessage.Direction) Compressor {
    var self: Compressor = .{ .options = .{ .direction = direction, .level = 6, .threshold = 64 } };
    self.lend(static.memory[0..self.wantsMemory().?]);
    return self;
}

fn reader(direction: permessage.Direction) Decompressor {
    var self: Decompressor = .init(.{ .direction = direction, .message_size_max = 4096, .checks_text = true });
    self.moveWindow(&static.window);
    return self;
}

/// What the peer reads in a frame.
fn read(self: *Decompressor, payload: []const u8, is_first: bool, is_last: bool) ![]const u8 {
    self.begin(.{ .opcode = .text, .is_first = is_first, .is_last = is_last, .is_compressed = true, .size = 0 }, payload);
    const size = self.run(&static.tables, &static.plain).plain;
    self.keep(static.plain[0..size]);
    return static.plain[0..size];
}

test "messages from the threshold on are compressed; a wish decides otherwise" {
    var self = made(.{});
    try expect(!self.begin(.text, 63, null));
    try expect(self.begin(.text, 64, null));
    try expect(self.begin(.binary, 0, true));
    try expect(!self.begin(.binary, 1000, false));
}

test "the first frame of a message decides for all of it" {
    var self = made(.{});
    try expect(!self.begin(.text, 10, null));
    try expect(!self.begin(.continuation, 1000, true));
    try expect(self.begin(.text, 100, null));
    try expect(self.begin(.continuation, 1, false));
    try expect(!self.begin(.text, 1, null)); // the message before was never ended
    try expect(!self.begin(.continuation, 100, null));
}

test "memory is wanted once, and none before something is compressed" {
    var self: Compressor = .{ .options = .{ .direction = .{ .window_bits = 12 }, .level = 6, .threshold = 0 } };
    try expect(!self.begin(.text, 0, false));
    self.skip();
    const size = self.wantsMemory().?;
    try expect(size <= 16 * 1024);
    self.lend(static.memory[0..size]);
    try expectEqual(null, self.wantsMemory());
}

test "RSV1 marks the first frame" {
    try expectEqual(Flags{ .fin = true, .rsv1 = true }, Compressor.flags(.text, true));
    try expectEqual(Flags{ .rsv1 = true }, Compressor.flags(.binary, false));
    try expectEqual(Flags{}, Compressor.flags(.continuation, false));
    try expectEqual(Flags{ .fin = true }, Compressor.flags(.continuation, true));
}

test "a peer reads each frame when it is there, also behind a message that was never ended" {
    for ([_]bool{ true, false }) |takeover| {
        var self = made(.{ .takeover = takeover });
        var peer = reader(.{ .takeover = takeover });
        const text = "a message that is repeated, and repeated, and repeated again, as messages are";
        for (0..2) |_| {
            try expect(self.begin(.text, text.len, null));
            try expectEqualStrings(text, try read(&peer, self.compress(&static.block, text, false, &static.out), true, false));
            try expect(self.begin(.continuation, 3, null));
            try expectEqualStrings("end", try read(&peer, self.compress(&static.block, "end", true, &static.out), false, true));
        }
        try expect(self.begin(.text, text.len, null));
        _ = try read(&peer, self.compress(&static.block, text, false, &static.out), true, false);
        try expect(self.begin(.text, text.len, null));
        peer.receiver.is_open = false; // as a peer would that lets it pass
        const payload = self.compress(&static.block, text, true, &static.out);
        try expectEqual(takeover, payload.len < 20);
        try expectEqualStrings(text, try read(&peer, payload, true, true));
    }
}

test "behind a message that was compressed elsewhere nothing before it is referred to" {
    var self = made(.{ .window_bits = 9 });
    var peer = reader(.{ .window_bits = 9 });
    const text = "a message that is repeated, and repeated, and repeated again, as messages are";
    for (0..3) |_| {
        try expect(self.begin(.text, text.len, null));
        const payload = self.compress(&static.block, text, true, &static.out);
        try expectEqualStrings(text, try read(&peer, payload, true, true));
        try expect(payload.len > 20);
        try expectEqualStrings("", try read(&peer, "\x00", true, true));
        self.skip();
    }
}
