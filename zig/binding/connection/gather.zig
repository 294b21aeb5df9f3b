//! Coalesced sends, if `coalesce_sends` asks for them. The frames that the callbacks of one read send are gathered and written
//! with one call after the last callback, before the event loop goes on. Nothing waits for a timer.

const core = @import("core");
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const send = @import("send.zig");
const streams = @import("stream.zig");
const socket = @import("net").socket;
const Chunk = @import("../memory/chunk.zig").Chunk;
const WSTransport = @import("transport.zig").WSTransport;
const Error = o.Error;

/// The most that is gathered. It is a chunk of the loop as it has them for outgoing frames.
const gathered_size_max = 64 * 1024;
/// Larger frames are written on their own, behind what was gathered: another copy of them would cost more than a call.
const frame_size_max = 16 * 1024;

/// Gathers a frame, if the connection does so. False if the frame is to be written: nothing gathered is left in front of it.
pub inline fn frame(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8) Error!bool {
    const gathered = transport.connection().gathered orelse return false;
    return gathered.addFrame(transport, opcode, flags, payload);
}

/// Like `frame`, for the bytes of a whole one.
pub inline fn bytes(transport: *WSTransport, whole: []const u8) Error!bool {
    const gathered = transport.connection().gathered orelse return false;
    return gathered.addBytes(transport, whole);
}

/// Writes what was gathered, also what code sends that this runs. Gathering goes on.
pub inline fn flush(transport: *WSTransport) Error!void {
    const gathered = transport.connection().gathered orelse return;
    try gathered.flushAll(transport);
}

/// What a connection has gathered; it stands on the stack of who calls the callbacks.
pub const Gathered = struct {
    chunk: ?*Chunk = null,
    size: usize = 0,

    /// From here on the connection gathers. Inside a callback that runs the event loop it does so already.
    pub inline fn begin(self: *Gathered, transport: *WSTransport) void {
        const connection = transport.connection();
        if (connection.endpoint.coalesce_sends != 0 and connection.gathered == null) connection.gathered = self;
    }

    /// The callbacks are done, with `result`, which stays what it is if it is an error.
    pub inline fn end(self: *Gathered, transport: *WSTransport, result: Error!void) Error!void {
        if (transport.connection().gathered == null) return result;
        try self.writeAtEnd(transport, result);
    }

    fn writeAtEnd(self: *Gathered, transport: *WSTransport, result: Error!void) Error!void {
        const connection = transport.connection();
        defer if (connection.gathered == self) {
            connection.gathered = null;
        };
        result catch |failure| {
            const aside: errors.Aside = .begin();
            defer aside.end();
            flush(transport) catch transport.surface();
            return failure;
        };
        try flush(transport);
    }

    fn addFrame(self: *Gathered, transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8) Error!bool {
        const is_client = transport.is_client_side != 0;
        const size = core.writer.frameSize(payload.len, is_client);
        if (size > frame_size_max) return self.flushBefore(transport);
        const place = try self.room(transport, size);
        const key: ?[4]u8 = if (is_client) transport.connection().endpoint.loop_state.nextKey() else null;
        _ = core.writer.copy(place, opcode, flags, payload, key, transport.state.mask);
        try self.grow(transport, size);
        return true;
    }

    fn addBytes(self: *Gathered, transport: *WSTransport, whole: []const u8) Error!bool {
        if (whole.len > frame_size_max) return self.flushBefore(transport);
        @memcpy(try self.room(transport, whole.len), whole);
        try self.grow(transport, whole.len);
        return true;
    }

    /// True if the large frame must not follow any more: pause_writing() may have ended the connection.
    fn flushBefore(self: *Gathered, transport: *WSTransport) Error!bool {
        try self.flushAll(transport);
        return send.isOver(transport);
    }

    /// Room for one more frame.
    fn room(self: *Gathered, transport: *WSTransport, size: usize) Error![]u8 {
        if (self.chunk == null) self.chunk = try transport.connection().endpoint.loop_state.takeOutput(gathered_size_max);
        return self.chunk.?.data[self.size..][0..size];
    }

    /// The frame stands there.
    fn grow(self: *Gathered, transport: *WSTransport, size: usize) Error!void {
        self.size += size;
        if (self.size > gathered_size_max - frame_size_max) try self.flushAll(transport);
    }

    fn flushAll(self: *Gathered, transport: *WSTransport) Error!void {
        while (self.size > 0) {
            self.write(transport) catch |failure| {
                // Frames are lost of which the listener was told that they are sent.
                if (self.take()) |lost| transport.connection().endpoint.loop_state.keepOutput(lost.chunk.?);
                send.abandon(transport);
                return failure;
            };
        }
    }

    fn write(self: *Gathered, transport: *WSTransport) Error!void {
        const connection = transport.connection();
        // Before the bytes are taken: what code sends that this runs goes behind them.
        const is_free = try streams.isFree(transport);
        const taken = self.take() orelse return;
        const chunk = taken.chunk.?;
        defer connection.endpoint.loop_state.keepOutput(chunk);
        const sent = if (is_free) try streams.send(transport, chunk.data[0..taken.size]) else 0;
        if (sent < taken.size) try streams.queueRest(transport, sent, try send.rest(chunk, sent, taken.size));
    }

    fn take(self: *Gathered) ?Gathered {
        if (self.chunk == null) return null;
        defer self.* = .{};
        return self.*;
    }
};
