const std = @import("std");
const deflate = @import("deflate.zig");
const format = @import("format.zig");
const inflate = @import("inflate.zig");
const reference = @import("reference_test.zig");
const Deflate = deflate.Deflate;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

/// Too large for the stack.
const static = struct {
    var block: deflate.Block = undefined;
    var memory: [1 << 18]u8 align(2) = undefined;
    var compressed: [1 << 21]u8 = undefined;
    var inflated: [1 << 21]u8 = undefined;
};

fn init(settings: deflate.Settings) Deflate {
    return .init(settings, static.memory[0..Deflate.memorySize(settings)]);
}

fn eachSetting(comptime check: fn (deflate.Settings) anyerror!void) !void {
    for (deflate.level_min..deflate.level_max + 1) |level| {
        for (format.window_bits_min..format.window_bits_max + 1) |bits| {
            try check(.{ .level = @intCast(level), .window_bits = @intCast(bits) });
        }
    }
}

/// Text in which there is something to find at every distance.
fn fill(random: std.Random, text: []u8) void {
    var at: usize = 0;
    while (at < text.len) {
        const size = @min(text.len - at, random.intRangeAtMost(usize, 1, 40));
        if (at == 0 or random.uintLessThan(u8, 3) == 0) {
            for (text[at..][0..size]) |*byte| byte.* = random.intRangeAtMost(u8, ' ', '~');
        } else {
            const distance = random.intRangeAtMost(usize, 1, @min(at, @as(usize, 1) << random.int(u4)));
            for (at..at + size) |i| text[i] = text[i - distance];
        }
        at += size;
    }
}

test "messages come back, at all levels, with all windows, with what was before them and without" {
    try eachSetting(struct {
        fn check(settings: deflate.Settings) !void {
            var prng: std.Random.DefaultPrng = .init(settings.level);
            const random = prng.random();
            var text: [70_000]u8 = undefined;
            fill(random, &text);
            var self = init(settings);
            var window: [1 << format.window_bits_max]u8 = undefined;
            var tables: inflate.Tables = undefined;
            // Its window is as large as promised: a distance beyond it is a fault.
            var peer: inflate.Inflate = .init(settings.window_bits, &window);
            for (0..8) |turn| {
                const start = random.uintAtMost(usize, 100);
                const message = text[start..][0..if (turn == 7) 69_000 else random.uintAtMost(usize, 400)];
                if (turn == 4) {
                    self.forget();
                    peer.forget();
                }
                const size = self.run(&static.block, message, &static.compressed, .message);
                static.compressed[size..][0..format.sync_tail.len].* = format.sync_tail;
                const result = peer.run(&tables, static.compressed[0 .. size + format.sync_tail.len], &static.inflated, 0);
                try expectEqual(null, peer.fault);
                try expectEqualSlices(u8, message, static.inflated[0..result.size]);
                try expect(peer.isBetweenBlocks());
                peer.keep(static.inflated[0..result.size]);
            }
        }
    }.check);
}

test "the message of RFC 7692 7.2.3.1, and that of 7.2.3.2 in a byte less" {
    var self = init(.{});
    const size = self.run(&static.block, "Hello", &static.compressed, .message);
    try expectEqualSlices(u8, "\xf2\x48\xcd\xc9\xc9\x07\x00", static.compressed[0..size]);
    const second = self.run(&static.block, "Hello", &static.compressed, .message);
    try expectEqualSlices(u8, "\x02\x13\x00\x00", static.compressed[0..second]);
    self.forget();
    const third = self.run(&static.block, "Hello", &static.compressed, .message);
    try expectEqualSlices(u8, "\xf2\x48\xcd\xc9\xc9\x07\x00", static.compressed[0..third]);
}

test "the empty message is one byte of zeros, RFC 7692 7.2.3.6" {
    var self = init(.{});
    for (0..2) |_| {
        try expectEqual(1, self.run(&static.block, "", &static.compressed, .message));
        try expectEqual(0, static.compressed[0]);
    }
    try expectEqual(5, self.run(&static.block, "", &static.compressed, .sync));
    try expectEqual(0, self.run(&static.block, "", &static.compressed, .none));
}

test "what another deflater sent can be referred to, however much it is" {
    for ([_]deflate.Settings{ .{ .level = 1, .window_bits = 9 }, .{ .level = 6, .window_bits = 9 } }) |settings| {
        for ([_]usize{ 0, 1, 3, 4, 100, 511, 512, 513, 2000, 9000 }) |size| {
            var prng: std.Random.DefaultPrng = .init(size);
            var text: [9000]u8 = undefined;
            prng.random().bytes(&text);
            var self = init(settings);
            _ = self.run(&static.block, "in front of it", &static.compressed, .message);
            self.enter(text[0..size]);
            const end = text[size - @min(size, 300) .. size];
            const written = self.run(&static.block, end, &static.compressed, .sync);
            if (end.len >= 100) try expect(written < end.len / 2);

            var window: [512]u8 = undefined;
            var tables: inflate.Tables = undefined;
            var peer: inflate.Inflate = .init(9, &window);
            peer.keep("in front of it");
            peer.keep(text[0..size]);
            const result = peer.run(&tables, static.compressed[0..written], &static.inflated, 0);
            try expectEqualSlices(u8, end, static.inflated[0..result.size]);
        }
    }
}

test "pieces of a message, each of which can be read, or not" {
    for ([_]deflate.Flush{ .none, .sync }) |flush| {
        var prng: std.Random.DefaultPrng = .init(5);
        var text: [30_000]u8 = undefined;
        fill(prng.random(), &text);
        var self = init(.{ .window_bits = 10 });
        var tables: inflate.Tables = undefined;
        var peer: inflate.Inflate = .init(10, &.{});
        var at: usize = 0;
        var read: usize = 0;
        while (at < text.len) {
            const size = @min(text.len - at, prng.random().uintAtMost(usize, 3000));
            const written = self.run(&static.block, text[at..][0..size], &static.compressed, flush);
            at += size;
            read = peer.run(&tables, static.compressed[0..written], &static.inflated, read).size;
            if (flush == .sync) try expectEqual(at, read) else try expect(read <= at);
        }
        const written = self.run(&static.block, "", &static.compressed, .sync);
        read = peer.run(&tables, static.compressed[0..written], &static.inflated, read).size;
        try expect(peer.isBetweenBlocks());
        try expectEqualSlices(u8, &text, static.inflated[0..read]);
    }
}

test "every end of a block within a byte, and then the tail" {
    for (0..32) |count| {
        var text: [32]u8 = @splat(0xFF); // nine bits each
        var self = init(.{});
        for (text[0..count], 0..) |*byte, i| byte.* = @truncate(0xFF - i);
        const size = self.run(&static.block, text[0..count], &static.compressed, .sync);
        try expectEqualSlices(u8, &format.sync_tail, static.compressed[size - 4 .. size]);
        const outcome: reference.Outcome = .inflate(static.compressed[0..size], 15, &static.inflated);
        try expect(outcome.is_between_blocks);
        try expectEqualSlices(u8, text[0..count], outcome.written);
    }
}

test "what cannot be made smaller fits its bound" {
    try eachSetting(struct {
        fn check(settings: deflate.Settings) !void {
            if (settings.window_bits % 7 != 1 and settings.level % 5 != 1) return;
            var prng: std.Random.DefaultPrng = .init(3);
            var noise: [150_000]u8 = undefined;
            prng.random().bytes(&noise);
            var self = init(settings);
            for ([_]usize{ 0, 1, 2, 63, 64, 65, 16_383, 16_384, 16_385, 65_535, 65_536, noise.len }) |size| {
                const out = static.compressed[0..Deflate.bound(size)];
                const written = self.run(&static.block, noise[0..size], out, .sync);
                try expect(written <= size + size / 1000 + 16);
                const outcome: reference.Outcome = .inflate(out[0..written], 15, &static.inflated);
                if (size < 100) try expectEqualSlices(u8, noise[0..size], outcome.written);
                self.forget();
            }
        }
    }.check);
}

test "all messages of up to four letters out of three" {
    var self = init(.{ .window_bits = 8 });
    var tables: inflate.Tables = undefined;
    var window: [256]u8 = undefined;
    var peer: inflate.Inflate = .init(8, &window);
    for (0..5) |size| {
        for (0..std.math.pow(usize, 3, size)) |number| {
            var text: [5]u8 = undefined;
            var left = number;
            for (text[0..size]) |*byte| {
                byte.* = 'a' + @as(u8, @intCast(left % 3));
                left /= 3;
            }
            const written = self.run(&static.block, text[0..size], &static.compressed, .sync);
            const result = peer.run(&tables, static.compressed[0..written], &static.inflated, 0);
            try expectEqualSlices(u8, text[0..size], static.inflated[0..result.size]);
            peer.keep(static.inflated[0..result.size]);
        }
    }
}

test "std reads it" {
    var prng: std.Random.DefaultPrng = .init(9);
    var text: [50_000]u8 = undefined;
    fill(prng.random(), &text);
    for (deflate.level_min..deflate.level_max + 1) |level| {
        var self = init(.{ .level = @intCast(level) });
        var size = self.run(&static.block, &text, &static.compressed, .sync);
        static.compressed[size..][0..5].* = .{ 1, 0, 0, 0xFF, 0xFF }; // the last block
        size += 5;
        var reader: std.Io.Reader = .fixed(static.compressed[0..size]);
        var decompress: std.compress.flate.Decompress = .init(&reader, .raw, &.{});
        var writer: std.Io.Writer = .fixed(&static.inflated);
        _ = try decompress.reader.streamRemaining(&writer);
        try expectEqualSlices(u8, &text, static.inflated[0..writer.end]);
    }
}

test "a higher level is not larger by more than a little" {
    var prng: std.Random.DefaultPrng = .init(11);
    var text: [60_000]u8 = undefined;
    fill(prng.random(), &text);
    var before: usize = text.len;
    for (deflate.level_min..deflate.level_max + 1) |level| {
        var self = init(.{ .level = @intCast(level) });
        const size = self.run(&static.block, &text, &static.compressed, .message);
        try expect(size < before + before / 50);
        before = size;
    }
}

test "memory follows from the settings" {
    // Level 1 has no chains; the rest is the window, a quarter more as room, and an index.
    try expectEqual(32768 + 8192 + 8 + 2 * 8192, Deflate.memorySize(.{ .level = 1, .window_bits = 15 }));
    try expectEqual(32768 + 8192 + 8 + 2 * (8192 + 32768), Deflate.memorySize(.{ .level = 6, .window_bits = 15 }));
    try expectEqual(4096 + 1024 + 8 + 2 * 2048, Deflate.memorySize(.{ .level = 1, .window_bits = 12 }));
    try expectEqual(4096 + 1024 + 8 + 2 * (1024 + 4096), Deflate.memorySize(.{ .level = 6, .window_bits = 12 }));
    try expect(@sizeOf(Deflate) < 200);
    try expect(@sizeOf(inflate.Inflate) < 600);
}
