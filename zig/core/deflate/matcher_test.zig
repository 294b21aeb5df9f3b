const std = @import("std");
const Block = @import("block.zig").Block;
const Effort = @import("matcher.zig").Effort;
const Matcher = @import("matcher.zig").Matcher;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

const window_size = 256;
/// Too large for the stack.
const static = struct {
    var block: Block = undefined;
};

const Memory = struct {
    bytes: [window_size + 1024 + Matcher.spare]u8 = @splat(0),
    heads: [128]u16 = @splat(0),
    chain: [window_size]u16 = @splat(0),

    fn matcher(self: *Memory, is_chained: bool) Matcher {
        return .{
            .bytes = &self.bytes,
            .heads = &self.heads,
            .chain = if (is_chained) &self.chain else &.{},
            .window_size = window_size,
            .hash_shift = 32 - 7,
        };
    }
};

const lazy: Effort = .{ .depth = 16, .nice = 258, .lazy = 258 };
const greedy: Effort = .{ .depth = 16, .nice = 258 };
const fast: Effort = .{ .depth = 1, .nice = 258, .skip_after = 64 };

/// Takes `text` and makes symbols of all of it.
fn run(self: *Matcher, effort: Effort, text: []const u8) void {
    static.block.clear();
    var rest = text;
    while (rest.len > 0) {
        rest = rest[self.take(rest)..];
        while (self.at < self.end) self.run(effort, &static.block, self.end);
    }
}

/// What the symbols say, behind `before`.
fn spell(before: []const u8, buffer: []u8) []u8 {
    @memcpy(buffer[0..before.len], before);
    var size = before.len;
    for (static.block.symbols[0..static.block.count]) |symbol| {
        if (symbol.size == 0) {
            buffer[size] = @intCast(symbol.value);
            size += 1;
        } else for (0..symbol.size) |_| {
            buffer[size] = buffer[size - symbol.value];
            size += 1;
        }
    }
    return buffer[before.len..size];
}

test "the symbols say what went in, however long it is, and none reaches beyond the window" {
    var prng: std.Random.DefaultPrng = .init(0x77);
    const random = prng.random();
    var text: [5000]u8 = undefined;
    for (&text, 0..) |*byte, at| byte.* = if (at > 400 and random.uintLessThan(u8, 9) != 0)
        text[at - random.intRangeAtMost(usize, 200, 300)]
    else
        random.int(u8) & 3;
    for ([_]Effort{ lazy, greedy, fast }) |effort| {
        var memory: Memory = .{};
        var self = memory.matcher(effort.depth > 1);
        var at: usize = 0;
        while (at < text.len) {
            const size = @min(text.len - at, random.uintAtMost(usize, 2000));
            run(&self, effort, text[at..][0..size]);
            var buffer: [5000]u8 = undefined;
            try expectEqualSlices(u8, text[at..][0..size], spell(text[0..at], &buffer));
            for (static.block.symbols[0..static.block.count]) |symbol| try expect(symbol.size == 0 or symbol.value <= window_size);
            at += size;
        }
    }
}

test "a match as far away as the window is large is found, and one further away is not" {
    for ([_]usize{ window_size - 8, window_size - 7 }) |between| {
        for ([_]bool{ true, false }) |is_chained| {
            var memory: Memory = .{};
            var self = memory.matcher(is_chained);
            var text: [8 + window_size + 8]u8 = undefined;
            for (&text, 0..) |*byte, i| byte.* = @truncate(i);
            const at = 8 + between;
            @memcpy(text[at..][0..8], text[0..8]);
            run(&self, greedy, text[0 .. at + 8]);
            const last = static.block.symbols[static.block.count - 1];
            try expectEqual(if (at == window_size) @as(u16, 8) else 0, last.size);
        }
    }
}

test "a better match one byte later is waited for" {
    var memory: Memory = .{};
    var self = memory.matcher(true);
    const text = "abcde, bcdefghijk, abcdefghijk";
    run(&self, lazy, text);
    const last = static.block.symbols[static.block.count - 1];
    try expectEqual(10, last.size);
    try expectEqual('a', static.block.symbols[static.block.count - 2].value);

    self = memory.matcher(true);
    self.forget();
    run(&self, greedy, text);
    try expectEqual(5, static.block.symbols[static.block.count - 2].size + @as(u16, 0));
}

test "what was forgotten is not found" {
    for ([_]Effort{ lazy, greedy, fast }) |effort| {
        var memory: Memory = .{};
        var self = memory.matcher(effort.depth > 1);
        run(&self, effort, "what was there before");
        self.forget();
        run(&self, effort, "what was there before");
        try expectEqual("what was there before".len, static.block.count);
        run(&self, effort, "what was there before");
        try expectEqual(1, static.block.count);
    }
}

test "an index full of anything does no harm" {
    var prng: std.Random.DefaultPrng = .init(0x78);
    const random = prng.random();
    for (0..200) |_| {
        var memory: Memory = .{};
        random.bytes(std.mem.asBytes(&memory.heads));
        random.bytes(std.mem.asBytes(&memory.chain));
        for ([_]Effort{ lazy, greedy, fast }) |effort| {
            var self = memory.matcher(effort.depth > 1);
            self.origin = random.int(u16);
            var text: [300]u8 = undefined;
            for (&text) |*byte| byte.* = random.int(u8) & 1;
            run(&self, effort, &text);
            var buffer: [300]u8 = undefined;
            try expectEqualSlices(u8, &text, spell("", &buffer));
        }
    }
}
