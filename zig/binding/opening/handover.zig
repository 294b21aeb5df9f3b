//! Connections that others accepted, and read from.

const args = @import("cpython").args;
const c = @import("cpython").capi;
const o = @import("cpython").object;
const protocols = @import("protocol.zig");
const upgrade = @import("opening.zig");
const Protocol = protocols.Protocol;
const Object = o.Object;
const Error = o.Error;

/// Like `protocol.connectionMade`, of a connection whose opening handshake somebody else has done.
pub fn opened(self: *Protocol, underlying: *Object, listener: *Object) Error!void {
    try upgrade.checkListener(self.endpoint.state, listener);
    const transport = o.incref(try protocols.connect(self, underlying, null));
    defer o.decref(transport);
    try self.settle(null);
    try upgrade.open(self, transport, @ptrCast(listener));
}

/// Takes bytes that somebody else received, in a bytes-like object.
pub fn feed(self: *Protocol, data: *Object) Error!void {
    var view: c.Py_buffer = undefined;
    try o.checkStatus(c.PyObject_GetBuffer(data, &view, c.PyBUF_SIMPLE));
    defer c.PyBuffer_Release(&view);
    var rest = args.slice(&view);
    while (rest.len > 0) {
        const memory = (try protocols.room(self)).bytes();
        const size = @min(memory.len, rest.len);
        // The bytes may stand in the very memory that get_buffer() has lent.
        @memmove(memory[0..size], rest[0..size]);
        rest = rest[size..];
        try protocols.received(self, size);
    }
}
