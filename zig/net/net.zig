//! Contents page: sockets and what watches them, without Python.

/// System calls of Linux under a transport of our own.
pub const linux = @import("linux.zig");
/// Writing to a socket on any platform, without the event loop.
pub const socket = @import("socket.zig");
