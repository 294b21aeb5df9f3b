//! Received data frames of a connection with permessage-deflate, made plain: whoever delivers frames passes those of compressed
//! messages through here, one after the other, and then treats them as any other. Memory is the caller's.
//!
//! For each `data` event whose `piece` is compressed: `begin`; `run` until it does not want more room; `keep` with what is
//! plain then, before anybody may write to it. A failure goes to `Session.fail`, and its event is treated as one of `receive`.
//! All frames of a connection pass through here or none, in order; those that are not compressed stay away.

const std = @import("std");
const assert = std.debug.assert;
const Failure = @import("../frame/failure.zig").Failure;
const inflate = @import("../deflate/inflate.zig");
const permessage = @import("../message/permessage.zig");
const Piece = @import("../message/message.zig").Piece;
const utf8 = @import("../text/utf8.zig");

pub const Options = struct {
    direction: permessage.Direction,
    /// The most bytes that a message may have when it is plain: that of the session, which can bound what is on the wire
    /// alone.
    message_size_max: u64,
    /// Whether TEXT has to be UTF-8, RFC 6455 8.1.
    checks_text: bool,
};

pub const Result = union(enum) {
    /// The payload is whole: so many bytes of `out`.
    plain: usize,
    /// All of `out` is written, and there is more. The next call gives more room, with the same bytes at its start.
    need_room,
    failure: Failure,
};

pub const Decompressor = struct {
    receiver: permessage.Receiver,
    checks_text: bool,
    // State, not for callers.
    text: utf8.Validator = .{},
    is_text: bool = false,
    /// The last frame of its message is in hand.
    is_last: bool = false,
    /// What is left of the payload in hand, and how much of `out` is written.
    rest: []const u8 = &.{},
    is_fed: bool = true,
    size: usize = 0,

    /// Without a window; see `windowSize`.
    pub fn init(options: Options) Decompressor {
        const size_max = std.math.lossyCast(usize, options.message_size_max);
        return .{ .receiver = .init(options.direction, size_max, &.{}), .checks_text = options.checks_text };
    }

    /// A frame with this payload, which stays where it is until `run` is done with it.
    pub fn begin(self: *Decompressor, piece: Piece, payload: []const u8) void {
        assert(piece.is_compressed);
        if (piece.is_first) {
            self.receiver.begin();
            self.text = .{};
            self.is_text = piece.opcode == .text;
        }
        self.is_last = piece.is_last;
        self.rest = payload;
        self.is_fed = false;
        self.size = 0;
    }

    /// Inflates into `out`, never more than the message may have.
    pub fn run(self: *Decompressor, tables: *inflate.Tables, out: []u8) Result {
        if (!self.is_fed) {
            const fed = self.receiver.feed(tables, self.rest, out, self.size);
            self.rest = self.rest[fed.read..];
            if (self.take(fed)) |result| return result;
            self.is_fed = true;
        }
        if (self.is_last) if (self.take(self.receiver.finish(tables, out, self.size))) |result| return result;
        return if (self.isValid(out[0..self.size])) .{ .plain = self.size } else .{ .failure = .text_not_utf8 };
    }

    /// What a step says, if it is not done.
    fn take(self: *Decompressor, step: permessage.Receiver.Result) ?Result {
        self.size = step.size;
        return switch (step.status) {
            .done => null,
            .need_room => .need_room,
            .failure => |failure| .{ .failure = failure },
        };
    }

    fn isValid(self: *Decompressor, plain: []const u8) bool {
        if (!self.checks_text or !self.is_text) return true;
        return self.text.feed(plain) and (!self.is_last or self.text.isComplete());
    }

    /// How large the window has to be for `keep`, if the payload has `size` bytes. It grows with what was received, up to
    /// what was agreed on; without context takeover it is wanted between fragments alone.
    pub fn windowSize(self: *const Decompressor, size: usize) usize {
        return self.receiver.windowSize(size);
    }

    /// How large it is.
    pub fn window(self: *const Decompressor) []u8 {
        return self.receiver.inflater.history.ring;
    }

    /// Goes over to a larger window, in other memory. The old one is free then.
    pub fn moveWindow(self: *Decompressor, memory: []u8) void {
        self.receiver.moveWindow(memory);
    }

    /// What `run` has made plain, which later messages may refer to.
    pub fn keep(self: *Decompressor, plain: []const u8) void {
        self.receiver.keep(plain);
    }
};
