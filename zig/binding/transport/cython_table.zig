//! The table of C functions through which Cython calls a WSTransport: the methods of picows.pxd, in its order. Add new ones at
//! the end, so that modules compiled earlier still work.

const core = @import("core");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const calls = @import("calls.zig");
const errors = @import("cpython").errors;
const o = @import("cpython").object;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// The `c_int` in front of the options is Cython's `skip_dispatch`. Nobody can derive from WSTransport, so it has no effect.
pub const VTable = extern struct {
    send_reuse_external_buffer: *const fn (*WSTransport, c_int, ?[*]u8, c.Py_ssize_t, ?*const FrameOptions) callconv(.c) c_int = sendReuseExternalBuffer,
    send: *const fn (*WSTransport, c_int, *Object, c_int, ?*const SendOptions) callconv(.c) ?*Object = send,
    send_reuse_external_bytearray: *const fn (*WSTransport, c_int, *Object, c.Py_ssize_t, c_int, ?*const FrameOptions) callconv(.c) ?*Object = sendReuseExternalBytearray,
    send_ping: *const fn (*WSTransport, c_int, ?*const ControlOptions) callconv(.c) ?*Object = sendPing,
    send_pong: *const fn (*WSTransport, c_int, ?*const ControlOptions) callconv(.c) ?*Object = sendPong,
    send_close: *const fn (*WSTransport, c_int, ?*const CloseOptions) callconv(.c) ?*Object = sendClose,
    disconnect: *const fn (*WSTransport, c_int, ?*const DisconnectOptions) callconv(.c) ?*Object = disconnect,
    notify_user_specific_pong_received: *const fn (*WSTransport, c_int) callconv(.c) ?*Object = notifyPong,
};
pub const vtable: VTable = .{};

// Cython's structs of optional arguments: how many were given, then their values.

const FrameOptions = extern struct {
    count: c_int,
    fin: c_int,
    rsv1: c_int,
    rsv2: c_int,
    rsv3: c_int,

    fn flags(self: ?*const FrameOptions) core.Flags {
        var result: core.Flags = .{ .fin = true };
        const given = self orelse return result;
        if (given.count > 0) result.fin = given.fin != 0;
        if (given.count > 1) result.rsv1 = given.rsv1 != 0;
        if (given.count > 2) result.rsv2 = given.rsv2 != 0;
        if (given.count > 3) result.rsv3 = given.rsv3 != 0;
        return result;
    }
};

/// Those of a frame. Behind them stand newer ones, which modules compiled for an earlier version do not have.
const SendOptions = extern struct {
    frame: FrameOptions,
    compress: *Object,

    fn wish(self: ?*const SendOptions) Error!?bool {
        const given = self orelse return null;
        return args.choice(if (given.frame.count > 4) given.compress else null);
    }
};

const ControlOptions = extern struct {
    count: c_int,
    message: *Object,

    fn read(self: ?*const ControlOptions) Error!args.Message {
        const given = self orelse return .read(null);
        return .read(if (given.count > 0) given.message else null);
    }
};

const CloseOptions = extern struct { count: c_int, close_code: c_int, close_message: *Object };
const DisconnectOptions = extern struct { count: c_int, graceful: c_int };

/// Returns 0, or -1 with an exception set.
fn sendReuseExternalBuffer(self: *WSTransport, msg_type: c_int, payload: ?[*]u8, size: c.Py_ssize_t, options: ?*const FrameOptions) callconv(.c) c_int {
    sendReuse(self, msg_type, payload, size, FrameOptions.flags(options)) catch return -1;
    return 0;
}

fn sendReuse(self: *WSTransport, msg_type: c_int, payload: ?[*]u8, size: c.Py_ssize_t, flags: core.Flags) Error!void {
    if (size < 0) return errors.raise("ValueError", "msg_size must be at least 0");
    // Without a payload there is still the room in front of it, for the header.
    const start = payload orelse return errors.raise("ValueError", "msg_ptr must not be NULL, and at least 14 writable bytes must precede it");
    try calls.sendReuse(self, msg_type, start[0..@intCast(size)], flags);
}

/// The result of a method that returns None.
fn done(result: Error!void) ?*Object {
    result catch return null;
    return o.none();
}

fn send(self: *WSTransport, msg_type: c_int, message: *Object, _: c_int, options: ?*const SendOptions) callconv(.c) ?*Object {
    const compress = SendOptions.wish(options) catch return null;
    var payload = args.Message.read(message) catch return null;
    defer payload.release();
    return done(calls.send(self, msg_type, payload.data, payload.constant, FrameOptions.flags(@ptrCast(options)), compress));
}

fn sendReuseExternalBytearray(self: *WSTransport, msg_type: c_int, buffer: *Object, offset: c.Py_ssize_t, _: c_int, options: ?*const FrameOptions) callconv(.c) ?*Object {
    // As long as it is exported, the memory cannot move, whatever the event loop calls.
    var view: c.Py_buffer = undefined;
    if (c.PyObject_GetBuffer(buffer, &view, c.PyBUF_WRITABLE) < 0) return null;
    defer c.PyBuffer_Release(&view);
    return done(calls.sendBytearray(self, msg_type, args.slice(&view), offset, FrameOptions.flags(options)));
}

fn sendPing(self: *WSTransport, _: c_int, options: ?*const ControlOptions) callconv(.c) ?*Object {
    var payload = ControlOptions.read(options) catch return null;
    defer payload.release();
    return done(calls.sendPing(self, payload.data));
}

fn sendPong(self: *WSTransport, _: c_int, options: ?*const ControlOptions) callconv(.c) ?*Object {
    var payload = ControlOptions.read(options) catch return null;
    defer payload.release();
    return done(calls.sendPong(self, payload.data));
}

fn sendClose(self: *WSTransport, _: c_int, options: ?*const CloseOptions) callconv(.c) ?*Object {
    const given: CloseOptions = if (options) |pointer| pointer.* else .{ .count = 0, .close_code = 0, .close_message = c.none() };
    var reason = args.Message.read(if (given.count > 1) given.close_message else null) catch return null;
    defer reason.release();
    const code: c_long = if (given.count > 0) given.close_code else @backingInt(core.CloseCode.no_info);
    return done(calls.sendClose(self, code, reason.data));
}

fn disconnect(self: *WSTransport, _: c_int, options: ?*const DisconnectOptions) callconv(.c) ?*Object {
    const given: DisconnectOptions = if (options) |pointer| pointer.* else .{ .count = 0, .graceful = 1 };
    return done(calls.disconnect(self, given.count == 0 or given.graceful != 0));
}

fn notifyPong(self: *WSTransport, _: c_int) callconv(.c) ?*Object {
    return done(calls.notifyPong(self));
}
