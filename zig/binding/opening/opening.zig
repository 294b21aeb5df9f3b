//! The opening handshake (RFC 6455 4): what both sides share. The core reads and checks, these files make the Python
//! objects, ask the user's factory and answer.

const core = @import("core");
const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const choices = @import("choice.zig");
const client = @import("client.zig");
const delivery = @import("../connection/delivery.zig");
const ending = @import("../connection/ending.zig");
const errors = @import("cpython").errors;
const log = @import("../eventloop/log.zig");
const chunk_size = @import("../memory/loop_state.zig").chunk_size;
const pending = @import("pending.zig");
const ping = @import("../connection/ping.zig");
const server = @import("server.zig");
const Protocol = @import("protocol.zig").Protocol;
const State = @import("../state/state.zig").State;
const listeners = @import("../connection/listener.zig");
const WSListener = listeners.WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// Reads what arrived before the handshake was done. Returns true once the handshake has succeeded; `rest` is then what stands
/// behind the head, unless a read inside of the user's code took it (`delivery.yieldRest`). Returns false if more must arrive, or
/// if the handshake failed, which has then been dealt with.
pub fn received(protocol: *Protocol, transport: *WSTransport, rest: *[]u8) Error!bool {
    if (protocol.choice == .asked) {
        try choices.hold(protocol, transport, rest.*);
        return false;
    }
    if (transport.is_client_side != 0) return client.received(protocol, transport, rest);
    return server.received(protocol, transport, rest);
}

pub fn makeHeaders(state: *State, head: core.http.Head) Error!*Object {
    const list = try o.check(c.PyList_New(@intCast(head.fields.len)));
    defer o.decref(list);
    for (head.fields, 0..) |field, i| {
        const pair = try o.check(c.PyTuple_New(2));
        // SetItem takes over the reference, also when it fails.
        try o.checkStatus(c.PyList_SetItem(list, @intCast(i), pair));
        try o.checkStatus(c.PyTuple_SetItem(pair, 0, try o.text(field.name)));
        try o.checkStatus(c.PyTuple_SetItem(pair, 1, try o.text(field.value)));
    }
    return o.call(state.imports.make_headers, .{list});
}

/// Module function: the headers of a whole head in bytes, as WSUpgradeRequest and WSUpgradeResponse keep it.
pub fn parseHeaders(module: *Object, data: *Object) callconv(.c) ?*Object {
    return o.toC(headersOf(State.of(module), data));
}

fn headersOf(state: *State, data: *Object) Error!*Object {
    var fields: [core.http.field_count_max]core.http.Field = undefined;
    var reader: core.http.HeadReader = .{};
    return switch (reader.next(try o.bytesData(data), &fields)) {
        .head => |head| makeHeaders(state, head),
        .need_more, .failure => errors.raise("ValueError", "these are not the bytes of a whole head"),
    };
}

pub fn checkListener(state: *State, listener: *Object) Error!void {
    if (o.isInstance(listener, state.types.WSListener)) return;
    return errors.raiseFormat("TypeError", "a listener must be an instance of WSListener, not %R", .{listener});
}

/// The handshake is done: frames follow.
pub fn open(protocol: *Protocol, transport: *WSTransport, listener: *WSListener) Error!void {
    pending.end(protocol);
    const connection = transport.connection();
    if (try listeners.hasReadEnd(listener, transport.state)) connection.read_end = delivery.callReadEnd;
    connection.listener = o.incref(listener);
    connection.input.read_size = chunk_size;
    const result = listener.vtable.on_ws_connected(listener, transport, 0);
    if (result) |object| o.decref(object) else return ending.listenerError(transport, .on_ws_connected);
    try ping.start(transport);
}

/// The handshake took longer than the endpoint allows.
pub fn timedOut(protocol: *Protocol) Error!void {
    const state = protocol.endpoint.state;
    log.write(protocol.endpoint, state.names.warning, "the opening handshake took too long, disconnecting", .{});
    const transport = protocol.transport orelse return giveUp(protocol);
    if (protocol.upgraded != null) {
        try client.ended(protocol, transport);
        const text = try o.text("the opening handshake took too long");
        defer o.decref(text);
        const exception = try o.call(state.imports.TimeoutError, .{text});
        defer o.decref(exception);
        try protocol.settle(exception);
    }
    try transport.disconnect(false);
}

/// Too many others came while this handshake was not done.
pub fn crowdedOut(protocol: *Protocol) Error!void {
    const endpoint = protocol.endpoint;
    log.write(endpoint, endpoint.state.names.warning, "too many connections in their opening handshake, disconnecting the oldest", .{});
    const transport = protocol.transport orelse return giveUp(protocol);
    try transport.disconnect(false);
}

/// Ends a connection whose TLS handshake is not done.
fn giveUp(protocol: *Protocol) Error!void {
    const watcher = protocol.watcher orelse return;
    try o.callMethodVoid(watcher, protocol.endpoint.state.names.give_up, .{});
}

/// A connection is gone. It may have had no transport yet.
pub fn tellWatcher(protocol: *Protocol) void {
    const watcher = protocol.watcher orelse return;
    protocol.watcher = null;
    defer o.decref(watcher);
    const aside: errors.Aside = .begin();
    defer aside.end();
    const endpoint = protocol.endpoint;
    o.callMethodVoid(watcher, endpoint.state.names.connection_lost, .{}) catch asyncio.surface(endpoint.state, endpoint.loop, watcher);
}
