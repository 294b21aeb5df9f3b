//! The system calls under the TCP transport of our own, with results that say what to do next. Nothing here blocks: the
//! sockets are non-blocking.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

pub const Handle = linux.fd_t;
pub const E = linux.E;
pub const epoll_event = linux.epoll_event;
pub const EPOLL = linux.EPOLL;
pub const AF = linux.AF;
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

/// A socket's address, as large as one of IPv6, and its size; a longer one (a unix socket's path) is cut.
pub const Address = extern struct {
    data: [28]u8 align(8) = @splat(0),
    size: linux.socklen_t = @sizeOf([28]u8),

    /// AF.UNSPEC if the address is not known.
    pub fn family(self: *const Address) u16 {
        return if (self.size < 2) AF.UNSPEC else std.mem.readInt(u16, self.data[0..2], builtin.cpu.arch.endian());
    }
};

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

pub fn peerAddress(handle: Handle) Address {
    var address: Address = .{};
    if (linux.errno(linux.getpeername(handle, @ptrCast(&address.data), &address.size)) != .SUCCESS) address.size = 0;
    return address;
}

pub fn ownAddress(handle: Handle) Address {
    var address: Address = .{};
    if (linux.errno(linux.getsockname(handle, @ptrCast(&address.data), &address.size)) != .SUCCESS) address.size = 0;
    return address;
}

pub fn endSending(handle: Handle) void {
    _ = linux.shutdown(handle, linux.SHUT.WR);
}

pub fn close(handle: Handle) void {
    _ = linux.close(handle);
}

pub const Created = union(enum) { handle: Handle, failed: E };

pub fn epollCreate() Created {
    const result = linux.epoll_create1(EPOLL.CLOEXEC);
    return switch (linux.errno(result)) {
        .SUCCESS => .{ .handle = @intCast(result) },
        else => |code| .{ .failed = code },
    };
}

/// Adds (CTL_ADD), changes or removes a socket of an epoll set.
pub fn epollControl(epoll: Handle, operation: u32, handle: Handle, events: u32, pointer: ?*anyopaque) E {
    var event: epoll_event = .{ .events = events, .data = .{ .ptr = @intFromPtr(pointer) } };
    return linux.errno(linux.epoll_ctl(epoll, operation, handle, &event));
}

/// The sockets that are ready now.
pub fn epollReady(epoll: Handle, events: []epoll_event) []epoll_event {
    const result = linux.epoll_wait(epoll, events.ptr, @intCast(events.len), 0);
    return events[0..if (linux.errno(result) == .SUCCESS) result else 0];
}
