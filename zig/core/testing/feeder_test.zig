//! A receiver for the tests of the parser, as mean as the contract of `Parser.next` allows: bytes arrive in pieces, what
//! is left over moves to another place, and the old place is poisoned. It checks what holds for every call.

const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const Failure = @import("../frame/failure.zig").Failure;
const parsers = @import("../session/parser.zig");
const wire = @import("wire_test.zig");

const canary = 0xC5;
const margin = 16;
/// With more than this left over, only some calls move it: a test byte by byte should not copy gigabytes.
const always_moved_size_max = 2048;

/// `capacity` is the size of the longest stream.
pub fn Feeder(comptime capacity: usize) type {
    return struct {
        parser: parsers.Parser,
        /// The frames that came out, written down as unmasked frames.
        log: wire.Bytes(capacity) = .{},
        failure: ?Failure = null,
        /// What the last `need_more` said.
        wanted: usize = 2,
        calls: usize = 0,
        /// All that has arrived, as it was on the wire.
        stream: wire.Bytes(capacity) = .{},
        /// How much of the stream the frames in the log took.
        consumed: usize = 0,
        places: [2][capacity + 4 * margin]u8 = @splat(@splat(canary)),
        place: u1 = 0,
        /// Where the bytes in the place begin, and where the first one that is not consumed lies.
        base: usize = margin,
        start: usize = margin,

        const Self = @This();

        pub fn init(self: *Self, parser: parsers.Parser) void {
            self.* = .{ .parser = parser };
        }

        pub fn feedWhole(self: *Self, bytes: []const u8) !void {
            try self.feed(bytes);
        }

        pub fn feedByteByByte(self: *Self, bytes: []const u8) !void {
            for (bytes) |*byte| try self.feed(byte[0..1]);
        }

        pub fn feedRandomly(self: *Self, bytes: []const u8, random: std.Random) !void {
            const sizes_max = [_]usize{ 3, 20, 200, 5000, 100_000 };
            var rest = bytes;
            while (rest.len > 0) {
                const size_max = sizes_max[random.uintLessThan(usize, sizes_max.len)];
                const size = @min(rest.len, random.intRangeAtMost(usize, 1, size_max));
                try self.feed(rest[0..size]);
                rest = rest[size..];
            }
        }

        /// More bytes arrive; every frame that is complete by now goes to the log.
        pub fn feed(self: *Self, arrived: []const u8) !void {
            const left_over = self.stream.size - self.consumed;
            if (left_over <= always_moved_size_max or self.calls % 1009 == 0) self.move(left_over);
            const end = self.start + left_over;
            @memcpy(self.places[self.place][end..][0..arrived.len], arrived);
            self.stream.bytes(arrived);
            while (self.failure == null) {
                if (!try self.step()) break;
            }
            try self.expectNothingOutsideTouched();
        }

        /// One call of `next`. Whether it is worth another one.
        fn step(self: *Self) !bool {
            const wire_bytes = self.stream.slice()[self.consumed..];
            const bytes = self.places[self.place][self.start..][0..wire_bytes.len];
            self.calls += 1;
            switch (self.parser.next(bytes)) {
                .need_more => |size| {
                    try expect(size > bytes.len);
                    self.wanted = size;
                    return false;
                },
                .failure => |failure| {
                    self.failure = failure;
                    try self.expectSticky(bytes);
                    return false;
                },
                .frame => |frame| {
                    try expectInside(frame, bytes, wire_bytes);
                    const flags: u8 = @as(u4, @bitCast(frame.flags));
                    self.log.frame(flags * 16 + @backingInt(frame.opcode), frame.payload, null);
                    self.consumed += frame.size;
                    self.start += frame.size;
                    return true;
                },
            }
        }

        /// The payload is the end of the frame; nothing but the payload was written to.
        fn expectInside(frame: parsers.Frame, bytes: []const u8, wire_bytes: []const u8) !void {
            try expect(frame.size <= bytes.len and frame.payload.len + 2 <= frame.size);
            const header_size = frame.size - frame.payload.len;
            try expectEqual(bytes.ptr + header_size, frame.payload.ptr);
            try expect(std.mem.eql(u8, wire_bytes[0..header_size], bytes[0..header_size]));
            const tail_end = @min(bytes.len, frame.size + 300);
            try expect(std.mem.eql(u8, wire_bytes[frame.size..tail_end], bytes[frame.size..tail_end]));
        }

        /// A failure stays, whatever comes.
        fn expectSticky(self: *Self, bytes: []u8) !void {
            const failed: parsers.Result = .{ .failure = self.failure.? };
            var fine = "\x8A\x00\x8A\x80\x00\x00\x00\x00".*;
            try expectEqual(failed, self.parser.next(bytes));
            try expectEqual(failed, self.parser.next(bytes[0..0]));
            try expectEqual(failed, self.parser.next(fine[0..2]));
            try expectEqual(failed, self.parser.next(fine[2..8]));
        }

        /// To the other place, at another alignment. Outside of `base` to the end of the bytes all is canaries, always.
        fn move(self: *Self, size: usize) void {
            const old = self.places[self.place][self.base .. self.start + size];
            const left_over = old[self.start - self.base ..];
            self.place +%= 1;
            self.base = margin + self.calls % margin;
            self.start = self.base;
            @memcpy(self.places[self.place][self.start..][0..size], left_over);
            @memset(old, canary);
        }

        fn expectNothingOutsideTouched(self: *Self) !void {
            const end = self.start + self.stream.size - self.consumed;
            const here = &self.places[self.place];
            try expect(std.mem.allEqual(u8, here[0..self.base], canary));
            try expect(std.mem.allEqual(u8, here[end..][0..margin], canary));
            const there = self.places[self.place +% 1][0 .. 4 * margin];
            try expect(std.mem.allEqual(u8, there, canary));
        }
    };
}

/// The shortest bytes with a fault: `bad` is cut at the byte that gives it away. Frames before it come out, nothing does
/// after it, and that whole, byte by byte and with a tail.
pub fn expectFailureOnWire(parser: parsers.Parser, good: []const u8, bad: []const u8, failure: Failure) !void {
    var stream: wire.Bytes(1000) = .{};
    stream.bytes(good);
    stream.bytes(bad);
    const end = stream.size;
    stream.bytes("\x8A\x00\x8A\x80\x00\x00\x00\x00"); // what would be a PONG for either role

    const feeder = try std.testing.allocator.create(Feeder(1000));
    defer std.testing.allocator.destroy(feeder);
    feeder.init(parser);
    for (stream.slice()[0 .. end - 1]) |*byte| try feeder.feed(byte[0..1]);
    try expectEqual(null, feeder.failure);
    try feeder.feed(stream.slice()[end - 1 .. end]);
    try expectEqual(failure, feeder.failure);
    try expectEqual(good.len, feeder.consumed);
    const log = feeder.log;

    for ([_]usize{ end, stream.size }) |size| {
        feeder.init(parser);
        try feeder.feed(stream.slice()[0..size]);
        try expectEqual(failure, feeder.failure);
        try expectEqual(good.len, feeder.consumed);
        try expectEqualSlices(u8, log.storage[0..log.size], feeder.log.slice());
    }
}

/// The same for frames written down unmasked: they are masked if the parser is a server's. `good` are whole frames.
pub fn expectFailure(
    parser: parsers.Parser,
    good: []const []const u8,
    bad: []const u8,
    failure: Failure,
) !void {
    var good_stream: wire.Bytes(1000) = .{};
    var bad_stream: wire.Bytes(1000) = .{};
    for (good) |frame| appendFor(parser, &good_stream, frame);
    appendFor(parser, &bad_stream, bad);
    try expectFailureOnWire(parser, good_stream.slice(), bad_stream.slice(), failure);
}

fn appendFor(parser: parsers.Parser, stream: *wire.Bytes(1000), frame: []const u8) void {
    if (parser.role == .client) return stream.bytes(frame);
    const key = [4]u8{ 0x80, 0x01, 0x00, 0xFE };
    const header_size: usize = switch (frame[1]) {
        else => 2,
        126 => 4,
        127 => 10,
    };
    stream.byte(frame[0]);
    stream.byte(frame[1] + 128);
    stream.bytes(frame[2..header_size]);
    stream.bytes(&key);
    for (frame[header_size..], 0..) |byte, i| stream.byte(byte ^ key[i % 4]);
}
