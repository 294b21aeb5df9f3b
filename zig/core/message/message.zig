//! The message that frames belong to, as a strict receiver follows it: the order of its frames (RFC 6455 5.4), its
//! reserved bits (5.2; RFC 7692 6), and how much of it there may be (10.4). All of it is known from headers.
//!
//! Invariant: `size` and `frame_count` are those of the message that the last data frame belongs to, that frame included,
//! and within the limits unless it failed.

const std = @import("std");
const Failure = @import("../frame/failure.zig").Failure;
const Fragments = @import("fragments.zig").Fragments;
const header = @import("../frame/header.zig");
const Opcode = @import("../frame/opcode.zig").Opcode;

/// The extensions that the opening handshake has agreed upon. RFC 6455 9
pub const Extensions = packed struct(u8) {
    /// RSV1 on the first frame of a message says that its payloads are compressed. RFC 7692 6
    permessage_deflate: bool = false,
    _: u7 = 0,

    /// Whether a frame may have its reserved bits. RFC 6455 5.2; RFC 7692 6.1
    pub fn allow(self: Extensions, opcode: Opcode, flags: header.Flags) bool {
        if (flags.rsv2 or flags.rsv3) return false;
        return !flags.rsv1 or (self.permessage_deflate and (opcode == .text or opcode == .binary));
    }
};

/// What the sender of a data frame has said about its message with it.
pub const Piece = struct {
    /// TEXT or BINARY, for CONTINUATION frames too.
    opcode: Opcode,
    is_first: bool,
    is_last: bool,
    /// The payloads are compressed: whoever inflates them bounds what comes out, and checks whether TEXT is UTF-8.
    is_compressed: bool,
    /// Of the payloads of the message up to here, this one included, as they are on the wire.
    size: u64,
};

pub const Message = struct {
    extensions: Extensions = .{},
    /// The largest message: its payloads together.
    size_max: u64 = std.math.maxInt(u64),
    /// How many frames a message may have, 1 or more.
    frame_count_max: u32 = std.math.maxInt(u32),

    // State, not for callers.
    fragments: Fragments = .{},
    /// TEXT or BINARY.
    opcode: Opcode = .binary,
    is_compressed: bool = false,
    size: u64 = 0,
    frame_count: u32 = 0,

    /// Takes the header of the next frame, control frames included.
    pub fn accept(self: *Message, opcode: Opcode, flags: header.Flags, payload_size: u64) ?Failure {
        if (!self.extensions.allow(opcode, flags)) return .reserved_bits;
        if (opcode.isControl()) return null; // RFC 6455 5.4: may be injected in the middle of a message
        if (self.fragments.accept(opcode, flags.fin)) |failure| return failure;
        if (opcode == .continuation) return self.goOn(payload_size);
        self.opcode = opcode;
        self.is_compressed = flags.rsv1;
        self.size = payload_size;
        self.frame_count = 1;
        return if (payload_size > self.wireSizeMax()) .message_too_big else null;
    }

    fn goOn(self: *Message, payload_size: u64) ?Failure {
        if (payload_size > self.wireSizeMax() - self.size) return .message_too_big;
        if (self.frame_count >= self.frame_count_max) return .too_many_fragments;
        self.size += payload_size;
        self.frame_count += 1;
        return null;
    }

    /// What does not get smaller gets larger when it is compressed, by five bytes for 64 KiB or so. A message of
    /// exactly `size_max` bytes has to pass.
    fn wireSizeMax(self: *const Message) u64 {
        return if (self.is_compressed) self.size_max +| self.size_max / 64 +| 1024 else self.size_max;
    }

    /// Short cut of `accept` for a message that is one frame and not compressed. False, and nothing has changed, if it is
    /// something else or may not be.
    pub inline fn acceptWhole(self: *Message, first: header.First, payload_size: u64) bool {
        const is_plain = first.flags == header.Flags{ .fin = true };
        if (!is_plain or self.fragments.open or payload_size > self.size_max) return false;
        self.opcode = first.opcode;
        self.is_compressed = false;
        self.size = payload_size;
        self.frame_count = 1;
        return true;
    }

    /// Whether the payload of the data frame just accepted is text, to be checked as it is.
    pub fn isPlainText(self: *const Message) bool {
        return self.opcode == .text and !self.is_compressed;
    }

    /// Of the data frame just accepted.
    pub fn piece(self: *const Message) Piece {
        return .{
            .opcode = self.opcode,
            .is_first = self.frame_count == 1,
            .is_last = !self.fragments.open,
            .is_compressed = self.is_compressed,
            .size = self.size,
        };
    }
};
