const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const picows = b.dependency("picows", .{ .target = target, .optimize = optimize });

    const echo = b.addExecutable(.{
        .name = "zig_echo",
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/main.zig"),
            .target = target,
            .optimize = optimize,
            .link_libc = true,
        }),
    });
    echo.root_module.addImport("picows", picows.module("picows"));
    b.installArtifact(echo);

    const run = b.addRunArtifact(echo);
    run.addPassthruArgs();
    b.step("run", "Run the echo server").dependOn(&run.step);
}
