//! For those who come with Zig. `setup.py` makes what Python installs; both take the list of modules
//! from zig/modules.json.
//!
//!     zig build test                  tests of the core and of the kernels
//!     zig build test --fuzz=200K      the same targets fuzzed; read the output, a crash still exits 0
//!     zig build native                the extension for this machine, in zig-out/picows/
//!     zig build lib -Doptimize=safe   header, libpicows.a, shared library, pkg-config file, in zig-out/
//!
//! As a package it has two modules: `picows`, which is zig/core, and `picows_cpu`, which finds the best masking kernel.

const std = @import("std");
const version = @import("zig/version.zig").version;

const ModuleRow = struct {
    name: []const u8,
    root: []const u8,
    free_threaded: ?[]const u8 = null,
    deps: []const []const u8,
    cpu: ?[]const u8 = null,
    arch: ?[]const u8 = null,
    package: ?[]const u8 = null,
};

pub fn build(b: *std.Build) void {
    // Not the CPU at hand: kernels for newer CPUs are modules of their own, chosen at run time.
    // And not the libc at hand: naming one means Zig's own, so that no libc needs to be installed.
    var default: std.Target.Query = .{ .cpu_model = .baseline };
    if (b.graph.host.result.isGnuLibC()) {
        default.abi = .gnu;
        default.glibc_version = .{ .major = 2, .minor = 17, .patch = 0 };
    }
    const target = b.standardTargetOptions(.{ .default_target = default });
    const optimize = b.standardOptimizeOption(.{});
    const free_threaded = b.option(bool, "free-threaded", "For CPython without a GIL") orelse false;
    const modules = addModules(b, target, optimize, free_threaded);

    const test_step = b.step("test", "Run the tests of the core and of the kernels");
    for ([_][]const u8{ "core", "cpu" }) |name| {
        const module = modules.get(name).?;
        const root = module.root_source_file.?.dirname().path(b, "tests.zig");
        const tests = b.addTest(.{
            .name = b.fmt("{s}-tests", .{name}),
            .use_llvm = true, // Zig's own x86-64 backend has no instrumentation for --fuzz
            .root_module = b.createModule(.{
                .root_source_file = root,
                .target = target,
                .optimize = optimize,
            }),
        });
        var imports = module.import_table.iterator();
        while (imports.next()) |import| tests.root_module.addImport(import.key_ptr.*, import.value_ptr.*);
        test_step.dependOn(&b.addRunArtifact(tests).step);
    }

    const native = b.addLibrary(.{
        .name = "_native",
        .linkage = .dynamic,
        .root_module = modules.get("native").?,
    });
    native.root_module.link_libc = true;
    native.linker_allow_shlib_undefined = true; // Python's symbols come from the interpreter
    const install = b.addInstallArtifact(native, .{
        .dest_dir = .{ .override = .{ .custom = "picows" } },
        .dest_sub_path = if (free_threaded) "_native.so" else "_native.abi3.so",
        .dylib_symlinks = false,
    });
    b.step("native", "Compile the extension for this machine").dependOn(&install.step);
    addLibrary(b, modules);
}

/// What `python setup.py library` makes too, but for the extension.
fn addLibrary(b: *std.Build, modules: std.StringHashMap(*std.Build.Module)) void {
    const step = b.step("lib", "Make the library for C: header, libpicows.a, shared library");
    const module = modules.get("c_abi").?;
    module.pic = true;
    // Probing the stack is a function of Zig's runtime library, which is left out below.
    var all = modules.valueIterator();
    while (all.next()) |one| one.*.stack_check = false;
    for ([_]std.builtin.LinkMode{ .static, .dynamic }) |linkage| {
        const library = b.addLibrary(.{
            .name = "picows",
            .linkage = linkage,
            .root_module = module,
            .version = std.SemanticVersion.parse(version) catch unreachable,
            .use_llvm = true, // Zig's own x86-64 backend writes past the end of short vectors
        });
        // memcpy is that of the program's libc.
        library.bundle_compiler_rt = false;
        library.linker_allow_shlib_undefined = true;
        step.dependOn(&b.addInstallArtifact(library, .{}).step);
    }
    const headers = b.addInstallDirectory(.{
        .source_dir = b.path("picows/include"),
        .install_dir = .header,
        .install_subdir = "",
    });
    step.dependOn(&headers.step);
    const template = @embedFile("zig/c_abi/picows.pc.in");
    const pkg_config = std.mem.replaceOwned(u8, b.graph.arena, template, "@version@", version) catch @panic("OOM");
    const file = b.addWriteFiles().add("picows.pc", pkg_config);
    step.dependOn(&b.addInstallFileWithDir(file, .lib, "pkgconfig/picows.pc").step);
}

fn addModules(
    b: *std.Build,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.Optimize,
    free_threaded: bool,
) std.StringHashMap(*std.Build.Module) {
    const arena = b.graph.arena;
    const source = @embedFile("zig/modules.json");
    const rows = std.json.parseFromSliceLeaky([]const ModuleRow, arena, source, .{}) catch |err|
        std.debug.panic("zig/modules.json: {t}", .{err});
    var modules: std.StringHashMap(*std.Build.Module) = .init(arena);
    for (rows) |row| {
        if (row.arch) |arch| if (!std.mem.eql(u8, arch, @tagName(target.result.cpu.arch))) continue;
        var query = target.query;
        if (row.cpu) |name| {
            const model = target.result.cpu.arch.parseCpuModel(name) orelse
                std.debug.panic("zig/modules.json: no CPU {s}", .{name});
            query.cpu_model = .{ .explicit = model };
        }
        const options: std.Build.Module.CreateOptions = .{
            .root_source_file = b.path(if (free_threaded) row.free_threaded orelse row.root else row.root),
            .target = b.resolveTargetQuery(query),
            .optimize = optimize,
        };
        // Those with a name for packages are seen by builds that depend on this one.
        const module = if (row.package) |name| b.addModule(name, options) else b.createModule(options);
        modules.put(row.name, module) catch @panic("OOM");
    }
    for (rows) |row| {
        const module = modules.get(row.name) orelse continue;
        // A dependency for another architecture is left out: the source asks before it imports one.
        for (row.deps) |dep| if (modules.get(dep)) |found| module.addImport(dep, found);
    }
    return modules;
}
