//! From frames to messages, in the order in which they come: the entries of the listener's table.

const core = @import("core");
const c = @import("cpython").capi;
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const flow = @import("flow.zig");
const o = @import("cpython").object;
const receiving = @import("receiving.zig");
const sending = @import("sending.zig");
const text = @import("text.zig");
const types = @import("../listener/type.zig");
const Entry = @import("queue.zig").Entry;
const MessageListener = @import("listener.zig").MessageListener;
const VTable = @import("../connection/listener.zig").VTable;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSListener = @import("../connection/listener.zig").WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// The table of a MessageListener; what is not here is WSListener's.
pub fn table(base: VTable) VTable {
    var own = base;
    own.on_ws_connected = onConnected;
    own.on_ws_frame = onFrame;
    own.on_ws_disconnected = onDisconnected;
    own.pause_writing = pauseWriting;
    own.resume_writing = resumeWriting;
    return own;
}

fn status(result: Error!void) ?*Object {
    result catch return null;
    return o.none();
}

pub fn onConnected(listener: *WSListener, transport: *WSTransport, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    if (types.refuseNone(transport)) return null;
    return status(connected(.of(listener), transport));
}

fn connected(self: *MessageListener, transport: *WSTransport) Error!void {
    if (self.transport != null) return errors.raise("RuntimeError", "a MessageListener is for one connection");
    self.state = transport.state;
    self.transport = o.incref(transport);
    const connection = transport.connection();
    const session = &connection.session;
    session.mode = .strict;
    session.parser.strict = true;
    session.parser.text_check = if (self.by_frame or self.decoding == .bytes) .none else .fragments;
    session.parser.message.size_max = self.limits.message_size_max;
    session.parser.message.frame_count_max = self.limits.frame_count_max;
    if (connection.compression) |compression| compression.tighten(session);
    connection.read_end = readEnded;
    try o.callMethodVoid(self.object(), self.state.names.on_ws_connected, .{transport});
}

fn readEnded(_: *WSTransport, listener: *WSListener) Error!void {
    try receiving.wake(listener);
}

fn onFrame(listener: *WSListener, transport: *WSTransport, frame: *WSFrame, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    if (types.refuseNone(transport) or types.refuseNone(frame)) return null;
    return status(take(.of(listener), transport, frame));
}

fn take(self: *MessageListener, transport: *WSTransport, frame: *WSFrame) Error!void {
    const opcode: core.Opcode = @fromBackingInt(@intCast(frame.msg_type));
    switch (opcode) {
        .text, .binary, .continuation => try takeData(self, transport, frame),
        .close => try o.callMethodVoid(self.object(), self.state.names._on_close, .{ transport, frame }),
        .pong => if (self.wants_pongs) try takePong(self, frame),
        else => {},
    }
}

fn takePong(self: *MessageListener, frame: *WSFrame) Error!void {
    const payload = try o.bytes(frame.payload());
    defer o.decref(payload);
    try o.callMethodVoid(self.object(), self.state.names._on_pong, .{payload});
}

fn takeData(self: *MessageListener, transport: *WSTransport, frame: *WSFrame) Error!void {
    const piece = transport.connection().session.piece();
    if (self.is_leaving) {
        self.dropped += @intFromBool(piece.is_last);
        return;
    }
    const is_whole = piece.is_first and piece.is_last;
    var entry: Entry = .{
        .object = undefined,
        .size = frame.payload().len,
        .is_text = piece.opcode == .text,
        .is_first = piece.is_first,
        .is_last = piece.is_last,
    };
    if (is_whole) {
        if (!try makeWhole(self, transport, frame, &entry)) return;
    } else {
        entry.object = try o.bytes(frame.payload());
    }
    try self.queue.push(entry);
    if (!is_whole and piece.is_last and !self.by_frame) try joinLast(self);
    if (piece.is_last) self.is_whole_wanted = false;
    try flow.balance(self);
}

/// False if it is text and is not UTF-8, which has failed the connection.
fn makeWhole(self: *MessageListener, transport: *WSTransport, frame: *WSFrame, entry: *Entry) Error!bool {
    if (self.decoding == .callable) {
        try decode(self, &frame.ob, entry);
        return true;
    }
    if (!entry.is_text or self.decoding == .bytes) {
        entry.object = try o.bytes(frame.payload());
        return true;
    }
    entry.object = text.decode(frame.payload()) catch {
        if (!try text.isUndecodable()) return error.Python;
        if (!self.by_frame) {
            ending.protocolError(transport, .text_not_utf8);
            return false;
        }
        entry.kind = .bad_text;
        entry.object = try o.bytes(frame.payload());
        return true;
    };
    return true;
}

/// Makes the user's object of what stands in `source`, or keeps the exception for who takes the message.
fn decode(self: *MessageListener, source: *Object, entry: *Entry) Error!void {
    const view = try o.check(c.PyMemoryView_FromObject(source));
    defer o.decref(view);
    entry.object = o.call(self.decoder.?, .{view}) catch {
        if (c.PyErr_ExceptionMatches(c.exception("Exception")) == 0) return error.Python;
        entry.kind = .failure;
        entry.object = errors.fetch();
        return;
    };
}

/// The fragments at the end of the queue are a whole message: one entry takes their place.
fn joinLast(self: *MessageListener) Error!void {
    const queue = &self.queue;
    const entries = queue.entries();
    var start = entries.len - 1;
    while (!entries[start].is_first) start -= 1;
    var whole = try text.join(entries[start..], if (self.decoding == .by_opcode) .by_opcode else .bytes);
    for (start..entries.len) |_| o.decref(queue.popLast().object);
    if (self.decoding == .callable) {
        const source = whole.object;
        defer o.decref(source);
        try decode(self, source, &whole);
    }
    try queue.push(whole);
}

fn onDisconnected(listener: *WSListener, transport: *WSTransport, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    if (types.refuseNone(transport)) return null;
    const self: *MessageListener = .of(listener);
    const result = o.callMethod(self.object(), self.state.names.on_ws_disconnected, .{transport});
    {
        const aside: errors.Aside = .begin();
        defer aside.end();
        self.is_ended = true;
        receiving.wake(listener) catch transport.surface();
        sending.wake(self) catch transport.surface();
    }
    return o.toC(result);
}

fn pauseWriting(listener: *WSListener, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch == 0) MessageListener.of(listener).is_writing_paused = true;
    return o.none();
}

fn resumeWriting(listener: *WSListener, skip_dispatch: c_int) callconv(.c) ?*Object {
    if (skip_dispatch != 0) return o.none();
    const self: *MessageListener = .of(listener);
    self.is_writing_paused = false;
    return status(sending.wake(self));
}
