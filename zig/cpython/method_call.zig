//! Calling a method by name for every frame or read. CPython's function for that takes an array, which costs half of what its
//! variadic one does. It is public in 3.11 and in the stable ABI from 3.12 on, so one file for both may not import it and
//! looks for it when it is loaded. Where it cannot be found the variadic one does the same.

const builtin = @import("builtin");
const c = @import("capi.zig");
const o = @import("object.zig");
const Object = o.Object;
const Error = o.Error;

/// The most arguments that `call` takes, without the object itself.
const arguments_max = 2;
/// In the number of arguments: the callee may use the place of the first one meanwhile.
const arguments_offset = @as(usize, 1) << (@bitSizeOf(usize) - 1);

pub const MethodCall = struct {
    function: c.vectorcallfunc,

    pub fn find() MethodCall {
        const found = lookUp("PyObject_VectorcallMethod") orelse return .{ .function = &variadic };
        return .{ .function = @ptrCast(@alignCast(found)) };
    }

    /// Calls the method `name` (an interned str) of `object` with positional arguments.
    pub inline fn call(self: MethodCall, object: *Object, name: *Object, arguments: anytype) Error!*Object {
        comptime if (arguments.len > arguments_max) unreachable;
        var array: [1 + arguments.len]?*Object = undefined;
        array[0] = object;
        inline for (arguments, 1..) |argument, i| array[i] = @ptrCast(argument);
        return o.check(self.function(name, &array, array.len | arguments_offset, null));
    }
};

fn variadic(name: ?*Object, array: [*]const ?*Object, count: usize, _: ?*Object) callconv(.c) ?*Object {
    const end: ?*Object = null;
    const object = array[0].?;
    return switch (count & ~arguments_offset) {
        1 => c.PyObject_CallMethodObjArgs(object, name.?, end),
        2 => c.PyObject_CallMethodObjArgs(object, name.?, array[1], end),
        1 + arguments_max => c.PyObject_CallMethodObjArgs(object, name.?, array[1], array[2], end),
        else => unreachable,
    };
}

/// A function of CPython's in the running process. Only on Linux, where it could be tried.
fn lookUp(name: [*:0]const u8) ?*anyopaque {
    if (builtin.os.tag != .linux) return null;
    // Weak: a program that is linked statically has no loader to ask.
    const Dlsym = fn (handle: ?*anyopaque, name: [*:0]const u8) callconv(.c) ?*anyopaque;
    const dlsym = @extern(?*const Dlsym, .{ .name = "dlsym", .linkage = .weak }) orelse return null;
    return dlsym(null, name);
}
