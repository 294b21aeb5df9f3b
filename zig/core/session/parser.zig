//! Frames out of the bytes of a connection: whole ones only, one a call, in order, unmasked where they lie. No copy, no
//! allocation, and nothing that a peer merely announces is believed before it is there.
//!
//! The reader's contract. The bytes given to `next` start at the first byte of a frame, and `next` answers with
//!   * `frame`: the next call starts `size` bytes further;
//!   * `need_more`: the next call gives the same bytes again, moved or not, with more behind them;
//!   * `failure`: the peer broke the protocol; every later call says so again.
//! Only the first frame is looked at: a fault in the second is found when its turn comes.
//!
//! Invariant: `progress` is null unless the header of the frame in hand was found good and its payload is incomplete.
//! Then it counts the bytes of the payload that were taken in already, that is unmasked, and checked if they are text.
//! So a large payload that arrives in pieces is walked once, and a header is judged once.

const std = @import("std");
const assert = std.debug.assert;
const close = @import("../frame/close.zig");
const Failure = @import("../frame/failure.zig").Failure;
const header = @import("../frame/header.zig");
const mask = @import("../frame/mask.zig");
const Message = @import("../message/message.zig").Message;
const opcodes = @import("../frame/opcode.zig");
const utf8 = @import("../text/utf8.zig");

pub const Frame = struct {
    opcode: opcodes.Opcode,
    flags: header.Flags,
    /// Unmasked, inside the bytes that were given.
    payload: []u8,
    /// Of the whole frame, header included.
    size: usize,
};

pub const Result = union(enum) {
    /// The size of the whole frame if its header is complete, else that of the header as far as it is known. Always
    /// more than were given. Only a hint for what to read, bounded by `Parser.payload_size_max`.
    need_more: usize,
    frame: Frame,
    failure: Failure,
};

/// Which TEXT a strict receiver holds to RFC 6455 8.1 by itself. What it leaves out is to be checked by who makes text of it.
pub const TextCheck = enum(u8) { all, fragments, none };

/// So that header and payload together always fit in usize, where that has 32 bits too.
const payload_size_addressable = std.math.maxInt(usize) - opcodes.header_size_max;

pub const Parser = struct {
    /// Ours: a server insists on masked frames, a client on unmasked ones.
    role: opcodes.Role,
    /// Whether the rules about reserved bits, fragments and UTF-8 hold too (RFC 6455 5.2, 5.4, 8.1).
    strict: bool = false,
    /// The largest payload of one frame.
    payload_size_max: u64,
    /// Only if strict: the message that frames belong to, with what was negotiated and how large it may be.
    message: Message = .{},
    /// Whether that about UTF-8 does too. Compressed text is for whoever inflates it to check.
    text_check: TextCheck = .all,
    /// Applies the masking key; a faster one for this CPU may be given.
    mask: mask.Kernel = mask.baseline,

    // State, not for callers.
    progress: ?usize = null,
    failed: ?Failure = null,
    /// Only if strict: where the TEXT message that is open stands. As new whenever none is.
    text: utf8.Validator = .{},

    pub fn next(self: *Parser, bytes: []u8) Result {
        return if (self.nextWhole(bytes)) |frame| .{ .frame = frame } else self.nextAny(bytes);
    }

    /// Short cut for what nearly all frames are: TEXT or BINARY of less than 64 KiB that is all there and, for a strict
    /// receiver, a whole message. Null if it is anything else or if anything is wrong with it: `nextAny` knows what.
    pub inline fn nextWhole(self: *Parser, bytes: []u8) ?Frame {
        if (bytes.len < 2 or self.progress != null or self.failed != null) return null;
        const first: header.First = @bitCast(bytes[0]);
        if (first.opcode != .text and first.opcode != .binary) return null;
        const key, const payload = header.splitWhole(bytes, self.role == .server) orelse return null;
        if (payload.len > self.payload_size_max) return null;
        if (self.strict and !self.message.acceptWhole(first, payload.len)) return null;
        if (key) |masking_key| self.mask(payload.ptr, payload.ptr, payload.len, masking_key); // RFC 6455 5.3
        if (self.strict and first.opcode == .text and self.text_check == .all and !utf8.isValid(payload)) { // RFC 6455 8.1
            self.failed = .text_not_utf8;
            return null;
        }
        return .{
            .opcode = first.opcode,
            .flags = first.flags,
            .payload = payload,
            .size = payload.ptr - bytes.ptr + payload.len,
        };
    }

    /// What `next` says of that for which there is no short cut.
    pub noinline fn nextAny(self: *Parser, bytes: []u8) Result {
        if (self.failed) |failure| return .{ .failure = failure };
        const head = switch (header.decode(bytes)) {
            .header => |head| head,
            .need_more => |size| return .{ .need_more = size },
            .failure => |failure| return self.fail(failure),
        };
        const done = self.progress orelse done: {
            if (self.checkHeader(head)) |failure| return self.fail(failure);
            break :done 0;
        };

        const header_size = head.size();
        const payload_size: usize = @intCast(head.payload_size); // checkHeader: it is addressable
        const arrived_size = @min(payload_size, bytes.len - header_size);
        assert(done <= arrived_size); // the caller gave the same bytes again
        const payload = bytes[header_size..][0..arrived_size];
        if (self.takeIn(head, done, payload[done..])) |failure| return self.fail(failure);
        if (arrived_size < payload_size) {
            self.progress = arrived_size;
            return .{ .need_more = header_size + payload_size };
        }
        self.progress = null;
        if (self.finish(head, payload)) |failure| return self.fail(failure);
        return .{ .frame = .{
            .opcode = head.opcode,
            .flags = head.flags,
            .payload = payload,
            .size = header_size + payload_size,
        } };
    }

    /// Everything that can be said about a frame before its payload is there. Called once a frame.
    fn checkHeader(self: *Parser, head: header.Header) ?Failure {
        if (!head.opcode.isKnown()) return .unknown_opcode; // RFC 6455 5.2
        if (head.opcode.isControl()) { // RFC 6455 5.5
            if (!head.flags.fin) return .fragmented_control;
            if (head.payload_size > opcodes.control_payload_size_max) return .oversized_control;
        }
        switch (self.role) { // RFC 6455 5.1
            .server => if (head.masking_key == null) return .unmasked_frame,
            .client => if (head.masking_key != null) return .masked_frame,
        }
        if (head.payload_size > @min(self.payload_size_max, payload_size_addressable)) return .frame_too_big;
        return if (self.strict) self.message.accept(head.opcode, head.flags, head.payload_size) else null; // RFC 6455 5.2, 5.4
    }

    /// Unmasks and checks the part of the payload that is new, `offset` bytes into it.
    fn takeIn(self: *Parser, head: header.Header, offset: usize, fresh: []u8) ?Failure {
        if (head.masking_key) |key| { // RFC 6455 5.3
            self.mask(fresh.ptr, fresh.ptr, fresh.len, mask.rotate(key, offset));
        }
        if (self.isText(head) and !self.text.feed(fresh)) return .text_not_utf8; // RFC 6455 8.1
        return null;
    }

    /// The rules that need the whole payload.
    fn finish(self: *Parser, head: header.Header, payload: []const u8) ?Failure {
        if (head.opcode == .close) switch (close.decode(payload)) {
            .close => {},
            .failure => |failure| return failure,
        };
        // RFC 6455 8.1: a message may not end inside a character. Between two characters the validator is as good as new.
        if (self.isText(head) and head.flags.fin and !self.text.isComplete()) return .text_not_utf8;
        return null;
    }

    /// Whether the payload is part of a TEXT message that has to be UTF-8. A control frame in the middle of one is not.
    fn isText(self: *const Parser, head: header.Header) bool {
        if (!self.strict or head.opcode.isControl() or !self.message.isPlainText()) return false;
        return switch (self.text_check) {
            .all => true,
            .fragments => !head.flags.fin or head.opcode == .continuation,
            .none => false,
        };
    }

    fn fail(self: *Parser, failure: Failure) Result {
        @branchHint(.cold);
        self.failed = failure;
        return .{ .failure = failure };
    }
};
