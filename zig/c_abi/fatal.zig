//! How a failed safety check ends a program that has no Python: a line on stderr, then abort. std's own panic would print
//! a stack trace, at the cost of megabytes and of everything that reads debug information.
const builtin = @import("builtin");
const std = @import("std");

pub fn fatal(message: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    print("picows: ");
    print(message);
    print("\n");
    std.process.abort();
}

/// Not through libc on Linux: the library serves glibc, musl and programs without either.
fn print(text: []const u8) void {
    switch (builtin.os.tag) {
        .linux => _ = std.os.linux.write(2, text.ptr, text.len),
        .windows => {
            var written: u32 = 0;
            const stderr = GetStdHandle(@bitCast(@as(i32, -12)));
            _ = WriteFile(stderr, text.ptr, @intCast(text.len), &written, null);
        },
        else => _ = std.c.write(2, text.ptr, text.len),
    }
}

extern "kernel32" fn GetStdHandle(number: u32) callconv(.winapi) ?*anyopaque;
extern "kernel32" fn WriteFile(
    file: ?*anyopaque,
    bytes: [*]const u8,
    size: u32,
    written: *u32,
    overlapped: ?*anyopaque,
) callconv(.winapi) c_int;
