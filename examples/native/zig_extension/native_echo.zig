//! A listener that sends back what it receives, as a struct of Zig functions.

const std = @import("std");
const picows = @import("picows.zig");

/// A failed safety check ends the process with the Python traceback. It compiles in a moment, unlike std's own panic.
pub const panic = std.debug.FullPanic(fatal);

fn fatal(message: []const u8, _: ?usize) noreturn {
    var text: [200:0]u8 = @splat(0);
    const size = @min(message.len, text.len);
    @memcpy(text[0..size], message[0..size]);
    picows.Py_FatalError(&text);
}

/// One for each connection.
const Echo = struct {
    api: *const picows.Api,
    buffer: [picows.headroom + 64 * 1024]u8,

    fn answer(self: *Echo, transport: *picows.Transport, frame: *picows.Frame) c_int {
        const received = frame.payload_ptr[0..@intCast(frame.payload_size)];
        const flags: c_uint = if (frame.fin != 0) picows.flag_fin else 0;
        if (frame.msg_type == picows.msg_type_close) return self.answerClose(transport, frame);
        if (frame.msg_type == picows.msg_type_pong) return 0;
        const payload = self.buffer[picows.headroom..];
        if (received.len > payload.len) {
            return self.api.send(transport, frame.msg_type, received.ptr, frame.payload_size, flags);
        }
        @memcpy(payload[0..received.len], received);
        return self.api.send_reuse(transport, frame.msg_type, payload, frame.payload_size, flags);
    }

    fn answerClose(self: *Echo, transport: *picows.Transport, frame: *picows.Frame) c_int {
        var code: c_int = undefined;
        var reason: ?[*]const u8 = undefined;
        var size: isize = undefined;
        if (self.api.frame_close(frame, &code, &reason, &size) < 0) return -1;
        if (self.api.send_close(transport, code, reason, size) < 0) return -1;
        return self.api.disconnect(transport, 1);
    }
};

fn onFrame(data: ?*anyopaque, transport: *picows.Transport, frame: *picows.Frame) callconv(.c) c_int {
    const self: *Echo = @ptrCast(@alignCast(data.?));
    return self.answer(transport, frame);
}

/// Echo(): a new listener.
fn makeEcho(_: ?*picows.PyObject, _: ?*picows.PyObject) callconv(.c) ?*picows.PyObject {
    const api = picows.import() orelse return null;
    const self: *Echo = @ptrCast(@alignCast(picows.PyMem_Malloc(@sizeOf(Echo)) orelse return picows.PyErr_NoMemory()));
    self.api = api;
    const callbacks: picows.Callbacks = .{ .on_ws_frame = onFrame, .free = picows.PyMem_Free };
    return api.listener_new(api, &callbacks, self) orelse {
        picows.PyMem_Free(self);
        return null;
    };
}

const methods = [_]picows.PyMethodDef{
    .{ .name = "Echo", .function = makeEcho, .flags = picows.METH_NOARGS, .doc = "A new listener that echoes." },
    .{},
};

var definition: picows.PyModuleDef = .{
    .ob = std.mem.zeroes(picows.PyObject),
    .name = "native_echo",
    .methods = &methods,
};

export fn PyInit_native_echo() ?*picows.PyObject {
    if (picows.import() == null) return null;
    const module = picows.PyModule_Create2(&definition, picows.api_version_of_python) orelse return null;
    picows.declareGilNotUsed(module);
    return module;
}
