//! The kernels that this CPU has, at every alignment, and between pages that may not be touched. The root of the test
//! takes the place of select.zig and sees the modules that it sees.
const std = @import("std");
const builtin = @import("builtin");
const mask = @import("core").mask;
const select = @import("select.zig");
const Level = select.Level;
const expectEqual = std.testing.expectEqual;

const key = [4]u8{ 0x01, 0x80, 0x5a, 0xff };

/// The template of the widest kernel, compiled for the oldest CPU: its logic is tested on CPUs that have no AVX-512.
fn widest(dst: [*]u8, src: [*]const u8, len: usize, k: [4]u8) void {
    mask.vector(64, dst, src, len, k);
}

/// The kernel of a level. What the target does not have passes, what this CPU does not have shows as a skipped test.
fn present(level: Level) error{SkipZigTest}!?mask.Kernel {
    const kernel = select.kernelFor(level) orelse return null;
    return if (@backingInt(level) <= @backingInt(select.detect())) kernel else error.SkipZigTest;
}

test "the widest kernel's logic" {
    try expectRight(widest);
}

test "the kernel of baseline" {
    try expectRight((try present(.baseline)).?);
}

test "the kernel of x86_64_v3" {
    if (try present(.x86_64_v3)) |kernel| try expectRight(kernel);
}

test "the kernel of x86_64_v4" {
    if (try present(.x86_64_v4)) |kernel| try expectRight(kernel);
}

/// Compares a kernel with the scalar one, which says what is right.
fn expectRight(kernel: mask.Kernel) !void {
    try expectRightInPlace(kernel);
    try expectRightCopy(kernel);
    try expectRightWhenLong(kernel);
    if (builtin.os.tag == .linux) try expectNothingElseTouched(kernel);
}

const length_max = 300;
const alignments = 64;

/// A payload of any tested length at any tested alignment, with bytes around it that have to stay as they are.
const Arena = struct {
    bytes: [size]u8 align(alignments),

    const size = 2 * alignments + std.mem.alignForward(usize, length_max, alignments) + alignments;

    /// Different bytes for different seeds, and no period that a kernel could share.
    fn init(seed: u8) Arena {
        var arena: Arena = undefined;
        for (&arena.bytes, 0..) |*byte, at| byte.* = seed +% @as(u8, @truncate(at *% 131 +% at / 251));
        return arena;
    }

    fn payload(arena: *Arena, alignment: usize) [*]u8 {
        return arena.bytes[alignments + alignment ..].ptr;
    }
};

/// Every length at every alignment.
fn expectRightInPlace(kernel: mask.Kernel) !void {
    const before: Arena = .init(1);
    for (0..length_max + 1) |len| for (0..alignments) |alignment| {
        var expected = before;
        mask.scalar(expected.payload(alignment), expected.payload(alignment), len, key);
        var arena = before;
        kernel(arena.payload(alignment), arena.payload(alignment), len, key);
        try expectSame(&expected, &arena);
    };
}

/// Every length from and to every alignment.
fn expectRightCopy(kernel: mask.Kernel) !void {
    const before: Arena = .init(1);
    var source: Arena = .init(100);
    for (0..length_max + 1) |len| for (0..alignments) |to| {
        // All pairs of alignments with all lengths are too many. Lengths take turns with the pairs instead.
        for (0..4) |turn| {
            const from = (to + len + turn * alignments / 4) % alignments;
            var expected = before;
            mask.scalar(expected.payload(to), source.payload(from), len, key);
            var arena = before;
            kernel(arena.payload(to), source.payload(from), len, key);
            try expectSame(&expected, &arena);
        }
    };
    try expectSame(&.init(100), &source);
}

fn expectRightWhenLong(kernel: mask.Kernel) !void {
    const sizes = [_]usize{ 511, 512, 1023, 4096, 65535, 65536, 65537 };
    const Buffer = [sizes[sizes.len - 1] + alignments]u8;
    const memory = try std.testing.allocator.alloc(Buffer, 3);
    defer std.testing.allocator.free(memory);
    const source, const expected, const actual = .{ &memory[0], &memory[1], &memory[2] };
    for (source, 0..) |*byte, at| byte.* = @truncate(at *% 167 +% at / 256);
    for (sizes) |size| for ([_]usize{ 0, 1, 6, 14, 31, 63 }) |offset| {
        expected.* = source.*;
        mask.scalar(expected[offset..].ptr, expected[offset..].ptr, size, key);
        actual.* = source.*;
        kernel(actual[offset..].ptr, actual[offset..].ptr, size, key);
        try expectEqualBytes(expected, actual);
    };
}

/// No byte in front of the payload or behind it is read or written.
fn expectNothingElseTouched(kernel: mask.Kernel) !void {
    const from: GuardedPage = try .init();
    defer from.deinit();
    const to: GuardedPage = try .init();
    defer to.deinit();
    for (0..length_max + 1) |len| {
        // A read or a write outside of the page ends the test program.
        for ([_][]u8{ from.first(len), from.last(len) }) |source| {
            kernel(source.ptr, source.ptr, len, key);
            for ([_][]u8{ to.first(len), to.last(len) }) |target| kernel(target.ptr, source.ptr, len, key);
        }
    }
}

/// A page of memory between two that fault.
const GuardedPage = struct {
    mapping: []align(std.heap.page_size_min) u8,

    fn init() !GuardedPage {
        const size = std.heap.pageSize();
        const private: std.posix.MAP = .{ .TYPE = .PRIVATE, .ANONYMOUS = true };
        const mapping = try std.posix.mmap(null, 3 * size, .{}, private, -1, 0);
        const rc = std.os.linux.mprotect(mapping[size..].ptr, size, .{ .READ = true, .WRITE = true });
        try expectEqual(std.os.linux.E.SUCCESS, std.os.linux.errno(rc));
        return .{ .mapping = mapping };
    }

    fn deinit(self: GuardedPage) void {
        std.posix.munmap(self.mapping);
    }

    fn first(self: GuardedPage, len: usize) []u8 {
        return self.mapping[self.mapping.len / 3 ..][0..len];
    }

    fn last(self: GuardedPage, len: usize) []u8 {
        return self.mapping[2 * self.mapping.len / 3 - len ..][0..len];
    }
};

test "the chosen kernel is that of the detected level" {
    try expectEqual(select.kernelFor(select.detect()).?, select.maskKernel());
    try expectEqual(mask.baseline, select.kernelFor(.baseline).?);
}

test "every level of x86-64 has a kernel of its own, other targets have the baseline alone" {
    const v3 = select.kernelFor(.x86_64_v3);
    const v4 = select.kernelFor(.x86_64_v4);
    if (builtin.cpu.arch == .x86_64) {
        try std.testing.expect(v3.? != mask.baseline and v4.? != mask.baseline and v3.? != v4.?);
    } else {
        try expectEqual(null, v3);
        try expectEqual(null, v4);
        try expectEqual(Level.baseline, select.detect());
    }
}

test "each missing feature takes the level away" {
    try expectEqual(Level.x86_64_v4, select.levelOf(modern, savesAll));

    const v3_basic = [_]u5{ 0, 9, 12, 13, 19, 20, 22, 23, 26, 27, 28, 29 };
    for (v3_basic) |number| try expectLevelWithout(.baseline, "basic", "ecx", number);
    for ([_]u5{ 3, 5, 8 }) |number| try expectLevelWithout(.baseline, "structured", "ebx", number);
    for ([_]u5{ 0, 5 }) |number| try expectLevelWithout(.baseline, "extended", "ecx", number);
    for ([_]u5{ 16, 17, 28, 30, 31 }) |number| try expectLevelWithout(.x86_64_v3, "structured", "ebx", number);
    // A Skylake-X has all of x86_64_v4 but not VBMI2.
    try expectLevelWithout(.x86_64_v3, "structured", "ecx", 6);
}

test "vectors that the operating system does not save are not used" {
    const none = struct {
        fn xcr0() u32 {
            return 0b0000_0011; // x87 and XMM
        }
    }.xcr0;
    const ymm = struct {
        fn xcr0() u32 {
            return 0b0000_0111;
        }
    }.xcr0;
    const ymm_and_opmask = struct {
        fn xcr0() u32 {
            return 0b0010_0111;
        }
    }.xcr0;
    try expectEqual(Level.baseline, select.levelOf(modern, none));
    try expectEqual(Level.x86_64_v3, select.levelOf(modern, ymm));
    try expectEqual(Level.x86_64_v3, select.levelOf(modern, ymm_and_opmask));
}

test "XGETBV is not executed where the operating system does not allow it" {
    const forbidden = struct {
        fn xcr0() u32 {
            @panic("illegal instruction");
        }
    }.xcr0;
    var leaves = modern;
    leaves.basic.ecx &= ~(@as(u32, 1) << 27);
    try expectEqual(Level.baseline, select.levelOf(leaves, forbidden));
    try expectEqual(Level.baseline, select.levelOf(.{ .basic = .{}, .structured = .{}, .extended = .{} }, forbidden));
}

const everything: select.Registers = .{ .eax = ~@as(u32, 0), .ebx = ~@as(u32, 0), .ecx = ~@as(u32, 0), .edx = ~@as(u32, 0) };
const modern: select.Leaves = .{ .basic = everything, .structured = everything, .extended = everything };

fn savesAll() u32 {
    return 0b1110_0111;
}

fn expectLevelWithout(expected: Level, comptime leaf: []const u8, comptime register: []const u8, number: u5) !void {
    var leaves = modern;
    @field(@field(leaves, leaf), register) &= ~(@as(u32, 1) << number);
    try expectEqual(expected, select.levelOf(leaves, savesAll));
}

fn expectSame(expected: *const Arena, actual: *const Arena) !void {
    try expectEqualBytes(&expected.bytes, &actual.bytes);
}

/// std.testing.expectEqualSlices looks at one element after the other, too slow for millions of calls.
fn expectEqualBytes(expected: []const u8, actual: []const u8) !void {
    if (!std.mem.eql(u8, expected, actual)) try std.testing.expectEqualSlices(u8, expected, actual);
}
