//! ws_broadcast: one frame to many connections. The frame is built once. What a socket does not take at once is queued without
//! another copy per connection. A peer that does not read costs a bounded amount of memory and does not delay the others.

const core = @import("core");
const args = @import("cpython").args;
const c = @import("cpython").capi;
const o = @import("cpython").object;
const clock = @import("../eventloop/clock.zig");
const compression = @import("compression.zig");
const errors = @import("cpython").errors;
const frame_flags = @import("../frame/flags.zig");
const outbox = @import("outbox.zig");
const send = @import("send.zig");
const Form = @import("broadcast_form.zig").Form;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const State = @import("../state/state.zig").State;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// What becomes of a connection that has no room for the frame.
const Policy = enum { skip, disconnect };

/// How many bytes may wait in a connection, if nothing else is said.
const queued_max_default = 1024 * 1024;

const signature: args.Signature = .{
    .method = "ws_broadcast",
    .names = &.{ "transports", "msg_type", "message", "fin", "rsv1", "rsv2", "rsv3", "max_queued", "when_full", "compress" },
    .required = 3,
    .keyword_only = 3,
};

fn call(module: *Object, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) callconv(.c) ?*Object {
    return o.toC(read(State.of(module), given, count, keywords));
}

/// Reads the arguments. All that may run other code comes before the transports are looked at.
fn read(state: *State, given: [*]const *Object, count: c.Py_ssize_t, keywords: ?*Object) Error!*Object {
    const values = try args.parse(signature, given, count, keywords);
    const flags = try frame_flags.read(values[3..7]);
    const queued_max = try readLimit(values[7]);
    const policy = try readPolicy(values[8]);
    const compress = try args.choice(values[9]);
    const msg_type = try args.integer(values[1].?);
    var message = try args.Message.read(values[2]);
    defer message.release();
    const opcode = try send.dataOpcode(msg_type, message.data.len, flags);
    if (policy == .skip and (!flags.fin or opcode == .continuation)) {
        return errors.raise("ValueError", "a fragment cannot be skipped: the rest of its message would make no sense; " ++
            "pass when_full='disconnect', or the message as one frame");
    }
    // References of our own: code that runs while it is sent may change the caller's collection.
    const transports = try o.check(c.PySequence_Tuple(values[0].?));
    defer o.decref(transports);
    try checkAll(state, transports, flags);
    const first = member(transports, 0) orelse return o.incref(state.imports.everything_sent);

    const loop = first.connection().endpoint.loop_state;
    var broadcast: Broadcast = .{
        .loop = loop,
        .transports = transports,
        .plain = try .plain(loop, opcode, flags, message.data),
        .compress = compress,
        .queued_max = queued_max,
        .policy = policy,
        .now = clock.now(state),
    };
    defer broadcast.deinit();
    var index: usize = 0;
    while (member(transports, index)) |transport| : (index += 1) {
        broadcast.deliver(transport) catch broadcast.note(transport);
    }
    return broadcast.result(state);
}

fn readLimit(value: ?*Object) Error!usize {
    const object = value orelse return queued_max_default;
    // Without an exception to raise, what is too large becomes the largest there is.
    const size = c.PyNumber_AsSsize_t(object, null);
    if (size == -1 and c.PyErr_Occurred() != null) return error.Python;
    if (size < 0) return errors.raise("ValueError", "max_queued must be at least 0");
    return @intCast(size);
}

fn readPolicy(value: ?*Object) Error!Policy {
    const object = value orelse return .skip;
    inline for (.{ Policy.skip, Policy.disconnect }) |policy| {
        if (o.isText(object, @tagName(policy))) return policy;
    }
    return errors.raiseFormat("ValueError", "when_full must be 'skip' or 'disconnect', not %R", .{object});
}

fn checkAll(state: *State, transports: *Object, flags: core.Flags) Error!void {
    const thread = c.PyThread_get_thread_ident();
    const count: usize = @intCast(c.PyTuple_Size(transports));
    for (0..count) |index| {
        const object = c.PyTuple_GetItem(transports, @intCast(index)).?;
        if (!o.isInstance(object, state.types.WSTransport)) {
            return errors.raiseFormat("TypeError", "ws_broadcast() takes WSTransport objects, not %R", .{object});
        }
        const transport: *WSTransport = @ptrCast(object);
        if (transport.connection().thread != thread) {
            return errors.raise("RuntimeError", "ws_broadcast() was called from another thread than that of a connection; " ++
                "call it in each event loop, with the loop's own connections, through loop.call_soon_threadsafe()");
        }
        if (transport.connection().compression != null) try compression.checkFlags(flags);
    }
}

/// A transport out of a tuple that was checked (borrowed), null behind the last.
fn member(transports: *Object, index: usize) ?*WSTransport {
    if (index >= @as(usize, @intCast(c.PyTuple_Size(transports)))) return null;
    return @ptrCast(c.PyTuple_GetItem(transports, @intCast(index)).?);
}

const Broadcast = struct {
    loop: *LoopState,
    /// All of them, a tuple.
    transports: *Object,
    plain: Form,
    /// For those that compress, made when first wanted.
    compressed: ?Form = null,
    /// What the caller said about it.
    compress: ?bool,
    queued_max: usize,
    policy: Policy,
    now: f64,
    /// Lists for the result, made when first wanted.
    queued: ?*Object = null,
    full: ?*Object = null,
    /// The first exception.
    failure: ?*Object = null,

    fn deinit(self: *Broadcast) void {
        self.plain.deinit(self.loop);
        if (self.compressed) |*form| form.deinit(self.loop);
        o.clear(&self.queued);
        o.clear(&self.full);
        o.clear(&self.failure);
    }

    fn deliver(self: *Broadcast, transport: *WSTransport) Error!void {
        if (outbox.isOver(transport)) return;
        const form = try self.formFor(transport);
        const waiting = try outbox.waiting(transport);
        // Where nothing waits, one frame may, however large: a part of it is never what is left out.
        if (waiting > 0 and waiting +| form.sizeFor(transport) > self.queued_max) return self.refuse(transport);
        if (self.isFragment() and transport.connection().compression != null) {
            const plain = &self.plain;
            try compression.send(transport, plain.opcode, plain.flags, plain.payload, null, self.compress);
        } else {
            if (form != &self.plain) transport.connection().compression.?.compressor.skip();
            try form.sendTo(transport, self.now);
        }
        if (try outbox.waiting(transport) > 0) try add(&self.queued, transport);
    }

    /// A part of a message, which each connection compresses for itself, or does not, as it did with the parts before.
    fn isFragment(self: *const Broadcast) bool {
        return !self.plain.flags.fin or self.plain.opcode == .continuation;
    }

    fn formFor(self: *Broadcast, transport: *WSTransport) Error!*Form {
        const own = transport.connection().compression orelse return &self.plain;
        if (self.isFragment() or self.plain.opcode.isControl()) return &self.plain;
        if (!own.compressor.begin(self.plain.opcode, self.plain.payload.len, self.compress)) return &self.plain;
        if (self.compressed == null) {
            var options = own.compressor.options;
            options.direction.window_bits = self.smallestWindow(options.direction.window_bits);
            self.compressed = try .compressed(self.loop, self.plain.opcode, self.plain.flags, self.plain.payload, options);
        }
        return &self.compressed.?;
    }

    /// What all that compress can read.
    fn smallestWindow(self: *const Broadcast, window_bits: u4) u4 {
        var smallest = window_bits;
        var index: usize = 0;
        while (member(self.transports, index)) |transport| : (index += 1) {
            const own = transport.connection().compression orelse continue;
            smallest = @min(smallest, own.compressor.options.direction.window_bits);
        }
        return smallest;
    }

    fn refuse(self: *Broadcast, transport: *WSTransport) Error!void {
        try add(&self.full, transport);
        // Gracefully it would wait for what the peer does not read.
        if (self.policy == .disconnect) try transport.disconnect(false);
    }

    /// What goes wrong with one connection keeps nothing from the others; the first exception is raised in the end.
    fn note(self: *Broadcast, transport: *WSTransport) void {
        if (self.failure != null) return transport.surface();
        self.failure = errors.fetch();
    }

    fn result(self: *Broadcast, state: *State) Error!*Object {
        if (self.failure) |exception| return errors.restore(o.incref(exception));
        if (self.queued == null and self.full == null) return o.incref(state.imports.everything_sent);
        const queued = try tupleOf(self.queued);
        defer o.decref(queued);
        const full = try tupleOf(self.full);
        defer o.decref(full);
        return o.call(state.imports.WSBroadcastResult, .{ queued, full });
    }
};

fn add(list: *?*Object, transport: *WSTransport) Error!void {
    if (list.* == null) list.* = try o.check(c.PyList_New(0));
    try o.checkStatus(c.PyList_Append(list.*.?, &transport.ob));
}

fn tupleOf(list: ?*Object) Error!*Object {
    return o.check(if (list) |items| c.PyList_AsTuple(items) else c.PyTuple_New(0));
}

pub const method = o.method("ws_broadcast", call, c.METH_FASTCALL | c.METH_KEYWORDS, @import("broadcast_doc.zig").function);
