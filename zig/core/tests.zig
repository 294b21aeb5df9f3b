//! Root of the core's tests: every *_test.zig and *_fuzz.zig, and every declaration on the contents page.

const std = @import("std");
const core = @import("core.zig");

test {
    _ = @import("close_fuzz.zig");
    _ = @import("close_test.zig");
    _ = @import("failure_test.zig");
    _ = @import("feeder_test.zig");
    _ = @import("fragments_test.zig");
    _ = @import("handshake_fuzz.zig");
    _ = @import("handshake_test.zig");
    _ = @import("header_fuzz.zig");
    _ = @import("header_test.zig");
    _ = @import("http_fuzz.zig");
    _ = @import("http_test.zig");
    _ = @import("keys_test.zig");
    _ = @import("mask_test.zig");
    _ = @import("opcode_test.zig");
    _ = @import("parser_fuzz.zig");
    _ = @import("parser_strict_test.zig");
    _ = @import("parser_test.zig");
    _ = @import("utf8_fuzz.zig");
    _ = @import("utf8_test.zig");
    _ = @import("wire_test.zig");
    _ = @import("writer_test.zig");
}

test "every public declaration of the core compiles" {
    inline for (comptime std.meta.declarations(core)) |name| {
        const declaration = @field(core, name);
        if (@TypeOf(declaration) == type) std.testing.refAllDecls(declaration);
    }
}
