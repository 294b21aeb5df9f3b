//! Compressed messages over a connection. What one side compresses the other reads, in whatever frames, room and windows; and
//! any frames at all are inflated as the reference does that sees a message whole, with the same limits, up to the same failure.
//!
//! Input: settings (bits 0 to 2: the window; bit 3: no context takeover; bit 4: a small limit; bit 5: little room; bit 6: what
//! follows is a stream for the reader, and no text), a seed for cuts and choices, text or stream.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const corpus = @import("../testing/corpus_fuzz.zig");
const deflate = @import("../deflate/deflate.zig");
const format = @import("../deflate/format.zig");
const inflate = @import("../deflate/inflate.zig");
const messages = @import("../message/message.zig");
const permessage = @import("../message/permessage.zig");
const reference = @import("../deflate/reference_test.zig");
const Compressor = @import("compressor.zig").Compressor;
const Decompressor = @import("decompressor.zig").Decompressor;
const Failure = @import("../frame/failure.zig").Failure;
const Opcode = @import("../frame/opcode.zig").Opcode;

/// Too large for the stack.
const static = struct {
    var block: deflate.Block = undefined;
    var tables: inflate.Tables = undefined;
    var memory: [2][1 << 18]u8 align(2) = undefined;
    var windows: [2][1 << format.window_bits_max]u8 = undefined;
    var out: [1 << 21]u8 = undefined;
    var compressed: [1 << 14]u8 = undefined;
    var wanted: [1 << 21]u8 = undefined;
};

const Reader = struct {
    decompressor: Decompressor,
    random: std.Random,
    room_max: usize,
    moves: usize = 0,

    /// The payload of a frame, with little room first and then more, or what is wrong with it.
    fn read(self: *Reader, piece: messages.Piece, payload: []const u8) !union(enum) { plain: []const u8, failure: Failure } {
        self.decompressor.begin(piece, payload);
        var room = self.random.uintAtMost(usize, self.room_max);
        while (true) : (room += self.random.intRangeAtMost(usize, 1, self.room_max)) {
            @memset(&static.tables.literals.entries, undefined); // other connections use them in between
            switch (self.decompressor.run(&static.tables, static.out[0..room])) {
                .need_room => {},
                .failure => |failure| return .{ .failure = failure },
                .plain => |size| {
                    try expect(size <= room);
                    // As large as needed, and no more: in another place every time.
                    const size_needed = self.decompressor.windowSize(size);
                    if (size_needed > self.decompressor.window().len) {
                        self.moves += 1;
                        self.decompressor.moveWindow(static.windows[self.moves % 2][0..size_needed]);
                    }
                    self.decompressor.keep(static.out[0..size]);
                    return .{ .plain = static.out[0..size] };
                },
            }
        }
    }
};

fn check(input: []const u8) !void {
    const settings: corpus.Settings = .read(input);
    const direction: permessage.Direction = .{
        .window_bits = @intCast(format.window_bits_min + (settings.bits & 7)),
        .takeover = settings.bits & 8 == 0,
    };
    var prng: std.Random.DefaultPrng = .init(settings.seed);
    var reader: Reader = .{
        .random = prng.random(),
        .room_max = if (settings.bits & 32 != 0) 7 else 3000,
        .decompressor = .init(.{
            .direction = direction,
            .message_size_max = if (settings.bits & 16 != 0) 50 else 1 << 20,
            .checks_text = false,
        }),
    };
    if (settings.bits & 64 == 0) try checkText(&reader, direction, settings.rest) else try checkStream(&reader, direction, settings.rest);
}

/// Messages of all sizes, some not compressed, some compressed for many, read as they were written.
fn checkText(reader: *Reader, direction: permessage.Direction, text: []const u8) !void {
    const random = reader.random;
    const level = random.intRangeAtMost(u4, deflate.level_min, deflate.level_max);
    var compressor: Compressor = .{ .options = .{ .direction = direction, .level = level, .threshold = 30 } };
    var alone = direction;
    alone.takeover = false;
    var shared: permessage.Sender = .init(alone, level, static.memory[1][0..permessage.Sender.memorySize(alone, level)]);
    reader.decompressor.receiver.size_max = 1 << 20;
    var at: usize = 0;
    var opcode: Opcode = .text;
    while (at < text.len) {
        const frame = text[at..][0..random.uintAtMost(usize, text.len - at)];
        at += @max(1, frame.len); // a byte is left out behind an empty frame
        const is_last = random.boolean();
        const piece: messages.Piece = .{
            .opcode = .text,
            .is_first = opcode == .text,
            .is_last = is_last,
            .is_compressed = true,
            .size = 0,
        };
        if (opcode == .text and is_last and random.uintLessThan(u8, 4) == 0) {
            const payload = shared.compress(&static.block, frame, true, &static.compressed);
            try expectEqualSlices(u8, frame, (try reader.read(piece, payload)).plain);
            compressor.skip();
            continue;
        }
        const wish = if (random.boolean()) null else @as(?bool, random.boolean());
        if (compressor.begin(opcode, frame.len, wish)) {
            if (compressor.wantsMemory()) |size| compressor.lend(static.memory[0][0..size]);
            const payload = compressor.compress(&static.block, frame, is_last, &static.compressed);
            try expect(payload.len <= Compressor.bound(frame.len));
            try expectEqualSlices(u8, frame, (try reader.read(piece, payload)).plain);
        }
        opcode = if (is_last) .text else .continuation;
    }
}

/// One message in frames that are cut anywhere, against the reference that has all of it.
fn checkStream(reader: *Reader, direction: permessage.Direction, stream: []const u8) !void {
    const random = reader.random;
    const limit = reader.decompressor.receiver.size_max;
    const is_last_sent = random.boolean();
    var whole: [corpus.input_size_max + format.sync_tail.len]u8 = undefined;
    const expected = reference.Outcome.inflate(withTail(stream, is_last_sent, direction, &whole), direction.window_bits, &static.wanted);
    var size: usize = 0;
    var fed: usize = 0;
    var is_first = true;
    while (true) {
        const payload = stream[fed..][0..random.uintAtMost(usize, stream.len - fed)];
        fed += payload.len;
        const is_last = fed == stream.len and is_last_sent;
        const result = try reader.read(.{
            .opcode = .binary,
            .is_first = is_first,
            .is_last = is_last,
            .is_compressed = true,
            .size = fed,
        }, payload);
        is_first = false;
        switch (result) {
            .plain => |plain| {
                try expect(size + plain.len <= @min(limit, expected.written.len));
                try expectEqualSlices(u8, expected.written[size..][0..plain.len], plain);
                size += plain.len;
                if (!is_last and fed < stream.len) continue;
                try expectEqual(null, expected.fault);
                try expectEqual(expected.written.len, size);
                if (is_last_sent) try expect(expected.is_between_blocks);
                return;
            },
            .failure => |failure| return switch (failure) {
                .message_too_big => try expect(expected.written.len > limit),
                .bad_data => try expect(expected.fault != null and expected.written.len <= limit),
                .cut_data => try expect(is_last and expected.fault == null and !expected.is_between_blocks),
                else => error.TestUnexpectedResult,
            },
        }
    }
}

/// What a receiver inflates of a message whose payloads are `stream`, RFC 7692 7.2.2: not of one that says nothing, nor behind
/// a final block, which peers send although they should not.
fn withTail(stream: []const u8, is_last_sent: bool, direction: permessage.Direction, whole: []u8) []const u8 {
    const is_behind_final = reference.Outcome.inflate(stream, direction.window_bits, &static.wanted).is_behind_final;
    if (!is_last_sent or stream.len == 0 or is_behind_final) return stream;
    @memcpy(whole[0..stream.len], stream);
    @memcpy(whole[stream.len..][0..format.sync_tail.len], &format.sync_tail);
    return whole[0 .. stream.len + format.sync_tail.len];
}

test "fuzz: compression" {
    try corpus.run("compression", check);
}

test "compression: texts with some repetition, and their streams with some bits turned over" {
    var prng: std.Random.DefaultPrng = .init(0x7692);
    const random = prng.random();
    var buffer: [corpus.input_size_max]u8 = undefined;
    for (0..1500) |_| {
        random.bytes(buffer[0..corpus.Settings.size]);
        const rest = buffer[corpus.Settings.size..];
        const size = random.uintAtMost(usize, 500);
        for (rest[0..size], 0..) |*byte, i| {
            byte.* = if (i > 20 and random.uintLessThan(u8, 8) != 0) rest[i - random.intRangeAtMost(usize, 1, 20)] else random.int(u8);
        }
        if (buffer[0] & 64 == 0) {
            try check(buffer[0 .. corpus.Settings.size + size]);
            continue;
        }
        const direction: permessage.Direction = .{ .window_bits = 8 };
        var sender: permessage.Sender = .init(direction, 6, static.memory[0][0..permessage.Sender.memorySize(direction, 6)]);
        const payload = sender.compress(&static.block, rest[0..size], true, &static.compressed);
        @memcpy(rest[0..payload.len], payload);
        for (0..random.uintLessThan(usize, 3)) |_| rest[random.uintLessThan(usize, payload.len)] ^= @as(u8, 1) << random.int(u3);
        try check(buffer[0 .. corpus.Settings.size + payload.len]);
    }
}
