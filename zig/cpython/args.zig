//! Reading the arguments of methods called with METH_FASTCALL | METH_KEYWORDS, without a tuple or a dict being made.

const c = @import("capi.zig");
const o = @import("object.zig");
const errors = @import("errors.zig");
const Object = o.Object;
const Error = o.Error;

/// What a method takes: its name for messages, the parameters' names in order, and how many must be given.
pub const Signature = struct {
    method: [:0]const u8,
    names: []const [:0]const u8,
    required: usize,
    /// How many of the last ones can only be given by name.
    keyword_only: usize = 0,
};

/// Assigns the given arguments to parameters. A parameter that was not given is null. References are borrowed.
pub fn parse(
    comptime signature: Signature,
    args: [*]const *Object,
    positional_count: c.Py_ssize_t,
    keywords: ?*Object,
) Error![signature.names.len]?*Object {
    var values: [signature.names.len]?*Object = @splat(null);
    const given: usize = @intCast(positional_count);
    const positional_max = values.len - signature.keyword_only;
    if (given > positional_max) {
        const format = "%s() takes at most %zd positional arguments (%zd given)";
        const method: [*:0]const u8 = signature.method;
        return errors.raiseFormat("TypeError", format, .{ method, @as(isize, positional_max), positional_count });
    }
    for (values[0..given], args[0..given]) |*value, arg| value.* = arg;
    if (keywords) |names| {
        const count: usize = @intCast(c.PyTuple_Size(names));
        for (0..count) |i| try assign(signature, &values, c.PyTuple_GetItem(names, @intCast(i)).?, args[given + i]);
    }
    inline for (signature.names[0..signature.required], 0..) |name, i| {
        if (values[i] == null) {
            return errors.raise("TypeError", signature.method ++ "() is missing the required argument '" ++ name ++ "'");
        }
    }
    return values;
}

fn assign(comptime signature: Signature, values: *[signature.names.len]?*Object, name: *Object, value: *Object) Error!void {
    inline for (signature.names, 0..) |known, i| {
        if (o.isText(name, known)) {
            if (values[i] != null) {
                return errors.raise("TypeError", signature.method ++ "() got two values for the argument '" ++ known ++ "'");
            }
            values[i] = value;
            return;
        }
    }
    const method: [*:0]const u8 = signature.method;
    return errors.raiseFormat("TypeError", "%s() got an unexpected keyword argument '%U'", .{ method, name });
}

/// An integer that fits a C long.
pub fn integer(object: *Object) Error!c_long {
    const value = c.PyLong_AsLong(object);
    if (value == -1 and c.PyErr_Occurred() != null) return error.Python;
    return value;
}

/// A truth value, or `default` where the argument was not given.
pub fn boolean(value: ?*Object, default: bool) Error!bool {
    return o.isTrue(value orelse return default);
}

/// A truth value; null where the argument was not given, or is None.
pub fn choice(value: ?*Object) Error!?bool {
    const object = value orelse return null;
    return if (o.isNone(object)) null else try o.isTrue(object);
}

/// The bytes of a message while a call lasts: a str as UTF-8, a contiguous bytes-like object, or None for nothing.
pub const Message = struct {
    data: []const u8,
    /// The object, if its bytes never change.
    constant: ?*Object = null,
    view: c.Py_buffer = undefined,
    has_view: bool = false,

    pub fn read(object: ?*Object) Error!Message {
        const value = object orelse return .{ .data = "" };
        if (o.isNone(value)) return .{ .data = "" };
        const type_flags = c.PyType_GetFlags(value.ob_type);
        if (type_flags & unicode_subclass != 0) {
            var size: c.Py_ssize_t = 0;
            const data = c.PyUnicode_AsUTF8AndSize(value, &size) orelse return error.Python;
            return .{ .data = data[0..@intCast(size)] };
        }
        if (type_flags & bytes_subclass != 0) {
            // A derived class may show other bytes than it has.
            return .{ .data = try o.bytesData(value), .constant = if (value.ob_type == c.bytesType()) value else null };
        }
        var message: Message = .{ .data = "" };
        if (c.PyObject_GetBuffer(value, &message.view, c.PyBUF_SIMPLE) < 0) {
            if (c.PyErr_ExceptionMatches(c.exception("TypeError")) == 0) return error.Python;
            const class: *Object = @ptrCast(value.ob_type);
            return errors.raiseFormat("TypeError", "message must be str, bytes-like or None, not %R", .{class});
        }
        message.has_view = true;
        message.data = slice(&message.view);
        return message;
    }

    pub fn release(self: *Message) void {
        if (self.has_view) c.PyBuffer_Release(&self.view);
    }
};

/// The memory behind a buffer view. An empty one may have none.
pub fn slice(view: *const c.Py_buffer) []u8 {
    if (view.len == 0) return &.{};
    return @as([*]u8, @ptrCast(view.buf.?))[0..@intCast(view.len)];
}

const bytes_subclass = c.Py_TPFLAGS_BYTES_SUBCLASS;
const unicode_subclass = c.Py_TPFLAGS_UNICODE_SUBCLASS;
