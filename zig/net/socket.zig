//! Writing to a socket without the event loop. Nothing here blocks, raises or retries. The asyncio transport sends what the
//! kernel does not take at once.

const std = @import("std");
const builtin = @import("builtin");

pub const Handle = c_int;
pub const none: Handle = -1;

/// What a socket's fileno() says, if that can be a handle.
pub fn fromNumber(number: c_long) ?Handle {
    return if (number < 0) null else std.math.cast(Handle, number);
}

/// Windows' sockets are no file descriptors; there everything goes through the asyncio transport.
pub const is_supported = builtin.os.tag != .windows;

/// Where plain TCP connections have a transport of our own.
pub const has_own_transport = builtin.os.tag == .linux;

/// Sends what the kernel takes now and returns how much that was, or minus the number of the error.
pub fn send(handle: Handle, data: []const u8) isize {
    if (!is_supported) return 0;
    const sent = c.send(handle, data.ptr, data.len, flags);
    return if (sent >= 0) sent else failed();
}

/// Sends two pieces of memory with one system call, like `send`.
pub fn sendBoth(handle: Handle, first: []const u8, second: []const u8) isize {
    if (!is_supported) return 0;
    const pieces = [_]std.posix.iovec_const{
        .{ .base = first.ptr, .len = first.len },
        .{ .base = second.ptr, .len = second.len },
    };
    const message = std.mem.zeroInit(std.c.msghdr_const, .{ .iov = &pieces, .iovlen = pieces.len });
    const sent = c.sendmsg(handle, &message, flags);
    return if (sent >= 0) sent else failed();
}

fn failed() isize {
    const code = std.c._errno().*;
    return switch (@as(std.c.E, @fromBackingInt(@intCast(code)))) {
        .AGAIN, .INTR => 0,
        else => -code,
    };
}

/// The error of a negative result.
pub fn errorOf(result: isize) std.c.E {
    return @fromBackingInt(@intCast(-result));
}

/// Whether both directions have ended: who reads finds what had arrived, and then the end.
pub fn isOver(handle: Handle) bool {
    if (!is_supported) return false;
    var watched = [_]std.c.pollfd{.{ .fd = handle, .events = 0, .revents = 0 }};
    return c.poll(&watched, watched.len, 0) > 0 and watched[0].revents & std.c.POLL.HUP != 0;
}

/// Whether something was received, if only the end, that nobody has read yet.
pub fn hasUnread(handle: Handle) bool {
    if (!is_supported) return false;
    if (handle == none) return false;
    var watched = [_]std.c.pollfd{.{ .fd = handle, .events = std.c.POLL.IN, .revents = 0 }};
    return c.poll(&watched, watched.len, 0) > 0;
}

/// Small frames leave at once and are acknowledged at once. Sockets that are not TCP refuse, which is fine.
pub fn setNoDelay(handle: Handle) void {
    if (!is_supported) return;
    const on: c_int = 1;
    _ = c.setsockopt(handle, std.posix.IPPROTO.TCP, std.posix.TCP.NODELAY, &on, @sizeOf(c_int));
    setQuickAck(handle);
}

pub fn setQuickAck(handle: Handle) void {
    const on: c_int = 1;
    if (builtin.os.tag == .linux) _ = c.setsockopt(handle, std.posix.IPPROTO.TCP, std.os.linux.TCP.QUICKACK, &on, @sizeOf(c_int));
}

/// How many bytes the kernel keeps because the peer's has not acknowledged them; 0 where it does not tell.
pub fn unacknowledgedSize(handle: Handle) usize {
    if (builtin.os.tag != .linux) return 0;
    const linux = std.os.linux;
    var size: c_int = 0;
    const result = linux.ioctl(handle, linux.T.IOCOUTQ, @intFromPtr(&size));
    return if (linux.errno(result) == .SUCCESS) @intCast(@max(size, 0)) else 0;
}

/// A peer that is gone is an error of the call, not a SIGPIPE; macOS has no such flag, and CPython ignores the signal.
const flags: c_int = if (builtin.os.tag == .linux) std.os.linux.MSG.NOSIGNAL else 0;

const c = struct {
    extern fn send(c_int, [*]const u8, usize, c_int) isize;
    extern fn sendmsg(c_int, *const std.c.msghdr_const, c_int) isize;
    extern fn poll([*]std.c.pollfd, std.c.nfds_t, c_int) c_int;
    extern fn setsockopt(c_int, c_int, c_int, *const anyopaque, c_uint) c_int;
};
