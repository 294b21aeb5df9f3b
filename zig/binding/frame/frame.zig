//! WSFrame: a view of one received frame.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const doc = @import("frame_doc.zig");
const errors = @import("cpython").errors;
const Chunk = @import("../memory/chunk.zig").Chunk;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

/// When the read was that delivered a frame.
pub const Arrival = struct {
    /// time.monotonic(), in seconds.
    received_at: f64,
    /// time.time_ns() at which the kernel got the last bytes of the read; 0 if it did not say.
    kernel_time_ns: i64,
};

pub const WSFrame = extern struct {
    ob: Object,
    vtable: *const VTable,
    // The fields from here to `kernel_time_ns` are public to native code, in the order of picows.pxd.
    payload_ptr: [*]u8,
    payload_size: c.Py_ssize_t,
    tail_size: c.Py_ssize_t,
    msg_type: c_int,
    fin: u8,
    rsv1: u8,
    rsv2: u8,
    rsv3: u8,
    last_in_buffer: u8,
    received_at: f64,
    kernel_time_ns: i64,

    state: *State,
    /// The memory of the payload, once the frame has outlived its callback. During the callback the receiver holds the memory.
    chunk: ?*Chunk,

    pub fn payload(self: *const WSFrame) []const u8 {
        return self.payload_ptr[0..@intCast(self.payload_size)];
    }

    /// A frame object for what the parser found. It is the loop's spare one if there is one.
    pub fn obtain(loop: *LoopState, parsed: core.Frame, tail_size: usize, last_in_buffer: bool, arrival: Arrival) Error!*WSFrame {
        const self: *WSFrame = if (loop.takeSpareFrame()) |spare| @ptrCast(@alignCast(spare)) else try create(loop.state);
        self.payload_ptr = parsed.payload.ptr;
        self.payload_size = @intCast(parsed.payload.len);
        self.tail_size = @intCast(tail_size);
        self.msg_type = @backingInt(parsed.opcode);
        self.fin = @intFromBool(parsed.flags.fin);
        self.rsv1 = @intFromBool(parsed.flags.rsv1);
        self.rsv2 = @intFromBool(parsed.flags.rsv2);
        self.rsv3 = @intFromBool(parsed.flags.rsv3);
        self.last_in_buffer = @intFromBool(last_in_buffer);
        self.received_at = arrival.received_at;
        self.kernel_time_ns = arrival.kernel_time_ns;
        return self;
    }

    fn create(state: *State) Error!*WSFrame {
        const self = try o.allocate(WSFrame, state.types.WSFrame);
        self.vtable = &vtable;
        self.state = state;
        return self;
    }

    /// What a CLOSE frame says; ValueError for others.
    pub fn close(self: *WSFrame) Error!core.close.Close {
        if (self.msg_type != @backingInt(core.Opcode.close)) {
            return errors.raise("ValueError", "only a CLOSE frame has a close code and a reason; check frame.msg_type first");
        }
        return switch (core.close.decode(self.payload())) {
            .close => |decoded| decoded,
            // The parser delivers no such CLOSE, but native code may have written to the payload.
            .failure => errors.raise("ValueError", "the payload of the CLOSE frame was overwritten"),
        };
    }

    /// The callback is done with the frame. If somebody kept it (or a memoryview of it), it takes a share of the memory that it
    /// shows. Otherwise the object is used again for the next frame.
    pub fn settle(self: *WSFrame, loop: *LoopState, chunk: *Chunk) void {
        if (o.isUnique(&self.ob)) {
            if (loop.spare_frame == null) {
                loop.spare_frame = &self.ob;
                return;
            }
        } else {
            self.chunk = o.incref(chunk);
            chunk.escaped = true;
        }
        o.decref(self);
    }
};

/// C functions in the order of picows.pxd. `skip_dispatch` is Cython's: WSFrame cannot be derived from, so it has no effect.
pub const VTable = extern struct {
    get_payload_as_bytes: *const fn (*WSFrame, c_int) callconv(.c) ?*Object = payloadAsBytes,
    get_payload_as_utf8_text: *const fn (*WSFrame, c_int) callconv(.c) ?*Object = payloadAsUtf8,
    get_payload_as_ascii_text: *const fn (*WSFrame, c_int) callconv(.c) ?*Object = payloadAsAscii,
    get_payload_as_memoryview: *const fn (*WSFrame, c_int) callconv(.c) ?*Object = payloadAsMemoryview,
    get_close_code: *const fn (*WSFrame, c_int) callconv(.c) c_int = closeCodeValue,
    get_close_message: *const fn (*WSFrame, c_int) callconv(.c) ?*Object = closeMessage,
    get_close_reason: *const fn (*WSFrame, c_int) callconv(.c) ?*Object = closeReason,
};
pub const vtable: VTable = .{};

fn payloadAsBytes(self: *WSFrame, _: c_int) callconv(.c) ?*Object {
    return c.PyBytes_FromStringAndSize(self.payload_ptr, self.payload_size);
}

fn payloadAsUtf8(self: *WSFrame, _: c_int) callconv(.c) ?*Object {
    return c.PyUnicode_DecodeUTF8(self.payload_ptr, self.payload_size, null);
}

fn payloadAsAscii(self: *WSFrame, _: c_int) callconv(.c) ?*Object {
    return c.PyUnicode_DecodeASCII(self.payload_ptr, self.payload_size, null);
}

fn payloadAsMemoryview(self: *WSFrame, _: c_int) callconv(.c) ?*Object {
    return c.PyMemoryView_FromObject(&self.ob);
}

fn closeCodeValue(self: *WSFrame, _: c_int) callconv(.c) c_int {
    const decoded = self.close() catch return -1;
    return @backingInt(decoded.code);
}

fn closeMessage(self: *WSFrame, _: c_int) callconv(.c) ?*Object {
    const decoded = self.close() catch return null;
    return o.toC(o.bytes(decoded.text() orelse return o.none()));
}

fn closeReason(self: *WSFrame, _: c_int) callconv(.c) ?*Object {
    const decoded = self.close() catch return null;
    const text = decoded.text() orelse return o.none();
    return c.PyUnicode_DecodeUTF8(text.ptr, @intCast(text.len), null);
}

fn closeCode(self: *WSFrame, _: ?*Object) callconv(.c) ?*Object {
    const decoded = self.close() catch return null;
    return o.toC(closeCodeObject(self.state, decoded.code));
}

/// A close code as the WSCloseCode member, or as an int where there is none (RFC 6455 7.4.2: 3000-4999).
pub fn closeCodeObject(state: *State, code: core.CloseCode) Error!*Object {
    inline for (comptime std.enums.values(core.CloseCode), 0..) |known, i| {
        if (code == known) return o.incref(state.enums.close_codes[i].?);
    }
    return o.check(c.PyLong_FromLong(@backingInt(code)));
}

/// Makes a function that Python can call from an entry of the table.
fn viaTable(comptime name: []const u8) fn (*WSFrame, ?*Object) callconv(.c) ?*Object {
    return struct {
        fn call(self: *WSFrame, _: ?*Object) callconv(.c) ?*Object {
            return @field(vtable, name)(self, 1);
        }
    }.call;
}

fn getMsgType(self: *WSFrame, _: ?*anyopaque) callconv(.c) ?*Object {
    return o.incref(self.state.enums.msg_types[@intCast(self.msg_type)]);
}

fn getSize(comptime name: []const u8) fn (*WSFrame, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *WSFrame, _: ?*anyopaque) callconv(.c) ?*Object {
            return c.PyLong_FromSsize_t(@field(self, name));
        }
    }.get;
}

fn getReceivedAt(self: *WSFrame, _: ?*anyopaque) callconv(.c) ?*Object {
    return c.PyFloat_FromDouble(self.received_at);
}

fn getKernelTime(self: *WSFrame, _: ?*anyopaque) callconv(.c) ?*Object {
    return if (self.kernel_time_ns == 0) o.none() else c.PyLong_FromLongLong(self.kernel_time_ns);
}

fn getFlag(comptime name: []const u8) fn (*WSFrame, ?*anyopaque) callconv(.c) ?*Object {
    return struct {
        fn get(self: *WSFrame, _: ?*anyopaque) callconv(.c) ?*Object {
            return o.boolean(@field(self, name) != 0);
        }
    }.get;
}

fn repr(self: *WSFrame) callconv(.c) ?*Object {
    const format = "WSFrame(msg_type=%S, fin=%d, rsv1=%d, rsv2=%d, rsv3=%d, last_in_buffer=%d, payload_size=%zd, tail_size=%zd)";
    const flags = [_]c_int{ self.fin, self.rsv1, self.rsv2, self.rsv3, self.last_in_buffer };
    const name = o.check(c.PyObject_GetAttrString(self.state.enums.msg_types[@intCast(self.msg_type)].?, "name")) catch return null;
    defer o.decref(name);
    return c.PyUnicode_FromFormat(format, name, flags[0], flags[1], flags[2], flags[3], flags[4], self.payload_size, self.tail_size);
}

fn getBuffer(self: *WSFrame, view: *c.Py_buffer, flags: c_int) callconv(.c) c_int {
    return c.PyBuffer_FillInfo(view, &self.ob, self.payload_ptr, self.payload_size, 1, flags);
}

fn dealloc(self: *WSFrame) callconv(.c) void {
    o.clear(&self.chunk);
    o.free(&self.ob);
}

const methods = [_]c.PyMethodDef{
    o.method("get_payload_as_bytes", viaTable("get_payload_as_bytes"), c.METH_NOARGS, doc.get_payload_as_bytes),
    o.method("get_payload_as_utf8_text", viaTable("get_payload_as_utf8_text"), c.METH_NOARGS, doc.get_payload_as_utf8_text),
    o.method("get_payload_as_ascii_text", viaTable("get_payload_as_ascii_text"), c.METH_NOARGS, doc.get_payload_as_ascii_text),
    o.method("get_payload_as_memoryview", viaTable("get_payload_as_memoryview"), c.METH_NOARGS, doc.get_payload_as_memoryview),
    o.method("get_close_code", closeCode, c.METH_NOARGS, doc.get_close_code),
    o.method("get_close_message", viaTable("get_close_message"), c.METH_NOARGS, doc.get_close_message),
    o.method("get_close_reason", viaTable("get_close_reason"), c.METH_NOARGS, doc.get_close_reason),
    .{},
};

const getset = [_]c.PyGetSetDef{
    .{ .name = "msg_type", .get = @ptrCast(&getMsgType), .doc = doc.msg_type },
    .{ .name = "fin", .get = @ptrCast(&getFlag("fin")), .doc = doc.fin },
    .{ .name = "rsv1", .get = @ptrCast(&getFlag("rsv1")), .doc = doc.rsv1 },
    .{ .name = "rsv2", .get = @ptrCast(&getFlag("rsv2")), .doc = doc.rsv2 },
    .{ .name = "rsv3", .get = @ptrCast(&getFlag("rsv3")), .doc = doc.rsv3 },
    .{ .name = "last_in_buffer", .get = @ptrCast(&getFlag("last_in_buffer")), .doc = doc.last_in_buffer },
    .{ .name = "tail_size", .get = @ptrCast(&getSize("tail_size")), .doc = doc.tail_size },
    .{ .name = "payload_size", .get = @ptrCast(&getSize("payload_size")), .doc = doc.payload_size },
    .{ .name = "received_at", .get = @ptrCast(&getReceivedAt), .doc = doc.received_at },
    .{ .name = "kernel_time_ns", .get = @ptrCast(&getKernelTime), .doc = doc.kernel_time_ns },
    .{},
};

const slots = [_]c.PyType_Slot{
    o.slot(c.Py_tp_doc, doc.class),
    o.slot(c.Py_tp_dealloc, &dealloc),
    o.slot(c.Py_tp_methods, &methods),
    o.slot(c.Py_tp_getset, &getset),
    o.slot(c.Py_tp_repr, &repr),
    o.slot(c.Py_bf_getbuffer, &getBuffer),
    o.slots_end,
};

pub fn spec() c.PyType_Spec {
    return .{
        .name = "picows.picows.WSFrame",
        .basicsize = @sizeOf(WSFrame),
        .flags = c.Py_TPFLAGS_DEFAULT | c.Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = &slots,
    };
}
