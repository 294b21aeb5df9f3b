//! Contents page: sockets and what watches them, without Python.

/// Addresses of sockets on Linux.
pub const address = @import("address.zig");
/// System calls of Linux under a transport of our own.
pub const linux = @import("linux.zig");
/// Which of many sockets are ready, on Linux.
pub const poller = @import("poller.zig");
/// Writing to a socket on any platform, without the event loop.
pub const socket = @import("socket.zig");
