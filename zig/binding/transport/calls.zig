//! The operations of a WSTransport. Python's methods, Cython's table and the C interface read their arguments and call these.

const compression = @import("../connection/compression.zig");
const core = @import("core");
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const pong = @import("../connection/pong.zig");
const frames = @import("../connection/send.zig");
const WSTransport = @import("../connection/transport.zig").WSTransport;
const o = @import("cpython").object;
const Object = o.Object;
const Error = o.Error;

/// `constant` is the object that owns the payload, if its bytes never change. `compress` says in the first frame of a message
/// whether to compress it; null leaves that to the connection.
pub fn send(self: *WSTransport, msg_type: c_long, payload: []const u8, constant: ?*Object, flags: core.Flags, compress: ?bool) Error!void {
    try self.checkThread("send");
    const opcode = try frames.dataOpcode(msg_type, payload.len, flags);
    try compression.send(self, opcode, flags, payload, constant, compress);
}

/// Sends without a copy. A client masks the payload in place. The header is written into the 14 bytes in front of it.
pub fn sendReuse(self: *WSTransport, msg_type: c_long, payload: []u8, flags: core.Flags) Error!void {
    try self.checkThread("send_reuse_external_buffer");
    const opcode = try frames.dataOpcode(msg_type, payload.len, flags);
    try reuse(self, opcode, flags, payload);
}

/// `buffer` is writable memory that does not move during the call. The payload begins at `offset`.
pub fn sendBytearray(self: *WSTransport, msg_type: c_long, buffer: []u8, offset: isize, flags: core.Flags) Error!void {
    if (offset < core.header_size_max) {
        return errors.raise("ValueError", "msg_offset must leave at least 14 bytes in front of the message for the frame header");
    }
    if (offset > buffer.len) return errors.raise("ValueError", "msg_offset must not be larger than the buffer");
    try self.checkThread("send_reuse_external_bytearray");
    const payload = buffer[@intCast(offset)..];
    const opcode = try frames.dataOpcode(msg_type, payload.len, flags);
    try reuse(self, opcode, flags, payload);
}

/// A compressed payload is made in other memory, so the caller's stays as it is.
fn reuse(self: *WSTransport, opcode: core.Opcode, flags: core.Flags, payload: []u8) Error!void {
    if (self.connection().compression != null) return compression.send(self, opcode, flags, payload, null, null);
    try frames.reuse(self, opcode, flags, payload.ptr, payload.len);
}

pub fn sendPing(self: *WSTransport, payload: []const u8) Error!void {
    try self.checkThread("send_ping");
    try sendControl(self, .ping, payload);
}

pub fn sendPong(self: *WSTransport, payload: []const u8) Error!void {
    try self.checkThread("send_pong");
    try sendControl(self, .pong, payload);
}

fn sendControl(self: *WSTransport, opcode: core.Opcode, payload: []const u8) Error!void {
    _ = try frames.dataOpcode(@backingInt(opcode), payload.len, .{ .fin = true });
    try frames.copy(self, opcode, .{ .fin = true }, payload);
}

pub fn sendClose(self: *WSTransport, code: c_long, reason: []const u8) Error!void {
    try self.checkThread("send_close");
    try frames.close(self, try frames.closeCode(code, reason), reason);
}

/// Sends a CLOSE as if the peer had failed: nothing more is received, and the connection ends soon.
pub fn fail(self: *WSTransport, code: c_long, reason: []const u8) Error!void {
    try self.checkThread("_fail");
    ending.userFailure(self, .{ .code = try frames.closeCode(code, reason), .reason = reason });
}

pub fn disconnect(self: *WSTransport, graceful: bool) Error!void {
    try self.checkThread("disconnect");
    try self.disconnect(graceful);
}

pub fn notifyPong(self: *WSTransport) Error!void {
    try self.checkThread("notify_user_specific_pong_received");
    pong.notified(self);
}
