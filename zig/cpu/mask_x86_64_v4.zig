//! Compiled for x86_64_v4 (AVX-512) alone, see zig/modules.json: nothing here may run before select.zig has looked at the CPU.
const mask = @import("core").mask;

pub fn kernel(dst: [*]u8, src: [*]const u8, len: usize, key: [4]u8) void {
    mask.vector(64, dst, src, len, key);
}
