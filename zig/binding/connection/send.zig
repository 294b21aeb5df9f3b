//! What may be sent, and what the rules of RFC 6455 want to be sent. The outbox sends it.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const frame = @import("../frame/frame.zig");
const outbox = @import("outbox.zig");
const pongs = @import("pong.zig");
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

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

/// Sends a frame with a copy of `payload`, if frames may still be sent.
pub fn copy(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8) Error!void {
    try share(transport, opcode, flags, payload, null);
}

/// Like `copy`, but what waits may stay in `constant`, the object that the payload belongs to.
pub fn share(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []const u8, constant: ?*Object) Error!void {
    if (!transport.connection().session.closing.state.maySend()) return;
    try outbox.frame(transport, opcode, flags, payload, constant);
    if (opcode == .ping) pongs.noteSent(transport, payload);
}

/// Sends a frame around a payload that stays where it is: the header goes in front of it, a client masks it in place.
pub fn reuse(transport: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: [*]u8, size: usize) Error!void {
    if (outbox.isEnded(transport) or !transport.connection().session.closing.state.maySend()) return;
    // The payload is small, and is known by its hash once it is answered.
    if (opcode == .ping) return copy(transport, opcode, flags, payload[0..size]);
    const key: ?[4]u8 = if (transport.is_client_side != 0) transport.connection().endpoint.loop_state.nextKey() else null;
    try outbox.whole(transport, core.writer.headerInFront(opcode, flags, payload, size, key, transport.state.mask));
}

/// Sends a CLOSE that `closeCode` has checked, and notes it. Only one is ever sent.
pub fn close(transport: *WSTransport, code: core.CloseCode, reason: []const u8) Error!void {
    if (outbox.isEnded(transport)) return;
    const session = &transport.connection().session;
    const before = session.closing;
    var buffer: [core.control_payload_size_max]u8 = undefined;
    // Before the bytes go: the event loop may call pause_writing(), and what that sends must not follow a CLOSE.
    const plan = session.close(code, reason, &buffer) catch return;
    transport.is_close_frame_sent = 1;
    outbox.frame(transport, plan.opcode, plan.flags, plan.payload, null) catch {
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
