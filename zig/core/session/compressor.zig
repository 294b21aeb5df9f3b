//! Data frames that are sent on a connection with permessage-deflate: which messages are compressed, and what is in their frames.
//! Memory is the caller's.
//!
//! For each TEXT, BINARY and CONTINUATION that is sent: `begin` says whether it belongs to a compressed message. If so,
//! `compress` makes the payload of the frame, which has RSV1 if it is the first one, RFC 7692 6. Bytes that were compressed
//! have to be sent, in that order: the peer's window follows ours. So all that may refuse a frame comes before.

const std = @import("std");
const assert = std.debug.assert;
const Block = @import("../deflate/deflate.zig").Block;
const header = @import("../frame/header.zig");
const Opcode = @import("../frame/opcode.zig").Opcode;
const permessage = @import("../message/permessage.zig");

pub const Options = struct {
    direction: permessage.Direction,
    /// 1 is the fastest, 9 the smallest.
    level: u4,
    /// The smallest message that is compressed if nothing else is said; of one in fragments the first counts.
    threshold: usize,
};

pub const Compressor = struct {
    options: Options,
    /// Null as long as no memory was lent: see `wantsMemory`.
    sender: ?permessage.Sender = null,
    /// The message that was begun last is a compressed one.
    is_compressing: bool = false,

    /// Whether the payload of the data frame that is to be sent has to be compressed. `wish` says so for a message, in its
    /// first frame; null leaves it to the threshold.
    pub fn begin(self: *Compressor, opcode: Opcode, payload_size: usize, wish: ?bool) bool {
        assert(!opcode.isControl());
        if (opcode == .continuation) return self.is_compressing;
        // A message whose end was never sent is the peer's to refuse.
        if (self.sender) |*sender| sender.is_open = false;
        self.is_compressing = wish orelse (payload_size >= self.options.threshold);
        return self.is_compressing;
    }

    /// What has to be lent with `lend` before the first `compress`.
    pub fn wantsMemory(self: *const Compressor) ?usize {
        if (self.sender != null) return null;
        return permessage.Sender.memorySize(self.options.direction, self.options.level);
    }

    pub fn lend(self: *Compressor, memory: []align(@alignOf(u16)) u8) void {
        assert(self.sender == null);
        self.sender = .init(self.options.direction, self.options.level, memory);
    }

    /// Room that is always enough for the payload of a frame with `size` bytes.
    pub fn bound(size: usize) usize {
        return permessage.Sender.bound(size);
    }

    pub fn compress(self: *Compressor, block: *Block, payload: []const u8, is_last: bool, out: []u8) []u8 {
        assert(self.is_compressing);
        return self.sender.?.compress(block, payload, is_last, out);
    }

    /// Those of a frame that `compress` made the payload of.
    pub fn flags(opcode: Opcode, is_last: bool) header.Flags {
        return .{ .fin = is_last, .rsv1 = opcode != .continuation };
    }

    /// A message was sent that was compressed elsewhere, without a reference to what was before it. What the peer has in its
    /// window now is not what we have, so nothing before it is referred to any more.
    pub fn skip(self: *Compressor) void {
        if (self.sender) |*sender| {
            sender.is_open = false;
            sender.forget();
        }
    }
};
