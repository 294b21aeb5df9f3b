//! Inflate, RFC 1951, for a stream that never ends: it may stop at any byte of input and of output and goes on there. No
//! allocation, and no byte is written for which there is no room.
//!
//! Memory. `Inflate` is what a connection keeps, half a kilobyte; `Tables` are needed during a call alone, so that one of
//! them serves all connections of a thread. The window is the caller's: see `keep`.
//!
//! Output. `run` appends to `out`, of which the first `size` bytes are what earlier calls have written there. Matches
//! reach into them, and behind them into the window. When `out` is to be used for something else, or read no further,
//! `keep` copies its end to the window; without a window it is forgotten.
//!
//! Invariant: distances are at most the window's size, and at most what was written, checked before a byte is read.

const std = @import("std");
const assert = std.debug.assert;
const format = @import("format.zig");
const BitReader = @import("bit_reader.zig").BitReader;
const decode_table = @import("decode_table.zig");
const History = @import("history.zig").History;
const symbols = @import("symbols.zig");

/// What a stream can have wrong, RFC 1951 3.2.
pub const Fault = enum {
    /// The type of a block is the reserved one.
    block_type,
    /// The size of a stored block is not the complement of its complement.
    stored_size,
    /// More symbols than there are, 3.2.7.
    symbol_count,
    /// A code is over-subscribed or incomplete, 3.2.2.
    code,
    /// A repeated code length has none in front of it, or is repeated too often.
    repeat,
    /// The block has no code for its own end.
    no_end_of_block,
    /// Bits that no symbol of the code has, or that of one which may not occur, 3.2.5 and 3.2.6.
    symbol,
    /// A match begins before the window does.
    distance,
};

pub const Status = enum {
    /// All of the input was taken in.
    need_input,
    /// A byte is to be written for which there is no room. The next call has the bytes that were not read.
    need_room,
    failure,
};

pub const Result = struct {
    status: Status,
    /// Bytes of the input that were taken in: all of them, if `need_input`.
    read: usize,
    /// Bytes of `out` that are written now.
    size: usize,
};

/// Of the block in hand. They are made anew where a call goes on in the middle of a block.
pub const Tables = struct {
    literals: decode_table.Table(.literals),
    distances: decode_table.Table(.distances),

    fn build(self: *Tables, literal_sizes: []const u8, distance_sizes: []const u8) error{BadCode}!void {
        try self.literals.build(literal_sizes);
        try self.distances.build(distance_sizes);
    }
};

const fixed_tables: Tables = tables: {
    @setEvalBranchQuota(20_000);
    var tables: Tables = undefined;
    tables.build(&format.fixed_literal_sizes, &format.fixed_distance_sizes) catch unreachable;
    break :tables tables;
};

/// What comes next.
const Step = enum { block, stored_size, stored, code_counts, code_lengths, sizes, fixed, dynamic, failed };

const sizes_max = format.literal_count + format.distance_count;

pub const Inflate = struct {
    history: History,
    step: Step = .block,
    /// The block in hand, or the one that just ended, is marked as the last one. For a message it is not, RFC 7692
    /// 7.2.3.4: the next one begins at the next byte.
    is_final: bool = false,
    /// Of a byte that was begun.
    bits: u64 = 0,
    bit_count: u8 = 0,
    /// What is left of a stored block.
    stored_left: u16 = 0,
    /// What is left of a match for which there was no room.
    match: symbols.Match = .{},
    fault: ?Fault = null,

    // The codes of a dynamic block, RFC 1951 3.2.7.
    literal_count: u16 = 0,
    distance_count: u8 = 0,
    code_length_count: u8 = 0,
    /// How many of `code_lengths`, then how many of `sizes`, are read.
    done: u16 = 0,
    code_lengths: [format.code_length_count]u8 = @splat(0),
    /// Those of literals and lengths, then those of distances.
    sizes: [sizes_max]u8 = undefined,

    /// `window` may be empty as long as nothing is kept.
    pub fn init(window_bits: u4, window: []u8) Inflate {
        assert(window_bits >= format.window_bits_min);
        return .{ .history = .{ .reach = @as(u16, 1) << window_bits, .ring = window } };
    }

    /// Inflates `in` behind `out[0..size]`.
    pub fn run(self: *Inflate, tables: *Tables, in: []const u8, out: []u8, size: usize) Result {
        assert(size <= out.len);
        var work: Work = .{
            .in = .{ .bytes = in, .bits = self.bits, .count = self.bit_count },
            .out = .{ .bytes = out, .size = size, .history = &self.history },
            .tables = tables,
        };
        // They were found good when the block began.
        if (self.step == .dynamic) self.buildTables(tables) catch unreachable;
        const status = while (true) {
            if (self.advance(&work)) |status| break status;
        };
        self.bits = work.in.pending();
        self.bit_count = @intCast(work.in.count);
        return .{ .status = status, .read = work.in.at, .size = work.out.size };
    }

    /// `written` is what `run` has written since the last call of this, and will not be given to it again. The window
    /// has to have room for `windowSize(written.len)` bytes.
    pub fn keep(self: *Inflate, written: []const u8) void {
        self.history.keep(written);
    }

    /// How large the window has to be, if `size` bytes more are to be kept: never more than its bits say.
    pub fn windowSize(self: *const Inflate, size: usize) usize {
        return self.history.sizeWith(size);
    }

    /// Goes over to a larger window, in other memory. The old one is free then.
    pub fn moveWindow(self: *Inflate, window: []u8) void {
        self.history.move(window);
    }

    /// Forgets the window, as a sender that uses no context takeover does, RFC 7692 7.1.1.
    pub fn forget(self: *Inflate) void {
        self.history.forget();
    }

    /// Whether the stream may end here: behind a block, at a whole byte.
    pub fn isBetweenBlocks(self: *const Inflate) bool {
        return self.step == .block and self.bit_count == 0;
    }

    /// Whether the block that just ended was marked as the last one.
    pub fn isBehindFinal(self: *const Inflate) bool {
        return self.isBetweenBlocks() and self.is_final;
    }

    const Work = struct {
        in: BitReader,
        out: symbols.Output,
        tables: *Tables,
    };

    /// Goes a step further, or says why it cannot.
    fn advance(self: *Inflate, work: *Work) ?Status {
        return switch (self.step) {
            .block => self.readBlock(&work.in),
            .stored_size => self.readStoredSize(&work.in),
            .stored => self.copyStored(work),
            .code_counts => self.readCodeCounts(&work.in),
            .code_lengths => self.readCodeLengths(&work.in),
            .sizes => self.readSizes(work),
            .fixed => self.readSymbols(work, &fixed_tables),
            .dynamic => self.readSymbols(work, work.tables),
            .failed => .failure,
        };
    }

    fn fail(self: *Inflate, fault: Fault) Status {
        @branchHint(.cold);
        self.step = .failed;
        self.fault = fault;
        return .failure;
    }

    /// RFC 1951 3.2.3.
    fn readBlock(self: *Inflate, in: *BitReader) ?Status {
        in.fill();
        if (in.count < 3) return .need_input;
        self.is_final = in.take(1) == 1;
        const block_type: format.BlockType = @fromBackingInt(@as(u2, @intCast(in.take(2))));
        switch (block_type) {
            .stored => {
                in.drop(in.count % 8); // 3.2.4: what is left of the byte is skipped
                self.step = .stored_size;
            },
            .fixed => self.step = .fixed,
            .dynamic => self.step = .code_counts,
            .reserved => return self.fail(.block_type),
        }
        return null;
    }

    /// RFC 1951 3.2.4.
    fn readStoredSize(self: *Inflate, in: *BitReader) ?Status {
        in.fill();
        if (in.count < 32) return .need_input;
        const word: u32 = @truncate(in.bits);
        in.drop(32);
        const size: u16 = @truncate(word);
        if (size != ~@as(u16, @intCast(word >> 16))) return self.fail(.stored_size);
        self.stored_left = size;
        self.step = .stored;
        return null;
    }

    fn copyStored(self: *Inflate, work: *Work) ?Status {
        const in = &work.in;
        while (self.stored_left > 0) {
            if (in.count == 0 and in.at == in.bytes.len) return .need_input;
            if (work.out.room() == 0) return .need_room;
            if (in.count > 0) { // whole bytes, as the block began with one
                work.out.append(&.{@truncate(in.bits)});
                in.drop(8);
                self.stored_left -= 1;
                continue;
            }
            in.bits = 0; // what follows is not read through it
            const left = in.bytes[in.at..];
            const size = @min(self.stored_left, left.len, work.out.room());
            work.out.append(left[0..size]);
            in.at += size;
            self.stored_left -= @intCast(size);
        }
        self.endBlock(in);
        return null;
    }

    /// RFC 1951 3.2.7: HLIT, HDIST and HCLEN.
    fn readCodeCounts(self: *Inflate, in: *BitReader) ?Status {
        in.fill();
        if (in.count < 14) return .need_input;
        self.literal_count = format.first_length + @as(u16, @intCast(in.take(5)));
        self.distance_count = 1 + @as(u8, @intCast(in.take(5)));
        self.code_length_count = 4 + @as(u8, @intCast(in.take(4)));
        // There are bits for two symbols more of either kind, which no stream may use.
        if (self.literal_count > format.literal_count or self.distance_count > format.distance_count) {
            return self.fail(.symbol_count);
        }
        self.done = 0;
        self.code_lengths = @splat(0);
        self.step = .code_lengths;
        return null;
    }

    fn readCodeLengths(self: *Inflate, in: *BitReader) ?Status {
        for (format.code_length_order[self.done..self.code_length_count]) |symbol| {
            if (in.count < 3) in.fill();
            if (in.count < 3) return .need_input;
            self.code_lengths[symbol] = @intCast(in.take(3));
            self.done += 1;
        }
        self.done = 0;
        self.step = .sizes;
        return null;
    }

    /// The sizes of both codes, as one list.
    fn readSizes(self: *Inflate, work: *Work) ?Status {
        var table: decode_table.Table(.code_lengths) = undefined;
        table.build(&self.code_lengths) catch return self.fail(.code);
        const in = &work.in;
        const total = self.literal_count + self.distance_count;
        while (self.done < total) {
            if (in.count < format.code_length_size_max + 7) in.fill();
            const entry = table.entries[in.peek(table.root_bits)];
            const symbol = entry.value;
            if (symbol < format.repeat_previous) {
                if (in.count < entry.code_bits) return .need_input;
                in.drop(entry.code_bits);
                self.sizes[self.done] = @intCast(symbol);
                self.done += 1;
                continue;
            }
            const repeat = format.repeat(symbol);
            if (in.count < @as(u32, entry.code_bits) + repeat.extra) return .need_input;
            in.drop(entry.code_bits);
            const size = repeat.base + in.take(repeat.extra);
            var repeated: u8 = 0;
            if (symbol == format.repeat_previous) {
                if (self.done == 0) return self.fail(.repeat);
                repeated = self.sizes[self.done - 1];
            }
            if (size > total - self.done) return self.fail(.repeat);
            @memset(self.sizes[self.done..][0..size], repeated);
            self.done += @intCast(size);
        }
        if (self.sizes[format.end_of_block] == 0) return self.fail(.no_end_of_block);
        self.buildTables(work.tables) catch return self.fail(.code);
        self.step = .dynamic;
        return null;
    }

    fn buildTables(self: *const Inflate, tables: *Tables) error{BadCode}!void {
        const literals, const distances = .{ self.literal_count, self.distance_count };
        return tables.build(self.sizes[0..literals], self.sizes[literals..][0..distances]);
    }

    fn readSymbols(self: *Inflate, work: *Work, tables: *const Tables) ?Status {
        if (!work.out.copy(&self.match)) return .need_room;
        switch (symbols.read(&work.in, &work.out, &tables.literals, &tables.distances, &self.match)) {
            .end_of_block => self.endBlock(&work.in),
            .need_input => return .need_input,
            .need_room => return .need_room,
            .bad_symbol => return self.fail(.symbol),
            .bad_distance => return self.fail(.distance),
        }
        return null;
    }

    fn endBlock(self: *Inflate, in: *BitReader) void {
        if (self.is_final) in.drop(in.count % 8);
        self.step = .block;
    }
};
