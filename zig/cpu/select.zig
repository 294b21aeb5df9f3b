//! Chooses the kernels for the CPU that the program runs on. This module is compiled for the oldest CPU of the target;
//! the module of each level above it is compiled for that level, so its code may run only after `detect` returned it.
const std = @import("std");
const builtin = @import("builtin");
const mask = @import("core").mask;

/// What is known to be there, in rising order. `baseline` is what the target promises: SSE2 on x86-64, NEON on aarch64.
pub const Level = enum { baseline, x86_64_v3, x86_64_v4 };

/// The best masking kernel for this CPU. The answer never changes, so a caller asks once and keeps it.
pub fn maskKernel() mask.Kernel {
    return kernelFor(detect()).?;
}

/// The masking kernel of one level, null if the target has no such level. Calling the kernel of a level above `detect()`
/// is an illegal instruction.
pub fn kernelFor(level: Level) ?mask.Kernel {
    if (level == .baseline) return mask.baseline;
    if (builtin.cpu.arch != .x86_64) return null;
    return switch (level) {
        .baseline => unreachable,
        .x86_64_v3 => @import("mask_x86_64_v3").kernel,
        .x86_64_v4 => @import("mask_x86_64_v4").kernel,
    };
}

/// The highest level that is worth using and whose every instruction CPU and operating system both support. A level is
/// a promise to the compiler, which may use any instruction of it anywhere: so every feature of it is looked at.
pub fn detect() Level {
    if (builtin.cpu.arch != .x86_64) return .baseline;
    return levelOf(.{
        .basic = if (cpuid(0, 0).eax >= 1) cpuid(1, 0) else .{},
        .structured = if (cpuid(0, 0).eax >= 7) cpuid(7, 0) else .{},
        .extended = if (cpuid(0x8000_0000, 0).eax >= 0x8000_0001) cpuid(0x8000_0001, 0) else .{},
    }, xcr0);
}

/// What one CPUID leaf says; a leaf that the CPU does not have says no to everything.
pub const Registers = struct { eax: u32 = 0, ebx: u32 = 0, ecx: u32 = 0, edx: u32 = 0 };

/// The three leaves that name the features of all levels: 1, 7 and 0x8000_0001.
pub const Leaves = struct { basic: Registers, structured: Registers, extended: Registers };

/// The x86-64 psABI's definition of its levels. `readXcr0` is called only if the operating system allows XGETBV.
pub fn levelOf(leaves: Leaves, readXcr0: *const fn () u32) Level {
    if (!all(leaves.basic.ecx, v3_basic_ecx)) return .baseline;
    if (!all(leaves.structured.ebx, v3_structured_ebx)) return .baseline;
    if (!all(leaves.extended.ecx, v3_extended_ecx)) return .baseline;
    const saved = readXcr0();
    if (!all(saved, xcr0_avx)) return .baseline;

    if (!all(leaves.structured.ebx, v4_structured_ebx)) return .x86_64_v3;
    if (!all(leaves.structured.ecx, steady_clock_ecx)) return .x86_64_v3;
    if (!all(saved, xcr0_avx512)) return .x86_64_v3;
    return .x86_64_v4;
}

// Levels v2 and v3 together. Level v1, which has SSE2, is the baseline.
const v3_basic_ecx =
    bit(0) | // SSE3
    bit(9) | // SSSE3
    bit(12) | // FMA
    bit(13) | // CMPXCHG16B
    bit(19) | // SSE4.1
    bit(20) | // SSE4.2
    bit(22) | // MOVBE
    bit(23) | // POPCNT
    bit(26) | // XSAVE
    bit(27) | // OSXSAVE: the operating system uses XSAVE, and XGETBV may be executed
    bit(28) | // AVX
    bit(29); // F16C
const v3_structured_ebx =
    bit(3) | // BMI1
    bit(5) | // AVX2
    bit(8); // BMI2
const v3_extended_ecx =
    bit(0) | // LAHF and SAHF in 64-bit mode
    bit(5); // LZCNT
const v4_structured_ebx =
    bit(16) | // AVX512F
    bit(17) | // AVX512DQ
    bit(28) | // AVX512CD
    bit(30) | // AVX512BW
    bit(31); // AVX512VL
// VBMI2 is no part of the level. Intel's CPUs that have the level but not this (Skylake-X to Cooper Lake) lower the clock of
// the whole core for a while when they meet a 512-bit vector, which costs the rest of the program more than we gain.
const steady_clock_ecx = bit(6);

// Registers that the operating system saves when it switches threads. Without these bits another thread would find its
// vectors overwritten, whatever CPUID says.
const xcr0_avx =
    bit(1) | // XMM
    bit(2); // upper halves of YMM
const xcr0_avx512 = xcr0_avx |
    bit(5) | // opmask
    bit(6) | // upper halves of ZMM0 to ZMM15
    bit(7); // ZMM16 to ZMM31

fn bit(comptime number: u5) u32 {
    return 1 << number;
}

fn all(value: u32, wanted: u32) bool {
    return value & wanted == wanted;
}

fn cpuid(leaf: u32, subleaf: u32) Registers {
    var eax: u32 = undefined;
    var ebx: u32 = undefined;
    var ecx: u32 = undefined;
    var edx: u32 = undefined;
    asm volatile ("cpuid"
        : [_] "={eax}" (eax),
          [_] "={ebx}" (ebx),
          [_] "={ecx}" (ecx),
          [_] "={edx}" (edx),
        : [_] "{eax}" (leaf),
          [_] "{ecx}" (subleaf),
    );
    return .{ .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };
}

fn xcr0() u32 {
    return asm volatile ("xgetbv"
        : [_] "={eax}" (-> u32),
        : [_] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
}
