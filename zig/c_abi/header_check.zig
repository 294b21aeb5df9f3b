//! The text of a C file that compiles only if picows.h says the same as picows.zig: every value, size, offset and type.
//! tests/test_picows_h.py has it compiled, and makes sure that the header says no more than that either.

const std = @import("std");
const abi = @import("picows.zig");

pub const panic = abi.panic;

/// Written by the compiler: nothing of this runs.
export const picows_header_check: [text.len:0]u8 = text[0..text.len].* ++ [_:0]u8{};

const text = text: {
    @setEvalBranchQuota(1_000_000);
    var c: []const u8 = "#include <stddef.h>\n#include <stdint.h>\n" ++
        // To Zig a character is a byte; to C it is a type of its own.
        "#define char unsigned char\n#include \"picows.h\"\n" ++
        "#define EQUAL(a, b) _Static_assert((a) == (b), #a)\n" ++
        "#define SAME(a, b) _Static_assert(__builtin_types_compatible_p(a, b), #a)\n";
    for (fieldNames(abi.constants)) |name| c = c ++ equal(name, @field(abi.constants, name));
    for (fieldNames(abi.enums)) |prefix| {
        const info = @typeInfo(@field(abi.enums, prefix)).@"enum";
        for (info.field_names, info.field_values) |name, value| c = c ++ equal(prefix ++ upper(name), value);
    }
    for (fieldNames(abi.structs)) |name| c = c ++ structure(name, @field(abi.structs, name));
    for (@typeInfo(abi.functions).@"struct".decl_names) |name| {
        c = c ++ same("&" ++ name, functionType(@TypeOf(@field(abi.functions, name))));
    }
    break :text c;
};

fn fieldNames(comptime list: anytype) []const [:0]const u8 {
    return @typeInfo(@TypeOf(list)).@"struct".field_names;
}

fn equal(comptime expression: []const u8, comptime value: comptime_int) []const u8 {
    return std.fmt.comptimePrint("EQUAL({s}, {d});\n", .{ expression, value });
}

fn same(comptime expression: []const u8, comptime c_type: []const u8) []const u8 {
    return "SAME(__typeof__(" ++ expression ++ "), " ++ c_type ++ ");\n";
}

fn upper(comptime name: []const u8) []const u8 {
    var copy: [name.len]u8 = undefined;
    for (&copy, name) |*to, from| to.* = std.ascii.toUpper(from);
    const constant = copy;
    return &constant;
}

fn structure(comptime name: []const u8, comptime Struct: type) []const u8 {
    var c: []const u8 = equal("sizeof(" ++ name ++ ")", @sizeOf(Struct)) ++
        equal("_Alignof(" ++ name ++ ")", @alignOf(Struct));
    const info = @typeInfo(Struct).@"struct";
    for (info.field_names, info.field_types) |field, Field| {
        // `private` is a keyword of C++.
        const c_field = if (std.mem.eql(u8, field, "private")) "private_" else field;
        c = c ++ equal("offsetof(" ++ name ++ ", " ++ c_field ++ ")", @offsetOf(Struct, field)) ++
            same("((" ++ name ++ " *)0)->" ++ c_field, cType(Field));
    }
    return c;
}

fn functionType(comptime Function: type) []const u8 {
    const info = @typeInfo(Function).@"fn";
    var c: []const u8 = cType(info.return_type.?) ++ " (*)(";
    for (info.param_types, 0..) |Parameter, i| c = c ++ (if (i > 0) ", " else "") ++ cType(Parameter.?);
    return c ++ (if (info.param_types.len == 0) "void)" else ")");
}

fn cType(comptime T: type) []const u8 {
    return switch (T) {
        u8 => "uint8_t",
        u16 => "uint16_t",
        u32 => "uint32_t",
        i32 => "int32_t",
        u64 => "uint64_t",
        usize => "size_t",
        c_int => "int",
        abi.enums.PICOWS_ => "picows_result",
        else => switch (@typeInfo(T)) {
            .optional => |info| cType(info.child),
            .pointer => |info| pointee(info.child) ++ (if (info.attrs.@"const") " const *" else " *"),
            .array => |info| "__typeof__(" ++ cType(info.child) ++ std.fmt.comptimePrint(" [{d}])", .{info.len}),
            .@"struct" => structName(T),
            else => @compileError("no type of C: " ++ @typeName(T)),
        },
    };
}

/// Among parameters C makes a pointer to its first element of an array.
fn pointee(comptime T: type) []const u8 {
    return switch (@typeInfo(T)) {
        .array => |info| cType(info.child),
        else => cType(T),
    };
}

fn structName(comptime T: type) []const u8 {
    for (fieldNames(abi.structs)) |name| {
        if (@field(abi.structs, name) == T) return name;
    }
    @compileError("not in picows.zig: " ++ @typeName(T));
}
