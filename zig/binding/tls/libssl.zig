//! The functions of the libssl that Python's own `_ssl` uses, found in the running process, and the SSL that belongs to an
//! ssl.SSLObject, found with documented calls alone. In any doubt there is nothing to be found.
//!
//! What stands here outside of functions is all that the extension keeps outside of a module's instance: OpenSSL's index
//! for extra data, with what belongs to it, is the process's, and who looks for an SSL is a matter of the thread.

const std = @import("std");
const builtin = @import("builtin");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const Object = o.Object;
const Error = o.Error;

pub const Pointer = *anyopaque;

/// The names are OpenSSL's.
pub const Functions = struct {
    BIO_clear_flags: *const fn (Pointer, c_int) callconv(.c) void,
    BIO_get_data: *const fn (Pointer) callconv(.c) ?Pointer,
    BIO_meth_new: *const fn (c_int, [*:0]const u8) callconv(.c) ?Pointer,
    BIO_meth_set_ctrl: *const fn (Pointer, *const fn (Pointer, c_int, c_long, ?Pointer) callconv(.c) c_long) callconv(.c) c_int,
    BIO_meth_set_read: *const fn (Pointer, *const fn (Pointer, [*]u8, c_int) callconv(.c) c_int) callconv(.c) c_int,
    BIO_meth_set_write: *const fn (Pointer, *const fn (Pointer, [*]const u8, c_int) callconv(.c) c_int) callconv(.c) c_int,
    BIO_new: *const fn (Pointer) callconv(.c) ?Pointer,
    BIO_set_data: *const fn (Pointer, ?Pointer) callconv(.c) void,
    BIO_set_flags: *const fn (Pointer, c_int) callconv(.c) void,
    BIO_set_init: *const fn (Pointer, c_int) callconv(.c) void,
    CRYPTO_get_ex_new_index: *const fn (c_int, c_long, ?Pointer, *const NewFunction, ?Pointer, ?Pointer) callconv(.c) c_int,
    ERR_clear_error: *const fn () callconv(.c) void,
    OpenSSL_version: *const fn (c_int) callconv(.c) ?[*:0]const u8,
    OpenSSL_version_num: *const fn () callconv(.c) c_ulong,
    SSL_get_error: *const fn (Pointer, c_int) callconv(.c) c_int,
    SSL_get_ex_data: *const fn (Pointer, c_int) callconv(.c) ?Pointer,
    SSL_pending: *const fn (Pointer) callconv(.c) c_int,
    SSL_read: *const fn (Pointer, [*]u8, c_int) callconv(.c) c_int,
    SSL_set_bio: *const fn (Pointer, Pointer, Pointer) callconv(.c) void,
    SSL_shutdown: *const fn (Pointer) callconv(.c) c_int,
    SSL_write: *const fn (Pointer, [*]const u8, c_int) callconv(.c) c_int,
};
const NewFunction = fn (?Pointer, ?Pointer, ?Pointer, c_int, c_long, ?Pointer) callconv(.c) void;

pub const Library = struct {
    functions: Functions,
    /// A BIO_METHOD, which lives as long as the process: a user's SSLObject may outlive the module.
    method: Pointer,
};

/// The SSLs that a thread made while it was `armed`.
pub const Seen = struct { count: usize = 0, last: ?Pointer = null };

const Status = enum(u8) { unknown, busy, missing, found };
var status: std.atomic.Value(Status) = .init(.unknown);
var library: Library = undefined;
threadlocal var armed: ?*Seen = null;

/// The library, if it can be used. Looks for it when first called, in whatever thread and interpreter.
pub fn find() ?*const Library {
    while (true) switch (status.load(.acquire)) {
        .found => return &library,
        // Who waited for a thread that looks would keep the GIL from it: the other backend serves meanwhile.
        .missing, .busy => return null,
        .unknown => {
            if (status.cmpxchgStrong(.unknown, .busy, .acquire, .monotonic) != null) continue;
            const is_found = look() catch missing: {
                c.PyErr_Clear();
                break :missing false;
            };
            status.store(if (is_found) .found else .missing, .release);
        },
    };
}

/// From here to `disarm` the SSLs that this thread makes are seen.
pub fn arm(seen: *Seen) void {
    armed = seen;
}

pub fn disarm() void {
    armed = null;
}

fn onNew(ssl: ?Pointer, _: ?Pointer, _: ?Pointer, _: c_int, _: c_long, _: ?Pointer) callconv(.c) void {
    const seen = armed orelse return;
    seen.count += 1;
    seen.last = ssl;
}

/// The only SSL that was seen, if it says that it belongs to `inner`, the object that `_ssl` made for it.
pub fn owned(found: *const Library, seen: *const Seen, inner: *Object) ?Pointer {
    if (seen.count != 1) return null;
    const ssl = seen.last orelse return null;
    const owner = found.functions.SSL_get_ex_data(ssl, app_data_index) orelse return null;
    return if (@intFromPtr(owner) == @intFromPtr(inner)) ssl else null;
}

/// Of SSL_set_app_data(), with which `_ssl` notes its object.
const app_data_index = 0;
const class_ssl = 0; // CRYPTO_EX_INDEX_SSL
/// The oldest and the newest that were tried: 1.1.1 and 3.
const version_min = 0x10101000;
const version_max = 0x3FFFFFFF;
const bio_type = 0x0400 | 100; // BIO_TYPE_SOURCE_SINK, and a number of one's own

fn look() Error!bool {
    if (builtin.os.tag != .linux) return false;
    const handle = try openSsl() orelse return false;
    const dlsym = @extern(?*const Dlsym, .{ .name = "dlsym", .linkage = .weak }) orelse return false;
    inline for (comptime std.meta.fieldNames(Functions)) |name| {
        const symbol = dlsym(handle, name) orelse return false;
        @field(library.functions, name) = @ptrCast(@alignCast(symbol));
    }
    const functions = &library.functions;
    // Others have functions of the same names.
    const version = functions.OpenSSL_version_num();
    if (version < version_min or version > version_max) return false;
    const text = functions.OpenSSL_version(0) orelse return false;
    if (!std.mem.startsWith(u8, std.mem.span(text), "OpenSSL ")) return false;
    library.method = functions.BIO_meth_new(bio_type, "picows") orelse return false;
    const bio = @import("bio.zig");
    if (functions.BIO_meth_set_read(library.method, bio.read) != 1) return false;
    if (functions.BIO_meth_set_write(library.method, bio.write) != 1) return false;
    if (functions.BIO_meth_set_ctrl(library.method, bio.control) != 1) return false;
    return functions.CRYPTO_get_ex_new_index(class_ssl, 0, null, onNew, null, null) >= 0;
}

/// A handle of `_ssl`, which stands for the libraries that it was linked with as well. Null where it is no file: such a
/// Python has OpenSSL inside, and does not show it.
fn openSsl() Error!?Pointer {
    const dlopen = @extern(?*const Dlopen, .{ .name = "dlopen", .linkage = .weak }) orelse return null;
    const module = try o.check(c.PyImport_ImportModule("_ssl"));
    defer o.decref(module);
    const file = try o.check(c.PyObject_GetAttrString(module, "__file__"));
    defer o.decref(file);
    var size: c.Py_ssize_t = 0;
    const path = c.PyUnicode_AsUTF8AndSize(file, &size) orelse return error.Python;
    const now_without_loading = 2 | 4; // RTLD_NOW | RTLD_NOLOAD
    return dlopen(@ptrCast(path), now_without_loading);
}

const Dlsym = fn (handle: ?Pointer, name: [*:0]const u8) callconv(.c) ?Pointer;
const Dlopen = fn (path: [*:0]const u8, flags: c_int) callconv(.c) ?Pointer;

/// The functions, for who knows that they were found.
pub fn ofFound() *const Functions {
    return &library.functions;
}
