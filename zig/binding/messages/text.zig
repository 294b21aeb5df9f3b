//! Messages as Python's objects: text of bytes, bytes of text, one of several fragments.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const queues = @import("queue.zig");
const Entry = queues.Entry;
const Form = @import("coroutine.zig").Form;
const Object = o.Object;
const Error = o.Error;

pub fn decode(data: []const u8) Error!*Object {
    return o.check(c.PyUnicode_DecodeUTF8(data.ptr, @intCast(data.len), null));
}

/// Whether the current exception says that bytes are not UTF-8; then it is gone.
pub fn isUndecodable() Error!bool {
    if (c.PyErr_ExceptionMatches(c.exception("UnicodeDecodeError")) == 0) return false;
    c.PyErr_Clear();
    return true;
}

/// The message whose fragments these are. An error may be that it is not UTF-8.
pub fn join(fragments: []const Entry, form: Form) Error!Entry {
    var size: usize = 0;
    for (fragments) |entry| size += entry.size;
    const joined = try o.check(c.PyBytes_FromStringAndSize(null, @intCast(size)));
    errdefer o.decref(joined);
    const data = try o.bytesData(joined);
    var filled: usize = 0;
    for (fragments) |entry| {
        const part = try o.bytesData(entry.object);
        @memcpy(data[filled..][0..part.len], part);
        filled += part.len;
    }
    const is_text = fragments[0].is_text;
    return .{ .object = try inForm(joined, is_text, form), .size = size, .is_text = is_text };
}

/// The message (taken over, unless this fails) as bytes or str.
pub fn inForm(message: *Object, is_text: bool, form: Form) Error!*Object {
    const wants_text = switch (form) {
        .by_opcode => is_text,
        .bytes => false,
        .text => true,
    };
    const is_str = c.PyType_GetFlags(message.ob_type) & c.Py_TPFLAGS_UNICODE_SUBCLASS != 0;
    if (is_str == wants_text) return message;
    const made = if (is_str) try o.check(c.PyUnicode_AsUTF8String(message)) else try decode(try o.bytesData(message));
    o.decref(message);
    return made;
}
