//! Contents page: CPython's limited API, and the helpers over it that know nothing of WebSocket.

/// The part of CPython's API that is used, declared by hand.
pub const capi = @import("capi.zig");
/// References, calls, conversions. One error, `error.Python`, means "a Python exception is set".
pub const object = @import("object.zig");
/// What always holds, looked at in debug builds.
pub const check = @import("check.zig");
/// Raising exceptions, and holding one while other code runs.
pub const errors = @import("errors.zig");
/// Reading the arguments of a call.
pub const args = @import("args.zig");
/// Calling a method by name at the least cost.
pub const method_call = @import("method_call.zig");
