//! Raising Python exceptions, and holding one while other code runs.

const std = @import("std");
const builtin = @import("builtin");
const c = @import("capi.zig");
const o = @import("object.zig");
const Object = o.Object;
const Error = o.Error;

/// Raises a built-in exception: `raise("ValueError", "...")`.
pub fn raise(comptime class: [:0]const u8, message: [:0]const u8) Error {
    c.PyErr_SetString(c.exception(class), message);
    return error.Python;
}

/// Raises a built-in exception with a message formatted by PyErr_Format. Arguments are C values or objects.
pub fn raiseFormat(comptime class: [:0]const u8, format: [:0]const u8, args: anytype) Error {
    _ = @call(.auto, c.PyErr_Format, .{ c.exception(class), format } ++ args);
    return error.Python;
}

/// Raises `class(*args)`; the references in `args` stay the caller's.
pub fn raiseNew(class: *Object, args: anytype) Error {
    const exception = o.call(class, args) catch return error.Python;
    c.PyErr_SetObject(class, exception);
    o.decref(exception);
    return error.Python;
}

/// Raises the OSError of a system call's error number, of the class that belongs to it. Not on Windows, where the extension
/// makes no system calls.
pub fn raiseErrno(code: anytype) Error {
    if (builtin.os.tag == .windows) unreachable;
    std.c._errno().* = @backingInt(code);
    _ = c.PyErr_SetFromErrno(c.exception("OSError"));
    return error.Python;
}

/// The same exception as an object (a new reference).
pub fn fromErrno(code: anytype) *Object {
    raiseErrno(code) catch {};
    return fetch();
}

/// Takes the current exception out of the interpreter as an object with its traceback. The caller owns it.
pub fn fetch() *Object {
    var class: ?*Object = null;
    var value: ?*Object = null;
    var traceback: ?*Object = null;
    c.PyErr_Fetch(&class, &value, &traceback);
    // Native code of others may say that it failed and not why.
    if (class == null) return fetchMissing();
    c.PyErr_NormalizeException(&class, &value, &traceback);
    if (traceback) |tb| {
        if (c.PyException_SetTraceback(value.?, tb) < 0) c.PyErr_Clear();
        o.decref(tb);
    }
    o.decref(class.?);
    return value.?;
}

fn fetchMissing() *Object {
    c.PyErr_SetString(c.exception("SystemError"), "a callback failed without setting an exception");
    return fetch();
}

/// Makes `exception` the current one again and takes over the caller's reference.
pub fn restore(exception: *Object) Error {
    c.PyErr_SetObject(@ptrCast(exception.ob_type), exception);
    o.decref(exception);
    return error.Python;
}

/// The current exception, if there is one, put aside while code runs that must not see it.
pub const Aside = struct {
    exception: ?*Object,

    pub fn begin() Aside {
        return .{ .exception = if (c.PyErr_Occurred() != null) fetch() else null };
    }

    pub fn end(self: Aside) void {
        restore(self.exception orelse return) catch {};
    }
};

/// Whether `exception` is one that no library may swallow, as asyncio sees it.
pub fn isFatal(exception: *Object) bool {
    return c.PyErr_GivenExceptionMatches(exception, c.exception("KeyboardInterrupt")) != 0 or
        c.PyErr_GivenExceptionMatches(exception, c.exception("SystemExit")) != 0;
}

/// For places that cannot raise: hands the current exception to sys.unraisablehook. The hook may keep `context`, so that
/// must not be an object which is being deallocated.
pub fn ignore(context: ?*Object) void {
    c.PyErr_WriteUnraisable(context);
}
