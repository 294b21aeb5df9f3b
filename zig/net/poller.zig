//! An epoll set of Linux: which of many sockets are ready.

const std = @import("std");
const linux = std.os.linux;

pub const Event = linux.epoll_event;
pub const EPOLL = linux.EPOLL;
const Handle = linux.fd_t;
const E = linux.E;

pub const Created = union(enum) { handle: Handle, failed: E };

pub fn create() Created {
    const result = linux.epoll_create1(EPOLL.CLOEXEC);
    return switch (linux.errno(result)) {
        .SUCCESS => .{ .handle = @intCast(result) },
        else => |code| .{ .failed = code },
    };
}

/// Adds (CTL_ADD), changes or removes a socket of an epoll set.
pub fn control(epoll: Handle, operation: u32, handle: Handle, events: u32, pointer: ?*anyopaque) E {
    var event: Event = .{ .events = events, .data = .{ .ptr = @intFromPtr(pointer) } };
    return linux.errno(linux.epoll_ctl(epoll, operation, handle, &event));
}

/// The sockets that are ready now.
pub fn ready(epoll: Handle, events: []Event) []Event {
    const result = linux.epoll_wait(epoll, events.ptr, @intCast(events.len), 0);
    return events[0..if (linux.errno(result) == .SUCCESS) result else 0];
}
