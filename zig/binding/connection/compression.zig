//! Compression of a connection, RFC 7692, once the opening handshake has agreed on it: the payloads of received frames are
//! made plain before anybody sees them, messages are compressed when they are sent. The rules are the core's; here are the
//! memory and the way to the frames.
//!
//! What is kept for a connection is in a `Compression`: its windows, each allocated when it is first needed.

const std = @import("std");
const core = @import("core");
const errors = @import("cpython").errors;
const frames = @import("send.zig");
const outbox = @import("outbox.zig");
const o = @import("cpython").object;
const Codec = @import("../memory/codec.zig").Codec;
const Options = @import("compression_options.zig").Options;
const Room = @import("../memory/chunk.zig").Room;
const WSTransport = @import("transport.zig").WSTransport;
const Error = o.Error;

/// More frames than any message needs. Each fragment costs more than its bytes: codes are made anew where it begins.
const frame_count_max = 16 * 1024;

pub const Compression = struct {
    decompressor: core.Decompressor,
    compressor: core.Compressor,
    /// What the compressor was lent.
    memory: []u8 = &.{},

    /// Begins on a connection on which nothing but the opening handshake has happened yet.
    pub fn begin(transport: *WSTransport, agreement: core.permessage.Agreement) Error!void {
        const connection = transport.connection();
        const options = &connection.endpoint.options.compression;
        const message_size_max = if (options.max_message_size == Options.not_said) connection.endpoint.options.max_frame_size else options.max_message_size;
        const role = connection.endpoint.role();
        const memory = try o.allocateBytes(@sizeOf(Compression));
        const self: *Compression = @ptrCast(@alignCast(memory.ptr));
        var sending = agreement.sending(role);
        sending.window_bits = @min(sending.window_bits, options.bitsOf(role));
        self.* = .{
            .decompressor = .init(.{
                .direction = agreement.receiving(role),
                .message_size_max = message_size_max,
                .checks_text = connection.endpoint.options.strict,
            }),
            .compressor = .{ .options = .{
                .direction = sending,
                .level = @intCast(options.level),
                .threshold = options.threshold,
            } },
        };
        connection.session.beginCompression(message_size_max, frame_count_max);
        connection.compression = self;
    }

    /// A listener that takes messages has changed the limits of the session: the smaller ones hold. It makes text of what is
    /// whole, and of what is not as far as it says so.
    pub fn tighten(self: *Compression, session: *core.Session) void {
        const size_max = &self.decompressor.receiver.size_max;
        const message = &session.parser.message;
        message.size_max = @min(message.size_max, size_max.*);
        size_max.* = @intCast(message.size_max);
        message.frame_count_max = @min(message.frame_count_max, frame_count_max);
        self.decompressor.checks_text = session.parser.text_check != .none;
    }

    pub fn deinit(self: *Compression) void {
        free(self.decompressor.window());
        free(self.memory);
        o.freeBytes(std.mem.asBytes(self));
    }

    fn ensureWindow(self: *Compression, size: usize) Error!void {
        const old = self.decompressor.window();
        const needed = self.decompressor.windowSize(size);
        if (needed <= old.len) return;
        // The reach of the window is a power of two as well.
        self.decompressor.moveWindow(try o.allocateBytes(std.math.ceilPowerOfTwoAssert(usize, @max(needed, 256))));
        free(old);
    }

    fn ensureMemory(self: *Compression) Error!void {
        const size = self.compressor.wantsMemory() orelse return;
        self.memory = try o.allocateBytes(size);
        self.compressor.lend(@alignCast(self.memory));
    }
};

/// Memory that may not have been allocated yet.
fn free(memory: []u8) void {
    if (memory.len > 0) o.freeBytes(memory);
}

/// The plain payload of a frame: the first `size` bytes of the room, which goes to `Codec.keepPlain`.
pub const Plain = struct { room: Room, size: usize };

/// Makes the payload of a frame plain that belongs to a compressed message. Null if the peer broke the protocol with it: the
/// session knows how.
pub fn inflate(transport: *WSTransport, payload: []const u8) Error!union(enum) { plain: Plain, failure: core.Failure } {
    const connection = transport.connection();
    const self = connection.compression.?;
    const loop = connection.endpoint.loop_state;
    const codec = try Codec.of(loop);
    var room = try codec.takePlain(loop);
    errdefer o.decref(room.chunk);
    self.decompressor.begin(connection.session.piece(), payload);
    const size = while (true) switch (self.decompressor.run(&codec.tables, room.bytes())) {
        .need_room => try Codec.enlarge(loop, &room),
        .plain => |size| break size,
        .failure => |failure| {
            o.decref(room.chunk);
            return .{ .failure = failure };
        },
    };
    try self.ensureWindow(size);
    self.decompressor.keep(room.bytes()[0..size]);
    return .{ .plain = .{ .room = room, .size = size } };
}

/// Sends a frame that is no CLOSE, compressed if it belongs to a message that is; `wish` decides it for a message in its
/// first frame, null leaves it to the threshold.
pub fn send(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, constant: ?*o.Object, wish: ?bool) Error!void {
    const self = transport.connection().compression orelse return frames.share(transport, opcode, flags, payload, constant);
    try checkFlags(flags);
    if (opcode.isControl() or outbox.isOver(transport)) return frames.share(transport, opcode, flags, payload, constant);
    if (!self.compressor.begin(opcode, payload.len, wish)) return frames.share(transport, opcode, flags, payload, constant);
    const loop = transport.connection().endpoint.loop_state;
    const codec = try Codec.of(loop);
    // What refers to nothing before it, and is all there, needs no memory of the connection's.
    const is_alone = !self.compressor.options.direction.takeover and opcode != .continuation and flags.fin;
    const shared = if (is_alone) try codec.sharedSender(self.compressor.options) else null;
    if (!is_alone) try self.ensureMemory();
    const chunk = try loop.takeOutput(core.header_size_max + core.Compressor.bound(payload.len));
    defer loop.keepOutput(chunk);
    const room = chunk.data[core.header_size_max..chunk.capacity];
    const out = if (shared) |sender|
        sender.compress(&codec.block, payload, true, room)
    else
        self.compressor.compress(&codec.block, payload, flags.fin, room);
    // If the peer does not get these bytes, nothing may refer to them.
    errdefer self.compressor.skip();
    const as_sent: core.Flags = .{ .fin = flags.fin, .rsv1 = opcode != .continuation, .rsv2 = flags.rsv2, .rsv3 = flags.rsv3 };
    try frames.reuse(transport, opcode, as_sent, out.ptr, out.len);
}

/// RSV1 says that a message is compressed, which is not the user's to say where this connection compresses.
pub fn checkFlags(flags: core.Flags) Error!void {
    if (!flags.rsv1) return;
    return errors.raise("ValueError", "rsv1 must be False where permessage_deflate is on: pass compress=True to have the message compressed");
}
