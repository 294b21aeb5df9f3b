//! Addresses of sockets on Linux.

const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;

pub const AF = linux.AF;
const Handle = linux.fd_t;

/// A socket's address, as large as one of IPv6, and its size; a longer one (a unix socket's path) is cut.
pub const Address = extern struct {
    data: [28]u8 align(8) = @splat(0),
    size: linux.socklen_t = @sizeOf([28]u8),

    /// AF.UNSPEC if the address is not known.
    pub fn family(self: *const Address) u16 {
        return if (self.size < 2) AF.UNSPEC else std.mem.readInt(u16, self.data[0..2], builtin.cpu.arch.endian());
    }

    pub fn ofPeer(handle: Handle) Address {
        var address: Address = .{};
        if (linux.errno(linux.getpeername(handle, @ptrCast(&address.data), &address.size)) != .SUCCESS) address.size = 0;
        return address;
    }

    pub fn own(handle: Handle) Address {
        var address: Address = .{};
        if (linux.errno(linux.getsockname(handle, @ptrCast(&address.data), &address.size)) != .SUCCESS) address.size = 0;
        return address;
    }
};
