//! Log lines through the logger of a connection. A logger that raises does not disturb the connection. The `endpoint` has
//! the logger, and the event loop out of which a KeyboardInterrupt in the logger comes.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const asyncio = @import("asyncio.zig");
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// Level of the details: PICOWS_DEBUG_LL.
pub const debug_level = 9;
/// logging.INFO
const info_level = 20;

/// Logs at `level`, the name of a logger's method, with the logging module's formatting of `args` (borrowed references).
pub fn write(endpoint: anytype, level: *Object, message: [:0]const u8, args: anytype) void {
    writeChecked(endpoint.logger, level, message, args) catch failed(endpoint);
}

fn writeChecked(logger: *Object, level: *Object, message: [:0]const u8, args: anytype) Error!void {
    const text = try o.check(c.PyUnicode_InternFromString(message));
    defer o.decref(text);
    try o.callMethodVoid(logger, level, .{text} ++ args);
}

/// Logs an exception with its traceback.
pub fn writeException(endpoint: anytype, level: *Object, message: [:0]const u8, exception: *Object) void {
    writeExceptionChecked(endpoint.logger, level, message, exception) catch failed(endpoint);
}

fn writeExceptionChecked(logger: *Object, level: *Object, message: [:0]const u8, exception: *Object) Error!void {
    const method = try o.check(c.PyObject_GetAttr(logger, level));
    defer o.decref(method);
    const text = try o.check(c.PyUnicode_InternFromString(message));
    const args = try o.check(c.PyTuple_New(1));
    defer o.decref(args);
    try o.checkStatus(c.PyTuple_SetItem(args, 0, text));
    const keywords = try o.check(c.PyDict_New());
    defer o.decref(keywords);
    try o.checkStatus(c.PyDict_SetItemString(keywords, "exc_info", exception));
    o.decref(try o.check(c.PyObject_Call(method, args, keywords)));
}

/// Logs a detail. Callers ask first whether details are logged at all.
pub fn debug(endpoint: anytype, message: [:0]const u8, args: anytype) void {
    debugChecked(endpoint.state, endpoint.logger, message, args) catch failed(endpoint);
}

fn failed(endpoint: anytype) void {
    asyncio.surface(endpoint.state, endpoint.loop, endpoint.logger);
}

fn debugChecked(state: *State, logger: *Object, message: [:0]const u8, args: anytype) Error!void {
    const level = try o.check(c.PyLong_FromLong(debug_level));
    defer o.decref(level);
    const text = try o.check(c.PyUnicode_InternFromString(message));
    defer o.decref(text);
    try o.callMethodVoid(logger, state.names.log, .{ level, text } ++ args);
}

/// Whether the logger of a connection writes lines at INFO. If not, callers need not find out what the line would say.
pub fn isInfoEnabled(endpoint: anytype) bool {
    return isEnabled(endpoint.state, endpoint.logger, info_level) catch {
        failed(endpoint);
        return false;
    };
}

/// Whether a logger writes lines of a level.
pub fn isEnabled(state: *State, logger: *Object, level: c_long) Error!bool {
    const number = try o.check(c.PyLong_FromLong(level));
    defer o.decref(number);
    const answer = try o.callMethod(logger, state.names.isEnabledFor, .{number});
    defer o.decref(answer);
    return o.isTrue(answer);
}
