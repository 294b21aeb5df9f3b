//! What the module offers to C: the table of picows_cpython.h, in its order, and the capsule that extensions find it by.

const core = @import("core");
const c = @import("cpython").capi;
const calls = @import("transport/calls.zig");
const errors = @import("cpython").errors;
const frames = @import("frame/frame.zig");
const native_listener = @import("listener/native_listener.zig");
const o = @import("cpython").object;
const State = @import("state/state.zig").State;
const WSFrame = frames.WSFrame;
const WSTransport = @import("connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

pub const name = "_C_API";
const capsule_name = "picows._native." ++ name;
/// Changes when a struct of the header changes, or the table other than by growing at its end.
const api_version = 2;

pub const Api = extern struct {
    size: usize,
    version: c_int,
    frame_type: *Object,
    transport_type: *Object,
    listener_type: *Object,
    send: *const fn (*WSTransport, c_int, ?[*]u8, c.Py_ssize_t, c_uint) callconv(.c) c_int = send,
    send_reuse: *const fn (*WSTransport, c_int, ?[*]u8, c.Py_ssize_t, c_uint) callconv(.c) c_int = sendReuse,
    send_ping: *const fn (*WSTransport, ?[*]u8, c.Py_ssize_t) callconv(.c) c_int = sendPing,
    send_pong: *const fn (*WSTransport, ?[*]u8, c.Py_ssize_t) callconv(.c) c_int = sendPong,
    send_close: *const fn (*WSTransport, c_int, ?[*]u8, c.Py_ssize_t) callconv(.c) c_int = sendClose,
    disconnect: *const fn (*WSTransport, c_int) callconv(.c) c_int = disconnect,
    notify_user_specific_pong_received: *const fn (*WSTransport) callconv(.c) c_int = notifyPong,
    frame_close: *const fn (*WSFrame, *c_int, *?[*]const u8, *c.Py_ssize_t) callconv(.c) c_int = frameClose,
    listener_new: *const fn (*const Api, *const native_listener.Callbacks, ?*anyopaque) callconv(.c) ?*Object = listenerNew,
    listener_data: *const fn (*const Api, *Object, ?native_listener.Free) callconv(.c) ?*anyopaque = listenerData,

    fn stateOf(self: *const Api) *State {
        const table: *const Table = @fieldParentPtr("api", self);
        return table.state;
    }
};

/// What extensions see, and behind it the state of the module that they got it from.
const Table = extern struct { api: Api, state: *State };

/// Makes the table and gives the capsule of it. The table lives as long as the module; its references to types are those of
/// the state.
pub fn makeCapsule(state: *State) Error!*Object {
    const memory = try o.allocateBytes(@sizeOf(Table));
    state.api = memory.ptr;
    const table: *Table = @ptrCast(@alignCast(memory.ptr));
    table.* = .{ .state = state, .api = .{
        .size = @sizeOf(Api),
        .version = api_version,
        .frame_type = state.types.WSFrame,
        .transport_type = state.types.WSTransport,
        .listener_type = state.types.WSListener,
    } };
    return o.check(c.PyCapsule_New(&table.api, capsule_name, null));
}

fn status(done: Error!void) c_int {
    done catch return -1;
    return 0;
}

fn slice(data: ?[*]u8, size: c.Py_ssize_t) Error![]u8 {
    if (size == 0) return &.{};
    if (size < 0) return errors.raise("ValueError", "a size must be at least 0");
    const start = data orelse return errors.raise("ValueError", "a payload of more than 0 bytes must not be NULL");
    return start[0..@intCast(size)];
}

/// PICOWS_PY_COMPRESS and PICOWS_PY_NO_COMPRESS, which go with the flags of a frame.
const compress_flag: c_uint = 0x01;
const no_compress_flag: c_uint = 0x02;

fn readWish(flags: c_uint) Error!?bool {
    return switch (flags & (compress_flag | no_compress_flag)) {
        0 => null,
        compress_flag => true,
        no_compress_flag => false,
        else => errors.raise("ValueError", "flags must not have both PICOWS_PY_COMPRESS and PICOWS_PY_NO_COMPRESS"),
    };
}

/// PICOWS_PY_FIN and so on: the high half of a frame's first byte (RFC 6455 5.2).
fn readFlags(value: c_uint) Error!core.Flags {
    if (value & ~@as(c_uint, 0xF0) != 0) return errors.raise("ValueError", "flags must be a combination of PICOWS_PY_FIN, PICOWS_PY_RSV1, PICOWS_PY_RSV2 and PICOWS_PY_RSV3");
    return @bitCast(@as(u4, @intCast(value >> 4)));
}

fn send(self: *WSTransport, msg_type: c_int, payload: ?[*]u8, size: c.Py_ssize_t, flags: c_uint) callconv(.c) c_int {
    const data = slice(payload, size) catch return -1;
    const wish = readWish(flags) catch return -1;
    const frame_flags = readFlags(flags & ~(compress_flag | no_compress_flag)) catch return -1;
    return status(calls.send(self, msg_type, data, null, frame_flags, wish));
}

fn sendReuse(self: *WSTransport, msg_type: c_int, payload: ?[*]u8, size: c.Py_ssize_t, flags: c_uint) callconv(.c) c_int {
    // Where there is no payload, there is still the room in front of it.
    const start = payload orelse return status(errors.raise("ValueError", "the payload of send_reuse must not be NULL"));
    var data = slice(start, size) catch return -1;
    data.ptr = start;
    return status(calls.sendReuse(self, msg_type, data, readFlags(flags) catch return -1));
}

fn sendPing(self: *WSTransport, payload: ?[*]u8, size: c.Py_ssize_t) callconv(.c) c_int {
    return status(calls.sendPing(self, slice(payload, size) catch return -1));
}

fn sendPong(self: *WSTransport, payload: ?[*]u8, size: c.Py_ssize_t) callconv(.c) c_int {
    return status(calls.sendPong(self, slice(payload, size) catch return -1));
}

fn sendClose(self: *WSTransport, code: c_int, reason: ?[*]u8, size: c.Py_ssize_t) callconv(.c) c_int {
    return status(calls.sendClose(self, code, slice(reason, size) catch return -1));
}

fn disconnect(self: *WSTransport, graceful: c_int) callconv(.c) c_int {
    return status(calls.disconnect(self, graceful != 0));
}

fn notifyPong(self: *WSTransport) callconv(.c) c_int {
    return status(calls.notifyPong(self));
}

fn frameClose(frame: *WSFrame, code: *c_int, reason: *?[*]const u8, reason_size: *c.Py_ssize_t) callconv(.c) c_int {
    const decoded = frame.close() catch return -1;
    code.* = @backingInt(decoded.code);
    reason.* = if (decoded.text()) |text| text.ptr else null;
    reason_size.* = @intCast(decoded.reason.len);
    return 0;
}

fn listenerNew(api: *const Api, callbacks: *const native_listener.Callbacks, data: ?*anyopaque) callconv(.c) ?*Object {
    return o.toC(native_listener.create(api.stateOf(), callbacks, data));
}

fn listenerData(api: *const Api, listener: *Object, free: ?native_listener.Free) callconv(.c) ?*anyopaque {
    return native_listener.dataOf(api.stateOf(), listener, free) catch null;
}
