//! Compressed messages, RFC 7692: what was agreed on, and messages in and out. Where RSV1 may be, and how many bytes and
//! frames a message may be sent in, is known from headers: message.zig.

const std = @import("std");
const assert = std.debug.assert;
const deflate = @import("../deflate/deflate.zig");
const Failure = @import("../frame/failure.zig").Failure;
const format = @import("../deflate/format.zig");
const inflate = @import("../deflate/inflate.zig");
const opcodes = @import("../frame/opcode.zig");

/// The messages of one side, RFC 7692 7.1.
pub const Direction = struct {
    /// No match reaches further back than two to the power of this.
    window_bits: u4 = format.window_bits_max,
    /// A message may refer to those before it.
    takeover: bool = true,
};

pub const Agreement = struct {
    client: Direction = .{},
    server: Direction = .{},

    /// What we, in that role, send.
    pub fn sending(self: Agreement, role: opcodes.Role) Direction {
        return if (role == .client) self.client else self.server;
    }

    pub fn receiving(self: Agreement, role: opcodes.Role) Direction {
        return if (role == .client) self.server else self.client;
    }
};

/// Compressed messages as they arrive. For each: `begin`; `feed` with the payload of every frame, in one or more pieces;
/// `finish` behind the last one. Messages that are not compressed stay away from it.
///
/// What is inflated goes to `out`, of which the first `size` bytes are what earlier calls for this message have written
/// there, as far as there is room. Before `out` is used for something else, in the middle of a message or behind it,
/// `keep` is called once with those bytes.
pub const Receiver = struct {
    inflater: inflate.Inflate,
    takeover: bool,
    /// The most bytes that a message may have.
    size_max: usize,
    is_open: bool = false,
    /// Of the message in hand: bytes that were kept, so that `out` does not have them any more.
    kept_size: usize = 0,
    /// A payload was not empty.
    has_data: bool = false,
    /// How much of the tail was fed.
    tail_size: u8 = 0,

    /// `window` may be empty; `windowSize` says when it must not be.
    pub fn init(direction: Direction, size_max: usize, window: []u8) Receiver {
        return .{
            .inflater = .init(direction.window_bits, window),
            .takeover = direction.takeover,
            .size_max = size_max,
        };
    }

    pub const Status = union(enum) {
        /// All of the payload was taken in, or the message is complete.
        done,
        /// There is more than `out` has room for. Call again with the rest of the payload.
        need_room,
        failure: Failure,
    };

    pub const Result = struct {
        status: Status,
        /// Bytes of the payload that were taken in.
        read: usize,
        /// Bytes of `out` that are written now.
        size: usize,
    };

    /// A message begins.
    pub fn begin(self: *Receiver) void {
        assert(!self.is_open);
        if (!self.takeover) self.inflater.forget();
        self.is_open = true;
        self.kept_size = 0;
        self.has_data = false;
        self.tail_size = 0;
    }

    pub fn feed(self: *Receiver, tables: *inflate.Tables, payload: []const u8, out: []u8, size: usize) Result {
        assert(self.is_open and self.tail_size == 0);
        if (payload.len > 0) self.has_data = true;
        return self.run(tables, payload, out, size);
    }

    /// All payloads were fed, RFC 7692 7.2.2. Behind `done` the message is complete; `read` is 0.
    pub fn finish(self: *Receiver, tables: *inflate.Tables, out: []u8, size: usize) Result {
        assert(self.is_open);
        var result: Result = .{ .status = .done, .read = 0, .size = size };
        if (self.needsTail()) {
            result = self.run(tables, format.sync_tail[self.tail_size..], out, size);
            self.tail_size += @intCast(result.read);
            result.read = 0;
            if (result.status != .done) return result;
            if (!self.inflater.isBetweenBlocks()) {
                result.status = .{ .failure = .cut_data };
                return result;
            }
        }
        self.is_open = false;
        return result;
    }

    /// Not behind what is no compressed message in the sense of RFC 7692 7.2.1, but is sent: nothing at all for an empty
    /// one, and a final block without an empty one behind it.
    fn needsTail(self: *const Receiver) bool {
        return self.tail_size > 0 or (self.has_data and !self.inflater.isBehindFinal());
    }

    /// `written` is all that was written to `out` since the last call. The window has to have room for
    /// `windowSize(written.len)` bytes.
    pub fn keep(self: *Receiver, written: []const u8) void {
        if (self.is_open) self.kept_size += written.len;
        if (self.isKept()) self.inflater.keep(written);
    }

    /// How large the window has to be if `size` bytes are to be kept.
    pub fn windowSize(self: *const Receiver, size: usize) usize {
        return if (self.isKept()) self.inflater.windowSize(size) else 0;
    }

    /// Goes over to a larger window, in other memory. The old one is free then.
    pub fn moveWindow(self: *Receiver, window: []u8) void {
        self.inflater.moveWindow(window);
    }

    /// Without context takeover a message is forgotten when it is complete.
    fn isKept(self: *const Receiver) bool {
        return self.takeover or self.is_open;
    }

    fn run(self: *Receiver, tables: *inflate.Tables, bytes: []const u8, out: []u8, size: usize) Result {
        const size_left = self.size_max - self.kept_size;
        const room = out[0..@min(out.len, size_left)];
        const result = self.inflater.run(tables, bytes, room, size);
        const status: Status = switch (result.status) {
            .need_input => .done,
            .need_room => if (room.len == size_left) .{ .failure = .message_too_big } else .need_room,
            .failure => .{ .failure = .bad_data },
        };
        return .{ .status = status, .read = result.read, .size = result.size };
    }
};

/// Messages as they are sent. One that no context takeover binds to a connection serves many: what it compresses refers
/// to nothing before, so every peer with a window as large can read it. Between two messages a new one is as good as the
/// old one, but for what it could refer to: the memory of a connection that sends nothing may be given back.
pub const Sender = struct {
    deflater: deflate.Deflate,
    takeover: bool,
    is_open: bool = false,

    pub fn settings(direction: Direction, level: u4) deflate.Settings {
        return .{ .level = level, .window_bits = direction.window_bits };
    }

    /// What has to be lent for as long as there may be messages.
    pub fn memorySize(direction: Direction, level: u4) usize {
        return deflate.Deflate.memorySize(settings(direction, level));
    }

    pub fn init(direction: Direction, level: u4, memory: []align(@alignOf(u16)) u8) Sender {
        return .{ .deflater = .init(settings(direction, level), memory), .takeover = direction.takeover };
    }

    /// Room that is always enough for the payload of `size` bytes.
    pub fn bound(size: usize) usize {
        return deflate.Deflate.bound(size);
    }

    /// The payload of the next frame: of one with RSV1 if it is the first of a message, and with FIN if it `is_last`. A
    /// peer can read the bytes of each frame when it has it. `out` has room for `bound(bytes.len)`.
    pub fn compress(self: *Sender, block: *deflate.Block, bytes: []const u8, is_last: bool, out: []u8) []u8 {
        if (!self.is_open and !self.takeover) self.deflater.forget();
        self.is_open = !is_last;
        return out[0..self.deflater.run(block, bytes, out, if (is_last) .message else .sync)];
    }

    /// A message was sent that another sender had compressed without a reference to what was before: the peer has it in
    /// its window. It may be referred to, or else nothing before it may (`forget`, which costs nothing).
    pub fn enter(self: *Sender, bytes: []const u8) void {
        assert(!self.is_open);
        if (self.takeover) self.deflater.enter(bytes);
    }

    pub fn forget(self: *Sender) void {
        assert(!self.is_open);
        self.deflater.forget();
    }
};
