//! The enumerations that Python sees, made from the core's.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const doc = @import("enums_doc.zig");
const State = @import("state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// When auto-ping sends a PING. The core does not know this: it has no clock.
pub const AutoPingStrategy = enum(u8) {
    /// After so long without a byte received.
    ping_when_idle = 1,
    /// So often, whatever is received.
    ping_periodically = 2,
};

pub fn load(state: *State) Error!void {
    const enum_module = try o.check(c.PyImport_ImportModule("enum"));
    defer o.decref(enum_module);
    const int_enum = try o.check(c.PyObject_GetAttrString(enum_module, "IntEnum"));
    defer o.decref(int_enum);
    const enums = &state.enums;
    enums.WSMsgType = try make(int_enum, "WSMsgType", core.Opcode, doc.WSMsgType);
    enums.WSCloseCode = try make(state.imports.CloseCodeBase, "WSCloseCode", core.CloseCode, doc.WSCloseCode);
    enums.WSAutoPingStrategy = try make(int_enum, "WSAutoPingStrategy", AutoPingStrategy, doc.WSAutoPingStrategy);
    inline for (comptime std.enums.values(core.Opcode)) |opcode| {
        enums.msg_types[@backingInt(opcode)] = try member(enums.WSMsgType, @tagName(opcode));
    }
    inline for (comptime std.enums.values(core.CloseCode), 0..) |code, i| {
        enums.close_codes[i] = try member(enums.WSCloseCode, @tagName(code));
    }
}

/// base(name, [(NAME, value), ...], module="picows"), with an IntEnum without members as base, and a docstring.
fn make(base: *Object, name: [:0]const u8, comptime Enum: type, docstring: []const u8) Error!*Object {
    const values = comptime std.enums.values(Enum);
    const members = try o.check(c.PyList_New(values.len));
    defer o.decref(members);
    inline for (values, 0..) |value, i| {
        const pair = try o.check(c.PyTuple_New(2));
        try o.checkStatus(c.PyList_SetItem(members, i, pair));
        try o.checkStatus(c.PyTuple_SetItem(pair, 0, try o.text(comptime &upper(@tagName(value)))));
        try o.checkStatus(c.PyTuple_SetItem(pair, 1, try o.check(c.PyLong_FromLong(@backingInt(value)))));
    }
    const args = try o.check(c.PyTuple_New(2));
    defer o.decref(args);
    try o.checkStatus(c.PyTuple_SetItem(args, 0, try o.text(name)));
    try o.checkStatus(c.PyTuple_SetItem(args, 1, o.incref(members)));
    const keywords = try o.check(c.PyDict_New());
    defer o.decref(keywords);
    const module = try o.text("picows");
    defer o.decref(module);
    try o.checkStatus(c.PyDict_SetItemString(keywords, "module", module));
    const made = try o.check(c.PyObject_Call(base, args, keywords));
    errdefer o.decref(made);
    const docs = try o.text(docstring);
    defer o.decref(docs);
    try o.checkStatus(c.PyObject_SetAttrString(made, "__doc__", docs));
    return made;
}

fn member(class: *Object, comptime name: []const u8) Error!*Object {
    const upper_name = comptime upper(name) ++ [_]u8{0};
    return o.check(c.PyObject_GetAttrString(class, upper_name[0..name.len :0]));
}

fn upper(comptime name: []const u8) [name.len]u8 {
    var buffer: [name.len]u8 = undefined;
    _ = std.ascii.upperString(&buffer, name);
    return buffer;
}
