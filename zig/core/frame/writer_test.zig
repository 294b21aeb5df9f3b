const std = @import("std");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const headers = @import("header.zig");
const mask = @import("mask.zig");
const Opcode = @import("opcode.zig").Opcode;
const wire = @import("../testing/wire_test.zig");
const writer = @import("writer.zig");

const size_max = 70000;
const canary = 0xAA;
const keys = [_]?[4]u8{ null, .{ 0x12, 0x00, 0xFF, 0x80 } };
const kernels = [_]mask.Kernel{ mask.scalar, mask.baseline };

/// What the payloads are cut from: no period of four, so that a key at the wrong offset shows.
fn fill(bytes: []u8) void {
    for (bytes, 0..) |*byte, i| byte.* = @truncate(i *% 31 +% i / 251);
}

const Fixture = struct {
    payload: [size_max]u8 = undefined,
    reference: wire.Bytes(size_max + 14) = .{},
    memory: [size_max + 64]u8 = undefined,

    fn create() !*Fixture {
        const self = try std.testing.allocator.create(Fixture);
        self.* = .{};
        fill(&self.payload);
        return self;
    }

    fn destroy(self: *Fixture) void {
        std.testing.allocator.destroy(self);
    }

    /// Memory of exactly `size` bytes, `margin` bytes into the canaries.
    fn clean(self: *Fixture, margin: usize, size: usize) []u8 {
        @memset(self.memory[0 .. margin + size + 16], canary);
        return self.memory[margin..][0..size];
    }

    fn expectUntouchedAround(self: *Fixture, margin: usize, size: usize) !void {
        for (self.memory[0..margin]) |byte| try expectEqual(canary, byte);
        for (self.memory[margin + size ..][0..16]) |byte| try expectEqual(canary, byte);
    }

    fn checkCopy(self: *Fixture, size: usize, key: ?[4]u8, kernel: mask.Kernel) !void {
        const payload = self.payload[0..size];
        self.reference.size = 0;
        self.reference.frame(0x82, payload, key);
        const frame = self.reference.slice();
        try expectEqual(frame.len, writer.frameSize(size, key != null));
        const dst = self.clean(16, frame.len);
        try expectEqual(frame.len, writer.copy(dst, .binary, .{ .fin = true }, payload, key, kernel));
        try expectEqualSlices(u8, frame, dst);
        try self.expectUntouchedAround(16, frame.len);
    }

    /// The bytes in front of the payload that are not header belong to somebody else.
    fn checkInFront(self: *Fixture, size: usize, key: ?[4]u8, kernel: mask.Kernel) !void {
        self.reference.size = 0;
        self.reference.frame(0x82, self.payload[0..size], key);
        const wanted = self.reference.slice();
        const memory = self.clean(16, wanted.len);
        const payload = memory[wanted.len - size ..];
        @memcpy(payload, self.payload[0..size]);
        const frame = writer.headerInFront(.binary, .{ .fin = true }, payload.ptr, size, key, kernel);
        try expectEqual(memory.ptr, frame.ptr);
        try expectEqualSlices(u8, wanted, frame);
        try self.expectUntouchedAround(16, wanted.len);
    }

    fn checkBoth(self: *Fixture, size: usize) !void {
        for (keys) |key| {
            for (kernels) |kernel| {
                try self.checkCopy(size, key, kernel);
                try self.checkInFront(size, key, kernel);
            }
        }
    }
};

test "every payload size up to 300, in both roles, in front and copied" {
    const fixture = try Fixture.create();
    defer fixture.destroy();
    for (0..301) |size| try fixture.checkBoth(size);
}

test "the sizes around a length of 64 bits" {
    const fixture = try Fixture.create();
    defer fixture.destroy();
    for ([_]usize{ 65534, 65535, 65536, 65537, size_max }) |size| try fixture.checkBoth(size);
}

test "every opcode and every flag, in front and copied" {
    const payload = "some payload";
    for (0..256) |first| {
        for (keys) |key| {
            var reference: wire.Bytes(32) = .{};
            reference.frame(@intCast(first), payload, key);
            const opcode: Opcode = @fromBackingInt(@as(u4, @intCast(first % 16)));
            const flags: headers.Flags = .{
                .fin = first & 128 != 0,
                .rsv1 = first & 64 != 0,
                .rsv2 = first & 32 != 0,
                .rsv3 = first & 16 != 0,
            };

            var dst: [32]u8 = undefined;
            const copied = writer.copy(&dst, opcode, flags, payload, key, mask.baseline);
            try expectEqualSlices(u8, reference.slice(), dst[0..copied]);

            var buffer: [14 + payload.len]u8 = undefined;
            @memcpy(buffer[14..], payload);
            const frame = writer.headerInFront(opcode, flags, buffer[14..], payload.len, key, mask.baseline);
            try expectEqualSlices(u8, reference.slice(), frame);
            try expectEqual(@as([*]u8, &buffer) + buffer.len, frame.ptr + frame.len);
        }
    }
}

test "copy leaves the payload as it was" {
    const payload = "a payload that somebody else still reads";
    var dst: [payload.len + 14]u8 = undefined;
    var source: [payload.len]u8 = payload.*;
    _ = writer.copy(&dst, .text, .{ .fin = true }, &source, .{ 1, 2, 3, 4 }, mask.baseline);
    try expectEqualSlices(u8, payload, &source);
}

test "a message alone says what its header is, FIN unless told otherwise" {
    const message: writer.Message = .{ .opcode = .pong, .payload_size = 3 };
    var buffer: [14]u8 = undefined;
    const size = headers.encode(message.header(.{ 1, 2, 3, 4 }), &buffer);
    try expectEqualSlices(u8, "\x8A\x83\x01\x02\x03\x04", buffer[0..size]);
}
