//! Connection: what a WSTransport keeps behind the fields that native code may see.

const core = @import("core");
const c = @import("cpython").capi;
const Compression = @import("compression.zig").Compression;
const ending = @import("ending.zig");
const o = @import("cpython").object;
const ping = @import("ping.zig");
const Arrival = @import("../frame/frame.zig").Arrival;
const Endpoint = @import("endpoint.zig").Endpoint;
const Flow = @import("flow.zig").Flow;
const Outbox = @import("outbox.zig").Outbox;
const Input = @import("../memory/receive_buffer.zig").Input;
const WSListener = @import("listener.zig").WSListener;
const WSTransport = @import("transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

pub const Connection = struct {
    endpoint: *Endpoint,
    /// Set once the opening handshake is done.
    listener: ?*WSListener = null,
    /// The rules of the protocol, and where the connection stands in them.
    session: core.Session,
    input: Input = .{},
    /// Set if the opening handshake has agreed on permessage-deflate.
    compression: ?*Compression = null,
    /// While frames are delivered: what is left of the bytes, in the hands of `delivery.deliver`.
    rest: ?*[]u8 = null,
    /// Called when all frames of a read were shown, if the listener wants to know. What it sends is gathered still.
    read_end: ?*const fn (*WSTransport, *WSListener) Error!void = null,
    /// The thread of the event loop; methods called from another one raise.
    thread: c_ulong,
    outbox: Outbox,
    /// Of `LoopState.fork_count` when the connection began.
    fork_count: u32,
    /// The first exception of a user callback, or the protocol error found in what the peer sent.
    exception: ?*Object = null,
    /// Its traceback as it was then: to raise it makes it longer.
    traceback: ?*Object = null,
    /// The exception with which the event loop reported the end, if it did.
    lost_by: ?*Object = null,
    /// Why the connection ends, as far as it is known before it does.
    cause: ?ending.Cause = null,
    /// time.monotonic() of the last bytes received, and of the last that were sent; 0 for never.
    received_at: f64 = 0,
    sent_at: f64 = 0,
    /// When the kernel got the last bytes received (time.time_ns()); 0 if it was not asked or did not say.
    kernel_time_ns: i64 = 0,
    /// When it began to end, or the peer last took something of what was queued then.
    ended_at: f64 = 0,
    /// How much was queued when that was looked at, while it ends.
    queued_size_seen: usize = 0,
    flow: Flow = .free,
    ping_timer: ?*Object = null,
    auto_ping: ping.AutoPing = .none,
    /// How often auto-ping has looked whether the answer is still unread.
    looks: u16 = 0,
    /// When the last auto-ping was sent.
    pinged_at: f64 = 0,
    /// The same, or when a sign of life was last looked for: bytes received later are one.
    silent_since: f64 = 0,
    /// Our pings that are not answered yet; their memory is given back when there are none.
    pings: core.pings.Pings = .{},
    /// The last ping of measure_roundtrip_time() has this for its payload.
    ping_number: u32 = 0,
    /// The listener leaves pings and the recognition of PONGs as they are.
    has_usual_pings: bool = false,
    /// The connection ends when the peer answers our CLOSE.
    ends_when_answered: bool = false,
    /// The timer that brings a connection that failed to its end.
    end_timer: ?*Object = null,
    /// A list of the futures of those who wait for the end; made when somebody does.
    waiters: ?*Object = null,

    /// For the frames that a read completes.
    pub fn arrival(self: *const Connection) Arrival {
        return .{ .received_at = self.received_at, .kernel_time_ns = self.kernel_time_ns };
    }

    /// In the child of a fork, of a connection of the parent's.
    pub fn isInherited(self: *const Connection) bool {
        return self.fork_count != self.endpoint.loop_state.fork_count;
    }

    /// Whether nothing that is received from now on reaches the listener: a CLOSE was received, the peer broke the protocol,
    /// the connection failed for another reason, or the user disconnected.
    pub fn isInputEnded(self: *const Connection) bool {
        return !self.session.closing.state.isReceiving();
    }

    /// The connection was found broken by an exception, but may have bytes to deliver.
    pub fn noteBroken(self: *Connection, exception: *Object) void {
        if (self.lost_by == null) self.lost_by = o.incref(exception);
    }

    pub fn isOwnThread(self: *const Connection) bool {
        return c.PyThread_get_thread_ident() == self.thread;
    }
};
