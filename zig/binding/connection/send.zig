//! Frames out: what may be sent, how its bytes are made, and which way they go.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const errors = @import("cpython").errors;
const gather = @import("gather.zig");
const frame = @import("../frame/frame.zig");
const streams = @import("stream.zig");
const Chunk = @import("../memory/chunk.zig").Chunk;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// Below this a copy behind the header costs less than having the kernel gather two pieces of memory.
const in_place_size_min = 4096;
/// From here on the asyncio transport is given a view of the chunk that the frame was built in. If it keeps the view, it
/// has the chunk; a copy of less costs less.
const share_size_min = 16 * 1024;

/// The opcode of a frame that a user may send, or ValueError (RFC 6455 5.2, 5.5). CLOSE is `close`'s.
pub fn dataOpcode(msg_type: c_long, payload_size: usize, flags: core.Flags) Error!core.Opcode {
    const number = std.math.cast(u4, msg_type) orelse return unknownType(msg_type);
    const opcode: core.Opcode = @fromBackingInt(@intCast(number));
    core.sending.checkFrame(opcode, flags, payload_size) catch |misuse| return switch (misuse) {
        error.CloseHasItsOwnFunction => errors.raise("ValueError", "a CLOSE frame must be sent with send_close()"),
        error.OversizedControl => errors.raise("ValueError", "the payload of a PING or PONG must be at most 125 bytes"),
        error.FragmentedControl => errors.raise("ValueError", "a PING or PONG cannot be a fragment: fin must be True"),
        else => unknownType(msg_type),
    };
    return opcode;
}

fn unknownType(msg_type: c_long) Error {
    return errors.raiseFormat("ValueError", "msg_type must be a WSMsgType, not %ld", .{msg_type});
}

/// The close code of a CLOSE that a user may send, or ValueError (RFC 6455 5.5.1, 7.4).
pub fn closeCode(value: c_long, reason: []const u8) Error!core.CloseCode {
    const code: core.CloseCode = @fromBackingInt(@intCast(std.math.cast(u16, value) orelse 0xFFFF));
    core.sending.checkClose(code, reason) catch |misuse| return switch (misuse) {
        error.CloseReasonWithoutCode => errors.raise("ValueError", "a close message needs a close code other than NO_INFO"),
        error.CloseReasonTooLong => errors.raise("ValueError", "a close message must be at most 123 bytes"),
        error.CloseReasonNotUtf8 => errors.raise("ValueError", "a close message must be UTF-8 text"),
        else => errors.raiseFormat("ValueError", "close code %ld may not be sent: use a WSCloseCode or 3000 to 4999", .{value}),
    };
    return code;
}

/// Whether sending has no effect any more.
pub fn isOver(transport: *WSTransport) bool {
    return isGone(transport) or !transport.connection().session.closing.state.maySend();
}

/// Whether nothing at all can be sent, or was forbidden by `disconnect`.
fn isGone(transport: *WSTransport) bool {
    const connection = transport.connection();
    return transport.is_disconnected != 0 or connection.is_disconnecting or connection.isInherited();
}

/// Sends a frame with a copy of `payload`.
pub fn copy(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8) Error!void {
    try share(transport, opcode, flags, payload, null);
}

/// Like `copy`, but what waits may stay in `constant`, the object that the payload belongs to.
pub fn share(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, constant: ?*Object) Error!void {
    if (!isOver(transport)) try write(transport, opcode, flags, payload, constant);
}

pub fn write(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, constant: ?*Object) Error!void {
    transport.connection().sent_at = clock.now(transport.state);
    if (try gather.frame(transport, opcode, flags, payload)) return;
    const is_client = transport.is_client_side != 0;
    const is_free = try streams.isFree(transport);
    const is_in_place = is_free and !is_client and payload.len >= in_place_size_min and !transport.connection().stream.encrypts();
    const size = core.writer.frameSize(payload.len, is_client);
    var sent = if (is_in_place) sendInPlace(transport, opcode, flags, payload) else 0;
    if (sent == size) return;
    errdefer if (sent > 0) abandon(transport);
    // A part of the payload is sent, so the header is.
    if (constant) |object| if (sent > size - payload.len) {
        return streams.queueRest(transport, sent, try restOfConstant(object, payload.len - (size - sent)));
    };

    const loop = transport.connection().endpoint.loop_state;
    const key: ?[4]u8 = if (is_client) loop.nextKey() else null;
    const chunk = try loop.takeOutput(size);
    defer loop.keepOutput(chunk);
    _ = core.writer.copy(chunk.data[0..size], opcode, flags, payload, key, transport.state.mask);
    if (is_free and !is_in_place) sent = try streams.send(transport, chunk.data[0..size]);
    if (sent == size) return;
    try streams.queueRest(transport, sent, try rest(chunk, sent, size));
}

/// Sends header and payload from where they stand and returns how much of both is done with.
fn sendInPlace(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8) usize {
    var buffer: [core.header_size_max]u8 = undefined;
    const message: core.writer.Message = .{ .opcode = opcode, .flags = flags, .payload_size = payload.len };
    const header = buffer[0..core.header.encode(message.header(null), &buffer)];
    return streams.sendBoth(transport, header, payload);
}

/// What was not sent of the frame at the start of a chunk, for `streams.queueRest`.
pub fn rest(chunk: *Chunk, sent: usize, size: usize) Error!*Object {
    if (size - sent < share_size_min) return o.bytes(chunk.data[sent..size]);
    const pause: CollectionPause = .begin();
    defer pause.end();
    return chunk.view(sent, size);
}

/// The bytes of an object from `start` on, which stay where they are.
fn restOfConstant(object: *Object, start: usize) Error!*Object {
    const pause: CollectionPause = .begin();
    defer pause.end();
    const view = try o.check(c.PyMemoryView_FromObject(object));
    defer o.decref(view);
    return o.check(c.PySequence_GetSlice(view, @intCast(start), std.math.maxInt(c.Py_ssize_t)));
}

/// A collection of garbage could run code that sends, and what that queues would stand inside of the frame in hand.
const CollectionPause = struct {
    was_enabled: bool,

    fn begin() CollectionPause {
        return .{ .was_enabled = c.PyGC_Disable() != 0 };
    }

    fn end(self: CollectionPause) void {
        if (self.was_enabled) _ = c.PyGC_Enable();
    }
};

/// Answers a PING. A peer that sends PINGs and does not read gets one answer, to the last, once it does (RFC 6455 5.5.3).
pub fn pong(transport: *WSTransport, payload: []const u8) Error!void {
    const connection = transport.connection();
    if (!connection.is_paused) return copy(transport, .pong, .{ .fin = true }, payload);
    const held = try o.bytes(payload);
    o.clear(&connection.held_pong);
    connection.held_pong = held;
}

/// Sends the answer that was held back.
pub fn heldPong(transport: *WSTransport) Error!void {
    const connection = transport.connection();
    const held = connection.held_pong orelse return;
    connection.held_pong = null;
    defer o.decref(held);
    try copy(transport, .pong, .{ .fin = true }, try o.bytesData(held));
}

/// Sends a frame around a payload that stays where it is: the header goes in front of it, a client masks it in place.
pub fn reuse(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: [*]u8, size: usize) Error!void {
    if (isOver(transport)) return;
    transport.connection().sent_at = clock.now(transport.state);
    const key: ?[4]u8 = if (transport.is_client_side != 0) transport.connection().endpoint.loop_state.nextKey() else null;
    const whole = core.writer.headerInFront(opcode, flags, payload, size, key, transport.state.mask);
    if (try gather.bytes(transport, whole)) return;
    const sent = if (try streams.isFree(transport)) try streams.send(transport, whole) else 0;
    if (sent == whole.len) return;
    errdefer if (sent > 0) abandon(transport);
    try streams.queueRest(transport, sent, try o.bytes(whole[sent..]));
}

/// Ends a connection on which a part of a frame was sent whose rest could not even be queued: whatever followed would be
/// read as that rest.
pub fn abandon(transport: *WSTransport) void {
    const aside: errors.Aside = .begin();
    defer aside.end();
    transport.disconnect(false) catch transport.surface();
}

/// Sends a CLOSE that `closeCode` has checked, and notes it. Only one is ever sent.
pub fn close(transport: *WSTransport, code: core.CloseCode, reason: []const u8) Error!void {
    if (isGone(transport)) return;
    const session = &transport.connection().session;
    const before = session.closing;
    var buffer: [core.control_payload_size_max]u8 = undefined;
    // Before the bytes go: the event loop may call pause_writing(), and what that sends must not follow a CLOSE.
    const plan = session.close(code, reason, &buffer) catch return;
    transport.is_close_frame_sent = 1;
    write(transport, plan.opcode, plan.flags, plan.payload, null) catch {
        session.closing = before;
        transport.is_close_frame_sent = 0;
        return error.Python;
    };
    try noteClose(transport, .sent, code, reason);
}

/// Whose CLOSE, as WSCloseHandshake names it.
pub const Direction = enum { recv, sent };

/// Records a CLOSE frame in `transport.close_handshake`.
pub fn noteClose(transport: *WSTransport, direction: Direction, code: core.CloseCode, reason: []const u8) Error!void {
    const state = transport.state;
    if (o.isNone(transport.close_handshake)) {
        const is_recv_first = o.boolean(direction == .recv).?;
        defer o.decref(is_recv_first);
        const handshake = try o.call(state.imports.WSCloseHandshake, .{is_recv_first});
        defer o.decref(handshake);
        o.replace(&transport.close_handshake, handshake);
    }
    const code_object = try frame.closeCodeObject(state, code);
    defer o.decref(code_object);
    const text = (core.close.Close{ .code = code, .reason = reason }).text();
    const reason_object = if (text) |given| try o.text(given) else o.none();
    defer o.decref(reason_object);
    const info = try o.call(state.imports.WSCloseInfo, .{ code_object, reason_object });
    defer o.decref(info);
    try o.checkStatus(c.PyObject_SetAttrString(transport.close_handshake, @tagName(direction), info));
}
