//! The system calls on sockets of the TCP transport of our own, with results that say what to do next. Nothing here blocks:
//! the sockets are non-blocking.

const std = @import("std");
const Address = @import("address.zig").Address;
const linux = std.os.linux;

pub const Handle = linux.fd_t;
pub const E = linux.E;
pub const Piece = std.posix.iovec_const;

/// What a call that moves bytes did: how many, none because the socket is not ready, or an error.
pub const Moved = union(enum) { count: usize, not_ready, failed: E };

pub fn receive(handle: Handle, memory: []u8) Moved {
    while (true) {
        const result = linux.recvfrom(handle, memory.ptr, memory.len, 0, null, null);
        return moved(result) orelse continue;
    }
}

/// Has the kernel note when it gets the bytes of a socket. What sockets accept there inherits that. Unix sockets know no such
/// time, which is fine.
pub fn enableTimestamps(handle: Handle) void {
    const on: c_int = 1;
    _ = linux.setsockopt(handle, linux.SOL.SOCKET, linux.SO.TIMESTAMPNS_OLD, @ptrCast(&on), @sizeOf(c_int));
}

/// What the kernel tells besides the bytes: the time at which it got the last of them.
const Timestamp = extern struct { header: linux.cmsghdr, time: linux.timespec };

/// Like `receive`; `time_ns` becomes the time in nanoseconds since 1970, or 0 if the kernel does not say.
pub fn receiveTimed(handle: Handle, memory: []u8, time_ns: *i64) Moved {
    var piece: std.posix.iovec = .{ .base = memory.ptr, .len = memory.len };
    var told: Timestamp = undefined;
    while (true) {
        var message = std.mem.zeroInit(linux.msghdr, .{ .iov = @as([*]std.posix.iovec, @ptrCast(&piece)), .iovlen = 1, .control = &told, .controllen = @sizeOf(Timestamp) });
        const result = moved(linux.recvmsg(handle, &message, 0)) orelse continue;
        if (result == .count) time_ns.* = if (isTimestamp(&message, &told)) told.time.sec *| std.time.ns_per_s +| told.time.nsec else 0;
        return result;
    }
}

fn isTimestamp(message: *const linux.msghdr, told: *const Timestamp) bool {
    if (message.controllen < @sizeOf(Timestamp)) return false;
    return told.header.level == linux.SOL.SOCKET and told.header.type == linux.SO.TIMESTAMPNS_OLD;
}

pub fn send(handle: Handle, pieces: []const Piece) Moved {
    const message = std.mem.zeroInit(linux.msghdr_const, .{ .iov = pieces.ptr, .iovlen = @as(u32, @intCast(pieces.len)) });
    while (true) {
        const result = linux.sendmsg(handle, &message, linux.MSG.NOSIGNAL);
        return moved(result) orelse continue;
    }
}

/// Null for a call that a signal interrupted: again.
fn moved(result: usize) ?Moved {
    return switch (linux.errno(result)) {
        .SUCCESS => .{ .count = result },
        .INTR => null,
        .AGAIN => .not_ready,
        else => |code| .{ .failed = code },
    };
}

pub const Accepted = union(enum) { handle: Handle, none, failed: E };

/// A connection that waits at a listening socket. One that was given up while it waited is passed over.
pub fn accept(listening: Handle, address: *Address) Accepted {
    while (true) {
        address.* = .{};
        const result = linux.accept4(listening, @ptrCast(&address.data), &address.size, linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC);
        return switch (linux.errno(result)) {
            .SUCCESS => .{ .handle = @intCast(result) },
            .INTR, .CONNABORTED => continue,
            .AGAIN => .none,
            else => |code| .{ .failed = code },
        };
    }
}

pub fn endSending(handle: Handle) void {
    _ = linux.shutdown(handle, linux.SHUT.WR);
}

pub fn close(handle: Handle) void {
    _ = linux.close(handle);
}
