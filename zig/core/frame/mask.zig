//! Masking of payloads, RFC 6455 5.3: byte i of the payload is XORed with byte i mod 4 of the masking key.
//! Masking twice with the same key gives the payload back, so the same kernels mask and unmask.
//!
//! Every kernel keeps the same promise: it reads src[0..len], writes dst[0..len] and touches no byte outside of them.
//! `dst` and `src` are the same address (in place) or do not overlap at all.
const std = @import("std");

/// How the rest of the library calls masking. A caller that has no reason to choose takes `baseline`.
pub const Kernel = *const fn (dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void;

/// The definition in RFC 6455 5.3, word for word. It is the oracle that tests compare every other kernel with.
pub fn scalar(dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    for (dst[0..len], src[0..len], 0..) |*out, in, i| out.* = in ^ key[i & 3];
}

/// The kernel for every CPU of the target: 16-byte vectors are SSE2 on x86-64 and NEON on aarch64.
pub fn baseline(dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    vector(16, dst, src, len, key);
}

/// The key that continues a payload at byte `offset`: rotate(key, n)[i] == key[(n + i) mod 4].
pub inline fn rotate(key: [4]u8, offset: usize) [4]u8 {
    // As a little-endian number the first byte is the lowest one, so a later start is a shift to the right.
    const bits: u5 = @intCast((offset & 3) * 8);
    const word = std.math.rotr(u32, std.mem.readInt(u32, &key, .little), bits);
    var rotated: [4]u8 = undefined;
    std.mem.writeInt(u32, &rotated, word, .little);
    return rotated;
}

/// The kernel template for vectors of `width` bytes. It is inline, and so is all that it calls, so that it is compiled
/// for the CPU of the module that instantiates it (zig/cpu).
///
/// No length needs a loop over single bytes: a payload of w to 2w bytes is one block of w bytes at its start and one at
/// its end, which may overlap. Both are loaded before either is stored, so an overlap is right in place as well.
pub inline fn vector(comptime width: usize, dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    comptime std.debug.assert(std.math.isPowerOfTwo(width) and width >= 4);
    if (len > 2 * width) return blocks(width, dst, src, len, key);
    comptime var w = width;
    inline while (w >= 4) : (w /= 2) {
        if (len >= w) return ends(w, dst, src, len, key);
    }
    if (len > 0) return upToThree(dst, src, len, key);
}

/// More than two blocks: the first, the last, and between them as many as it takes, at aligned addresses of `dst`.
/// An unaligned store that crosses a cache line costs twice; in place the loads become aligned with the stores.
inline fn blocks(comptime width: usize, dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    @setRuntimeSafety(false); // guard pages in zig/cpu/tests.zig watch this
    const start = load(width, src) ^ repeat(width, key);
    const end = load(width, src + len - width) ^ repeat(width, rotate(key, len - width));

    // From here on, bytes below `at` and from len - width on are in `start` and `end`: it does not matter that the
    // loop overwrites some of them.
    var at = width - (@intFromPtr(dst) & (width - 1));
    const keys = repeat(width, rotate(key, at));
    while (len - at >= 4 * width) : (at += 4 * width) {
        const a = load(width, src + at) ^ keys;
        const b = load(width, src + at + width) ^ keys;
        const c = load(width, src + at + 2 * width) ^ keys;
        const d = load(width, src + at + 3 * width) ^ keys;
        store(width, dst + at, a);
        store(width, dst + at + width, b);
        store(width, dst + at + 2 * width, c);
        store(width, dst + at + 3 * width, d);
    }
    while (len - at > width) : (at += width) store(width, dst + at, load(width, src + at) ^ keys);

    store(width, dst, start);
    store(width, dst + len - width, end);
}

/// `width` to 2 * `width` bytes: the first block and the last one.
inline fn ends(comptime width: usize, dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    @setRuntimeSafety(false); // guard pages in zig/cpu/tests.zig watch this
    const start = load(width, src) ^ repeat(width, key);
    const end = load(width, src + len - width) ^ repeat(width, rotate(key, len - width));
    store(width, dst, start);
    store(width, dst + len - width, end);
}

/// One to three bytes: the first, the middle and the last one, which may be the same.
inline fn upToThree(dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    @setRuntimeSafety(false); // guard pages in zig/cpu/tests.zig watch this
    const middle = len / 2;
    const last = len - 1;
    const a = src[0] ^ key[0];
    const b = src[middle] ^ key[middle];
    const c = src[last] ^ key[last];
    dst[0] = a;
    dst[middle] = b;
    dst[last] = c;
}

inline fn repeat(comptime width: usize, key: [4]u8) @Vector(width, u8) {
    const keys: [width / 4][4]u8 = @splat(key);
    return @as(*const [width]u8, @ptrCast(&keys)).*;
}

// Through arrays, never through a pointer to a vector: how many bytes lie behind such a pointer is the compiler's choice.
inline fn load(comptime width: usize, src: [*]const u8) @Vector(width, u8) {
    return src[0..width].*;
}

inline fn store(comptime width: usize, dst: [*]u8, block: @Vector(width, u8)) void {
    dst[0..width].* = block;
}
