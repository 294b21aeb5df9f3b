//! UTF-8 (RFC 3629) as it arrives, for TEXT messages and CLOSE reasons (RFC 6455 8.1): a character may be cut anywhere,
//! and a wrong byte is noticed when it comes, not when the message ends.
const std = @import("std");

/// Where we are within a character. `ascii_or_lead` is between two characters; `invalid` is never left.
const State = enum {
    ascii_or_lead,
    one_more,
    two_more,
    three_more,
    after_e0,
    after_ed,
    after_f0,
    after_f4,
    invalid,

    /// RFC 3629 4, read as an automaton. The ranges of second bytes leave out what is longer than it need be (E0, F0),
    /// surrogates (ED) and what is above U+10FFFF (F4).
    fn next(state: State, byte: u8) State {
        return switch (state) {
            .ascii_or_lead => switch (byte) {
                0x00...0x7F => .ascii_or_lead,
                0xC2...0xDF => .one_more,
                0xE0 => .after_e0,
                0xE1...0xEC, 0xEE...0xEF => .two_more,
                0xED => .after_ed,
                0xF0 => .after_f0,
                0xF1...0xF3 => .three_more,
                0xF4 => .after_f4,
                else => .invalid,
            },
            .one_more => within(byte, 0x80, 0xBF, .ascii_or_lead),
            .two_more => within(byte, 0x80, 0xBF, .one_more),
            .three_more => within(byte, 0x80, 0xBF, .two_more),
            .after_e0 => within(byte, 0xA0, 0xBF, .one_more),
            .after_ed => within(byte, 0x80, 0x9F, .one_more),
            .after_f0 => within(byte, 0x90, 0xBF, .two_more),
            .after_f4 => within(byte, 0x80, 0x8F, .two_more),
            .invalid => .invalid,
        };
    }

    fn within(byte: u8, low: u8, high: u8, then: State) State {
        return if (low <= byte and byte <= high) then else .invalid;
    }

    /// Where the state lies in a `Row`.
    fn shift(state: State) u6 {
        return @as(u6, @backingInt(state)) * shift_bits;
    }
};

/// The automaton runs on one shift a byte: a row has for every state the next one, six bits each, and states are kept as
/// the number of bits to shift a row by. Nine states are 54 bits.
const Row = u64;
const shift_bits = 6;

const rows: [256]Row = rows: {
    @setEvalBranchQuota(100_000);
    var table: [256]Row = @splat(0);
    for (&table, 0..) |*row, byte| {
        for (std.enums.values(State)) |state| {
            row.* |= @as(Row, state.next(byte).shift()) << state.shift();
        }
    }
    break :rows table;
};

const between: u6 = State.ascii_or_lead.shift();
const invalid: u6 = State.invalid.shift();

pub const Validator = struct {
    state: u6 = between,

    /// False as soon as `bytes`, behind all that was fed before, have a byte that no UTF-8 text has in that place. Once
    /// false, always false.
    pub fn feed(self: *Validator, bytes: []const u8) bool {
        var state = self.state;
        var rest = bytes;
        while (rest.len >= chunk_size) : (rest = rest[chunk_size..]) {
            const chunk = rest[0..chunk_size];
            if (state == between and isAscii(chunk)) continue;
            for (chunk) |byte| state = step(state, byte);
        }
        for (rest) |byte| state = step(state, byte);
        self.state = state;
        return state != invalid;
    }

    /// True if the text may end here: no character is cut, and no byte was wrong.
    pub fn isComplete(self: Validator) bool {
        return self.state == between;
    }
};

pub fn isValid(bytes: []const u8) bool {
    var validator: Validator = .{};
    return validator.feed(bytes) and validator.isComplete();
}

inline fn step(state: u6, byte: u8) u6 {
    return @truncate(rows[byte] >> state);
}

const chunk_size = 32;

inline fn isAscii(chunk: *const [chunk_size]u8) bool {
    const bytes: @Vector(chunk_size, u8) = chunk.*;
    return @reduce(.Or, bytes) < 0x80;
}
