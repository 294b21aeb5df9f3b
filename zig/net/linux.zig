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
