//! The frame of a broadcast in one of its forms: as it is, or compressed for those that have agreed on compression. It is built
//! once for all servers' connections; clients mask copies.

const core = @import("core");
const o = @import("cpython").object;
const outbox = @import("outbox.zig");
const pong = @import("pong.zig");
const send = @import("send.zig");
const Codec = @import("../memory/codec.zig").Codec;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const WSTransport = @import("transport.zig").WSTransport;
const Error = o.Error;

pub const Form = struct {
    /// As a server sends it.
    frame: outbox.Built,
    /// What stands in it, for clients: each masks with a key of its own (RFC 6455 5.3).
    payload: []const u8,
    opcode: core.Opcode,
    flags: core.Flags,

    pub fn plain(loop: *LoopState, opcode: core.Opcode, flags: core.Flags, message: []const u8) Error!Form {
        const size = core.writer.frameSize(message.len, false);
        const chunk = try loop.takeOutput(size);
        _ = core.writer.copy(chunk.data[0..size], opcode, flags, message, null, loop.state.mask);
        return .{
            .frame = .{ .chunk = chunk, .size = size },
            .payload = chunk.data[size - message.len .. size],
            .opcode = opcode,
            .flags = flags,
        };
    }

    /// A message that refers to nothing before it, so that every peer with a window as large can read it.
    pub fn compressed(loop: *LoopState, opcode: core.Opcode, flags: core.Flags, message: []const u8, options: core.compressor.Options) Error!Form {
        const codec = try Codec.of(loop);
        const sender = try codec.sharedSender(options);
        const room = core.Compressor.bound(message.len);
        const chunk = try loop.takeOutput(core.header_size_max + room);
        const payload = sender.compress(&codec.block, message, true, chunk.data[core.header_size_max..][0..room]);
        var own = flags;
        own.rsv1 = true;
        // The header is shorter than the room that was left for it, and a frame begins where its chunk does.
        var buffer: [core.header_size_max]u8 = undefined;
        const head: core.writer.Message = .{ .opcode = opcode, .flags = own, .payload_size = payload.len };
        const header = buffer[0..core.header.encode(head.header(null), &buffer)];
        const bytes = chunk.data[0 .. header.len + payload.len];
        @memmove(bytes[header.len..], payload);
        @memcpy(bytes[0..header.len], header);
        return .{ .frame = .{ .chunk = chunk, .size = bytes.len }, .payload = bytes[header.len..], .opcode = opcode, .flags = own };
    }

    pub fn deinit(self: *Form, loop: *LoopState) void {
        o.clear(&self.frame.object);
        loop.keepOutput(self.frame.chunk);
    }

    /// Of the frame that this connection sends.
    pub fn sizeFor(self: *const Form, transport: *const WSTransport) usize {
        return if (transport.is_client_side != 0) core.writer.frameSize(self.payload.len, true) else self.frame.size;
    }

    pub fn sendTo(self: *Form, transport: *WSTransport, now: f64) Error!void {
        if (transport.is_client_side != 0) return send.copy(transport, self.opcode, self.flags, self.payload);
        try outbox.built(transport, &self.frame, now);
        if (self.opcode == .ping) pong.noteSent(transport, self.payload);
    }
};
