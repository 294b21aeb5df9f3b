//! WSTransport: the user's end of a connection, as the rest of the binding sees it. Its Python type is in transport/.

const asyncio = @import("../eventloop/asyncio.zig");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const outboxes = @import("outbox.zig");
const pong = @import("../connection/pong.zig");
const socket = @import("net").socket;
const streams = @import("stream.zig");
const Connection = @import("connection.zig").Connection;
const Endpoint = @import("endpoint.zig").Endpoint;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const WSTransport = extern struct {
    ob: Object,
    /// The table of C functions through which Cython calls it.
    vtable: *const anyopaque,
    // The fields from here to `is_disconnected` are public to native code, in the order of picows.pxd.
    underlying_transport: *Object,
    request: *Object,
    response: *Object,
    close_handshake: *Object,
    is_client_side: c_int,
    is_secure: c_int,
    is_close_frame_sent: c_int,
    is_disconnected: c_int,

    state: *State,
    weakrefs: ?*Object,
    /// The rest of the object, in memory of its own: Cython modules check the size of this struct when they are imported,
    /// and are not to be compiled again whenever a private field changes.
    private: *Connection,

    pub inline fn connection(self: *WSTransport) *Connection {
        return self.private;
    }

    /// A transport over `underlying` (borrowed), in the thread that calls. `own` if that is one of ours.
    pub fn create(endpoint: *Endpoint, underlying: *Object, own: ?*const streams.Own) Error!*WSTransport {
        const state = endpoint.state;
        const memory = try o.allocateBytes(@sizeOf(Connection));
        const self = o.allocate(WSTransport, state.types.WSTransport) catch |err| {
            o.freeBytes(memory);
            return err;
        };
        self.private = @ptrCast(@alignCast(memory.ptr));
        self.vtable = state.tables.WSTransport;
        self.state = state;
        self.underlying_transport = o.incref(underlying);
        self.request = o.incref(endpoint.request);
        self.response = o.none();
        self.close_handshake = o.none();
        self.is_client_side = @intFromBool(endpoint.is_client);
        self.connection().* = .{
            .endpoint = o.incref(endpoint),
            .outbox = .init(.{ .own = own }),
            .fork_count = endpoint.loop_state.fork_count,
            .thread = c.PyThread_get_thread_ident(),
            .session = .init(.{
                .role = endpoint.role(),
                .mode = if (endpoint.options.strict) .strict else .permissive,
                .payload_size_max = endpoint.options.max_frame_size,
                .mask = state.mask,
            }),
        };
        errdefer o.decref(self);
        try self.inspectUnderlying();
        return self;
    }

    /// Learns whether the transport is TLS, and its socket, which is optional: some event loops offer none.
    fn inspectUnderlying(self: *WSTransport) Error!void {
        const outbox = &self.connection().outbox;
        if (outbox.stream.own) |own| {
            self.is_secure = @intFromBool(outbox.stream.encrypts());
            if (self.is_secure == 0) outbox.useSocket(own.handle(self.underlying_transport));
            return;
        }
        const ssl_object = try self.extraInfo(self.state.names.ssl_object);
        defer o.decref(ssl_object);
        self.is_secure = @intFromBool(!o.isNone(ssl_object));
        const handle = try self.socketHandle();
        if (handle == socket.none) return;
        socket.setNoDelay(handle);
        if (self.is_secure != 0) return;
        if (self.connection().endpoint.loop_state.closes_sockets) outbox.stream.closed_by = .loop;
        outbox.useSocket(handle);
        // Who had the transport before may have written to it.
        outbox.noteWaiting();
    }

    /// The socket under the transport, TLS or not; none if it has none, or has closed it.
    pub fn socketHandle(self: *WSTransport) Error!socket.Handle {
        if (self.connection().outbox.stream.own) |own| return own.handle(self.underlying_transport);
        const raw_socket = try self.extraInfo(self.state.names.socket);
        defer o.decref(raw_socket);
        if (o.isNone(raw_socket) or !socket.is_supported) return socket.none;
        const number = try o.callMethod(raw_socket, self.state.names.fileno, .{});
        defer o.decref(number);
        return socket.fromNumber(c.PyLong_AsLong(number)) orelse {
            c.PyErr_Clear();
            return socket.none;
        };
    }

    pub fn extraInfo(self: *WSTransport, name: *Object) Error!*Object {
        return o.callMethod(self.underlying_transport, self.state.names.get_extra_info, .{name});
    }

    pub fn disconnect(self: *WSTransport, graceful: bool) Error!void {
        const connection_ = self.connection();
        if (self.is_disconnected != 0) return;
        try outboxes.flush(self);
        connection_.session.drop();
        pong.end(self);
        connection_.outbox.end();
        // TLS would send that this is the end, and an event loop's transport leaves a set of sockets that is the parent's too.
        if (connection_.outbox.stream.own == null and connection_.isInherited()) return;
        const names = &self.state.names;
        try o.callMethodVoid(self.underlying_transport, if (graceful) names.close else names.abort, .{});
    }

    /// For places that cannot raise what code of others raised there.
    pub fn surface(self: *WSTransport) void {
        asyncio.surface(self.state, self.connection().endpoint.loop, &self.ob);
    }

    pub fn checkThread(self: *WSTransport, comptime method: [:0]const u8) Error!void {
        if (self.connection().isOwnThread()) return;
        return errors.raise("RuntimeError", "WSTransport." ++ method ++ "() was called from another thread than the " ++
            "connection's; use loop.call_soon_threadsafe()");
    }
};
