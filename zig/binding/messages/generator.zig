//! What coroutine objects of our own have in common: how Python's protocol of generators is spoken (PEP 342, PEP 492).

const c = @import("cpython").capi;
const errors = @import("cpython").errors;
const o = @import("cpython").object;
const Object = o.Object;
const Error = o.Error;

/// `__await__` and `__iter__`.
pub fn itself(self: *Object) callconv(.c) ?*Object {
    return o.incref(self);
}

/// A step's outcome as send() and __next__() tell it: what is done is a StopIteration. Takes the reference over.
pub fn stepped(status: c.PySendResult, result: ?*Object) ?*Object {
    if (status == c.PYGEN_RETURN) {
        stop(result.?);
        return null;
    }
    return result;
}

fn stop(value: *Object) void {
    defer o.decref(value);
    const is_tuple = c.PyType_GetFlags(value.ob_type) & c.Py_TPFLAGS_TUPLE_SUBCLASS != 0;
    if (!is_tuple and !o.isInstance(value, c.exception("BaseException"))) return c.PyErr_SetObject(c.exception("StopIteration"), value);
    // Made here: a tuple would be taken for arguments, and an exception for the one to raise.
    const exception = o.call(c.exception("StopIteration"), .{value}) catch return;
    c.PyErr_SetObject(c.exception("StopIteration"), exception);
    o.decref(exception);
}

/// Raises what throw(type, value, traceback) was given.
pub fn raiseThrown(given: [*]const *Object, count: c.Py_ssize_t) Error!void {
    if (count < 1 or count > 3) return errors.raise("TypeError", "throw() takes 1 to 3 arguments");
    const exception = try instanceOf(given[0], if (count > 1) given[1] else c.none());
    if (count > 2 and !o.isNone(given[2])) {
        if (c.PyException_SetTraceback(exception, given[2]) < 0) {
            o.decref(exception);
            return error.Python;
        }
    }
    return errors.restore(exception);
}

fn instanceOf(kind: *Object, value: *Object) Error!*Object {
    if (o.isInstance(kind, c.exception("BaseException"))) return o.incref(kind);
    if (o.isInstance(value, c.exception("BaseException"))) return o.incref(value);
    const made = try if (o.isNone(value)) o.call(kind, .{}) else o.call(kind, .{value});
    if (o.isInstance(made, c.exception("BaseException"))) return made;
    o.decref(made);
    return errors.raise("TypeError", "throw() must be given an exception");
}

/// throw() of a coroutine that leaves its work to another one; `ended` is called when that ends.
pub fn throwInto(inner: *Object, given: [*]const *Object, count: c.Py_ssize_t, self: *Object, ended: fn (*Object) void) ?*Object {
    _ = o.incref(inner);
    defer o.decref(inner);
    _ = o.incref(self);
    defer o.decref(self);
    const yielded = callThrow(inner, given, count);
    if (yielded) |object| return object else |_| {}
    const aside: errors.Aside = .begin();
    defer aside.end();
    ended(self);
    return null;
}

fn callThrow(inner: *Object, given: [*]const *Object, count: c.Py_ssize_t) Error!*Object {
    const method = try o.check(c.PyObject_GetAttrString(inner, "throw"));
    defer o.decref(method);
    return switch (count) {
        1 => o.call(method, .{given[0]}),
        2 => o.call(method, .{ given[0], given[1] }),
        3 => o.call(method, .{ given[0], given[1], given[2] }),
        else => errors.raise("TypeError", "throw() takes 1 to 3 arguments"),
    };
}

/// As CPython does of its own coroutines.
pub fn warnUnawaited(name: [:0]const u8) void {
    const text = c.PyUnicode_FromFormat("coroutine '%s' was never awaited", @as([*:0]const u8, name)) orelse return c.PyErr_Clear();
    defer o.decref(text);
    const utf8 = c.PyUnicode_AsUTF8AndSize(text, null) orelse return c.PyErr_Clear();
    if (c.PyErr_WarnEx(c.exception("RuntimeWarning"), @ptrCast(utf8), 1) < 0) errors.ignore(null);
}

pub fn methodsOf(comptime send: anytype, comptime throw: anytype, comptime close: anytype) [4]c.PyMethodDef {
    return .{
        o.method("send", send, c.METH_O, "send($self, value, /)\n--\n\nGo on; the value is not looked at."),
        o.method("throw", throw, c.METH_FASTCALL, "throw($self, kind, value=None, traceback=None, /)\n--\n\nEnd with an exception. Nothing that was waited for is lost."),
        o.method("close", close, c.METH_NOARGS, "close($self, /)\n--\n\nEnd without one."),
        .{},
    };
}
