//! What all fuzz targets share. A target is a function of bytes. The inputs worth keeping are the files in
//! fuzz/corpus/TARGET/, byte for byte: the fuzzer starts from them, and an ordinary test run checks each of them.

const std = @import("std");
const Smith = std.testing.Smith;

pub const input_size_max = 1024;

/// A settings byte and a seed, in front of the input of those targets that want them.
pub const Settings = struct {
    pub const size = 2;

    bits: u8,
    seed: u8,
    rest: []const u8,

    pub fn read(input: []const u8) Settings {
        if (input.len < size) return .{ .bits = 0, .seed = 0, .rest = "" };
        return .{ .bits = input[0], .seed = input[1], .rest = input[size..] };
    }
};

/// `fuzz` or check the corpus of `target`. Call it in a test of that name, in the repository's root.
pub fn run(comptime target: []const u8, comptime check: fn ([]const u8) anyerror!void) !void {
    const gpa = std.testing.allocator;
    const io = std.testing.io;
    var arena: std.heap.ArenaAllocator = .init(gpa);
    defer arena.deinit();
    const path = "fuzz/corpus/" ++ target;
    var dir = std.Io.Dir.cwd().openDir(io, path, .{ .iterate = true }) catch |err| {
        std.debug.print("no {s}: {t}; run the tests in the root of the repository\n", .{ path, err });
        return err;
    };
    defer dir.close(io);

    var entries: std.ArrayList([]const u8) = .empty;
    var files = dir.iterate();
    while (try files.next(io)) |file| {
        const input = try dir.readFileAlloc(io, file.name, arena.allocator(), .limited(input_size_max + 1));
        check(input) catch |err| {
            std.debug.print("{s}/{s} fails\n", .{ path, file.name });
            return err;
        };
        // As `Smith.slice` reads it: a length of 32 bits in front.
        var entry: std.ArrayList(u8) = .empty;
        try entry.ensureTotalCapacity(arena.allocator(), 4 + input.len);
        entry.appendSliceAssumeCapacity(&std.mem.toBytes(std.mem.nativeToLittle(u32, @intCast(input.len))));
        entry.appendSliceAssumeCapacity(input);
        try entries.append(arena.allocator(), entry.items);
    }
    try std.testing.expect(entries.items.len > 0);

    const one = struct {
        fn one(_: void, smith: *Smith) anyerror!void {
            var buffer: [input_size_max]u8 = undefined;
            try check(buffer[0..smith.slice(&buffer)]);
        }
    }.one;
    try std.testing.fuzz({}, one, .{ .corpus = entries.items });
}

/// Writes `input` to `buffer` with each byte from 0x80 on replaced by the piece of that number, so that a few bytes
/// say much. What does not fit is left out.
pub fn expand(input: []const u8, pieces: []const []const u8, buffer: []u8) []u8 {
    var size: usize = 0;
    for (input) |*byte| {
        const piece = if (byte.* >= 0x80 and byte.* - 0x80 < pieces.len) pieces[byte.* - 0x80] else byte[0..1];
        if (buffer.len - size < piece.len) break;
        @memcpy(buffer[size..][0..piece.len], piece);
        size += piece.len;
    }
    return buffer[0..size];
}

/// Input for `expand`: mostly pieces.
pub fn randomInput(random: std.Random, piece_count: u8, buffer: []u8) []u8 {
    const size = random.intRangeAtMost(usize, Settings.size, buffer.len);
    random.bytes(buffer[0..size]);
    for (buffer[Settings.size..size]) |*byte| {
        if (random.uintLessThan(u8, 20) != 0) byte.* = 0x80 + random.uintLessThan(u8, piece_count);
    }
    return buffer[0..size];
}
