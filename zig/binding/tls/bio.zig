//! OpenSSL's end of a Pipe: a BIO whose data it is. Called without the GIL in a handshake, so nothing of Python's is touched.

const libssl = @import("libssl.zig");
const Pipe = @import("pipe.zig").Pipe;
const Pointer = libssl.Pointer;

const should_read = 0x01; // BIO_FLAGS_READ
const should_write = 0x02; // BIO_FLAGS_WRITE
const should_retry = 0x08; // BIO_FLAGS_SHOULD_RETRY
const retry_flags = 0x0F; // with BIO_FLAGS_IO_SPECIAL
const control_flush = 11; // BIO_CTRL_FLUSH

/// Null for a BIO whose connection is gone.
fn pipeOf(bio: Pointer) ?*Pipe {
    return @ptrCast(@alignCast(libssl.ofFound().BIO_get_data(bio)));
}

pub fn read(bio: Pointer, memory: [*]u8, size: c_int) callconv(.c) c_int {
    libssl.ofFound().BIO_clear_flags(bio, retry_flags);
    const pipe = pipeOf(bio) orelse return -1;
    if (size <= 0) return 0;
    const count = pipe.take(memory[0..@intCast(size)]);
    if (count == 0) return retry(bio, should_read);
    return @intCast(count);
}

pub fn write(bio: Pointer, data: [*]const u8, size: c_int) callconv(.c) c_int {
    libssl.ofFound().BIO_clear_flags(bio, retry_flags);
    const pipe = pipeOf(bio) orelse return -1;
    if (size <= 0) return 0;
    const count = pipe.put(data[0..@intCast(size)]);
    if (count == 0) return retry(bio, should_write);
    return @intCast(count);
}

fn retry(bio: Pointer, which: c_int) c_int {
    libssl.ofFound().BIO_set_flags(bio, should_retry | which);
    return -1;
}

pub fn control(_: Pointer, command: c_int, _: c_long, _: ?Pointer) callconv(.c) c_long {
    return if (command == control_flush) 1 else 0;
}
