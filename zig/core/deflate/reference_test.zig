//! Helps the tests of this folder: an inflater that reads RFC 1951 word for word, bit by bit, with all of its input and
//! output in memory. It shares no code with the one that it judges.

const std = @import("std");
const stream = @import("stream_test.zig");
const Fault = @import("inflate.zig").Fault;

pub const Outcome = struct {
    /// What was written, up to the end of the input or the fault.
    written: []u8,
    fault: ?Fault,
    /// The input ends behind a block, at a whole byte.
    is_between_blocks: bool,
    is_behind_final: bool,

    /// `output` has to be large enough.
    pub fn inflate(input: []const u8, window_bits: u4, output: []u8) Outcome {
        return Reference.inflate(input, window_bits, output);
    }
};

const Error = error{ EndOfInput, Failed };

const Reference = struct {
    input: []const u8,
    bit: usize = 0,
    output: []u8,
    size: usize = 0,
    reach: usize,
    fault: Fault = undefined,

    fn inflate(input: []const u8, window_bits: u4, output: []u8) Outcome {
        var self: Reference = .{ .input = input, .output = output, .reach = @as(usize, 1) << window_bits };
        var is_final = false;
        while (true) {
            const is_between = self.bit == 8 * input.len;
            is_final = self.readBlock() catch |err| return .{
                .written = output[0..self.size],
                .fault = if (err == error.Failed) self.fault else null,
                .is_between_blocks = is_between,
                .is_behind_final = is_between and is_final,
            };
            if (is_final) self.bit = (self.bit + 7) / 8 * 8;
        }
    }

    fn fail(self: *Reference, fault: Fault) Error {
        self.fault = fault;
        return error.Failed;
    }

    fn number(self: *Reference, count: usize) Error!usize {
        if (self.bit + count > 8 * self.input.len) return error.EndOfInput;
        var value: usize = 0;
        for (0..count) |i| {
            const one = self.input[self.bit / 8] >> @intCast(self.bit % 8) & 1;
            value |= @as(usize, one) << @intCast(i);
            self.bit += 1;
        }
        return value;
    }

    fn put(self: *Reference, byte: u8) void {
        self.output[self.size] = byte;
        self.size += 1;
    }

    fn readBlock(self: *Reference) Error!bool {
        const header = try self.number(3);
        switch (header >> 1) {
            0 => try self.readStored(),
            1 => try self.readSymbols(&.init(&stream.fixed_literals), &.init(&stream.fixed_distances)),
            2 => try self.readDynamic(),
            else => return self.fail(.block_type),
        }
        return header & 1 == 1;
    }

    fn readStored(self: *Reference) Error!void {
        self.bit = (self.bit + 7) / 8 * 8;
        const sizes = try self.number(32);
        if (sizes & 0xFFFF != (sizes >> 16) ^ 0xFFFF) return self.fail(.stored_size);
        for (0..sizes & 0xFFFF) |_| self.put(@intCast(try self.number(8)));
    }

    fn readDynamic(self: *Reference) Error!void {
        const counts = try self.number(14);
        const literal_count = 257 + (counts & 31);
        const distance_count = 1 + (counts >> 5 & 31);
        if (literal_count > 286 or distance_count > 30) return self.fail(.symbol_count);
        var code_lengths: [19]u8 = @splat(0);
        const order = [19]u8{ 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
        for (order[0 .. 4 + (counts >> 10)]) |symbol| code_lengths[symbol] = @intCast(try self.number(3));
        if (unused(&code_lengths) != 0) return self.fail(.code);
        const code: Code = .init(&code_lengths);

        var sizes: [316]u8 = undefined;
        var done: usize = 0;
        while (done < literal_count + distance_count) {
            const symbol = try self.readSymbol(&code);
            if (symbol < 16) {
                sizes[done] = @intCast(symbol);
                done += 1;
                continue;
            }
            const times = switch (symbol) {
                16 => 3 + try self.number(2),
                17 => 3 + try self.number(3),
                else => 11 + try self.number(7),
            };
            if (symbol == 16 and done == 0) return self.fail(.repeat);
            const size = if (symbol == 16) sizes[done - 1] else 0;
            for (0..times) |_| {
                if (done == literal_count + distance_count) return self.fail(.repeat);
                sizes[done] = size;
                done += 1;
            }
        }
        const literals, const distances = .{ sizes[0..literal_count], sizes[literal_count..][0..distance_count] };
        if (literals[256] == 0) return self.fail(.no_end_of_block);
        if (!mayBeUsed(literals) or !mayBeUsed(distances)) return self.fail(.code);
        return self.readSymbols(&.init(literals), &.init(distances));
    }

    fn readSymbols(self: *Reference, literals: *const Code, distances: *const Code) Error!void {
        while (true) {
            const symbol = try self.readSymbol(literals);
            if (symbol < 256) {
                self.put(@intCast(symbol));
                continue;
            }
            if (symbol == 256) return;
            if (symbol > 285) return self.fail(.symbol);
            const size = try self.lengthOf(symbol);
            const far = try self.readSymbol(distances);
            if (far > 29) return self.fail(.symbol);
            const distance = try self.distanceOf(far);
            if (distance > self.size or distance > self.reach) return self.fail(.distance);
            for (0..size) |_| self.put(self.output[self.size - distance]);
        }
    }

    /// The tables of RFC 1951 3.2.5, searched with the functions that read them the other way.
    fn lengthOf(self: *Reference, symbol: usize) Error!usize {
        var size: usize = 3;
        while (stream.lengthOf(size).symbol != symbol) size += 1;
        return size + try self.number(stream.lengthOf(size).extra_bits);
    }

    fn distanceOf(self: *Reference, symbol: usize) Error!usize {
        var distance: usize = 1;
        while (stream.distanceOf(distance).symbol != symbol) distance += 1;
        return distance + try self.number(stream.distanceOf(distance).extra_bits);
    }

    fn readSymbol(self: *Reference, code: *const Code) Error!usize {
        var read: usize = 0;
        var size: usize = 0;
        while (true) {
            read = 2 * read + try self.number(1);
            size += 1;
            for (code.sizes, 0..) |other, symbol| {
                if (other == size and code.codes[symbol] == read) return symbol;
            }
            if (size >= code.size_max) return self.fail(.symbol);
        }
    }
};

const Code = struct {
    sizes: []const u8,
    codes: [288]usize,
    size_max: usize,

    fn init(sizes: []const u8) Code {
        var code: Code = .{ .sizes = sizes, .codes = @splat(0), .size_max = std.mem.max(u8, sizes) };
        for (sizes, 0..) |size, symbol| {
            if (size > 0) code.codes[symbol] = stream.codeOf(sizes, symbol);
        }
        return code;
    }
};

/// How much of all strings of 15 bits begins with no code, in strings; negative if some begin with two.
fn unused(sizes: []const u8) i64 {
    var left: i64 = 1 << 15;
    for (sizes) |size| {
        if (size > 0) left -= @as(i64, 1) << @intCast(15 - size);
    }
    return left;
}

/// Complete, or with one symbol of one bit, or with none.
fn mayBeUsed(sizes: []const u8) bool {
    const left = unused(sizes);
    return left == 0 or left == 1 << 15 or (left == 1 << 14 and std.mem.max(u8, sizes) == 1);
}
