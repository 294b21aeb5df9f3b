//! From received bytes to the listener: frames in order, and answers to PING.

const compression = @import("compression.zig");
const core = @import("core");
const o = @import("cpython").object;
const ending = @import("ending.zig");
const errors = @import("cpython").errors;
const flow = @import("flow.zig");
const outbox = @import("outbox.zig");
const pong = @import("pong.zig");
const send = @import("send.zig");
const Chunk = @import("../memory/chunk.zig").Chunk;
const Connection = @import("connection.zig").Connection;
const Input = @import("../memory/receive_buffer.zig").Input;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSListener = @import("listener.zig").WSListener;
const WSTransport = @import("transport.zig").WSTransport;
const Error = o.Error;

/// Delivers the frames that stand in `bytes` and keeps what is left for the next read. False if `yieldRest` took what was
/// left: whole frames may be among it. An error is one that must reach the event loop: KeyboardInterrupt and the like,
/// or no memory.
pub fn deliver(transport: *WSTransport, received: Input.Received, bytes: []u8) Error!bool {
    const connection = transport.connection();
    // As long as input is wanted the connection keeps this listener.
    const listener = o.incref(connection.listener orelse return true);
    defer o.decref(listener);
    var rest = bytes;
    connection.rest = &rest;
    defer if (connection.rest == &rest) {
        connection.rest = null;
    };
    while (rest.len > 0) {
        switch (connection.session.receive(rest)) {
            .data => |frame| {
                rest = rest[frame.size..];
                if (connection.compression != null and connection.session.piece().is_compressed)
                    try deliverCompressed(transport, listener, frame, rest)
                else
                    try deliverFrame(transport, listener, frame, rest, received.chunk);
            },
            .pong => |answer| {
                rest = rest[answer.frame.size..];
                try deliverFrame(transport, listener, answer.frame, rest, received.chunk);
            },
            .ping => |frame| {
                rest = rest[frame.size..];
                if (connection.endpoint.options.enable_auto_pong)
                    try answerPing(transport, frame.payload)
                else
                    try deliverFrame(transport, listener, frame, rest, received.chunk);
            },
            .close => |said| {
                rest = rest[said.frame.size..];
                pong.end(transport);
                try send.noteClose(transport, .recv, said.code, said.reason);
                try deliverFrame(transport, listener, said.frame, rest, received.chunk);
                if (connection.ends_when_answered) try transport.disconnect(true);
            },
            .need_more => |frame_size| {
                try connection.input.keep(connection.endpoint.loop_state, received, rest, frame_size);
                return true;
            },
            .failure => |failure| ending.protocolError(transport, failure),
            .ended => return true,
        }
        if (connection.rest != &rest) return false;
    }
    return true;
}

/// All frames of a read were shown, with `result`, which stays what it is if it is an error.
pub inline fn end(transport: *WSTransport, result: Error!void) Error!void {
    const connection = transport.connection();
    const tell = connection.read_end orelse return result;
    const listener = o.incref(connection.listener orelse return result);
    defer o.decref(listener);
    result catch |failure| {
        const aside: errors.Aside = .begin();
        defer aside.end();
        tell(transport, listener) catch transport.surface();
        return failure;
    };
    return tell(transport, listener);
}

/// The end of a read for a listener that has an on_ws_read_end() of its own.
pub fn callReadEnd(transport: *WSTransport, listener: *WSListener) Error!void {
    o.callMethodVoid(&listener.ob, transport.state.names.on_ws_read_end, .{transport}) catch try ending.listenerError(transport, .on_ws_read_end);
}

/// Before a read: if it happens inside a callback (which runs the event loop, as nest_asyncio lets it), the bytes that
/// stand behind the frame in hand become the start of what is read, so that all stays in order.
pub fn yieldRest(connection: *Connection) Error!void {
    const rest = connection.rest orelse return;
    try connection.input.keepTail(rest.*);
    connection.rest = null;
}

fn deliverFrame(transport: *WSTransport, listener: *WSListener, parsed: core.Frame, rest: []const u8, chunk: *Chunk) Error!void {
    const connection = transport.connection();
    const loop = connection.endpoint.loop_state;
    const frame = try WSFrame.obtain(loop, parsed, rest.len, !core.header.startsWithFrame(rest), connection.arrival());
    var callback: ending.Callback = .on_ws_frame;
    const result = show(transport, listener, frame, &callback);
    frame.settle(loop, chunk);
    result catch try ending.listenerError(transport, callback);
}

/// A frame of a compressed message is shown as if it had never been compressed.
noinline fn deliverCompressed(transport: *WSTransport, listener: *WSListener, parsed: core.Frame, rest: []const u8) Error!void {
    const connection = transport.connection();
    const inflated = compression.inflate(transport, parsed.payload) catch {
        outbox.abandon(transport); // what follows could not be read
        return error.Python;
    };
    const plain = switch (inflated) {
        .plain => |plain| plain,
        .failure => |failure| {
            _ = connection.session.fail(failure);
            return ending.protocolError(transport, failure);
        },
    };
    const codec = connection.endpoint.loop_state.codec.?;
    defer codec.keepPlain(plain.room, plain.size);
    var frame = parsed;
    frame.payload = plain.room.bytes()[0..plain.size];
    frame.flags.rsv1 = false;
    try deliverFrame(transport, listener, frame, rest, plain.room.chunk);
}

/// Shows a frame to the listener, first as a possible answer to a ping. If that raises, `callback` says so.
fn show(transport: *WSTransport, listener: *WSListener, frame: *WSFrame, callback: *ending.Callback) Error!void {
    if (pong.mayBe(transport, frame)) {
        const is_taken = pong.takes(transport, frame) catch |failure| {
            callback.* = .is_user_specific_pong;
            return failure;
        };
        if (is_taken) return;
    }
    o.decref(try o.check(listener.vtable.on_ws_frame(listener, transport, frame, 0)));
}

fn answerPing(transport: *WSTransport, payload: []const u8) Error!void {
    ending.debug(transport, "PING received");
    flow.answer(transport, payload) catch outbox.surfaceUnlessRefused(transport);
}
