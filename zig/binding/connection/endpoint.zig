//! Endpoint: what the connections of one ws_connect or ws_create_server call have in common. Its Python type is in opening/.

const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const State = @import("../state/state.zig").State;
const Object = o.Object;

pub const Endpoint = extern struct {
    ob: Object,
    state: *State,
    loop_state: *LoopState,
    loop: *Object,
    logger: *Object,
    listener_factory: *Object,
    /// Infinite if there is no limit.
    handshake_seconds: f64,
    /// A client's request: the WSUpgradeRequest, its bytes, and its Sec-WebSocket-Key. None for a server.
    request: *Object,
    request_bytes: *Object,
    key: *Object,
    max_frame_size: c.Py_ssize_t,
    disconnect_on_exception: c_int,
    enable_auto_pong: c_int,
    strict: c_int,
    coalesce_sends: c_int,
    /// A client's factory takes (request, response).
    factory_takes_handshake: c_int,
    enable_auto_ping: c_int,
    ping_idle_seconds: f64,
    ping_reply_seconds: f64,
    /// A ping.Strategy.
    ping_strategy: c_int,
    pending: Pending,
    is_client: bool,
    log_debug: bool,

    pub fn role(self: *const Endpoint) core.Role {
        return if (self.is_client) .client else .server;
    }
};

/// The connections whose opening handshake is not done, the oldest first. opening/pending.zig says how long, and how many.
pub const Pending = extern struct {
    first: ?*Place = null,
    last: ?*Place = null,
    count: usize = 0,
    count_max: usize,
    /// A TimerHandle for the deadline of the oldest, or of one that was before it.
    timer: ?*Object = null,
};

/// The place of a protocol in that list.
pub const Place = extern struct {
    is_taken: bool = false,
    previous: ?*Place = null,
    next: ?*Place = null,
    /// In the event loop's time; infinite if there is none.
    deadline: f64 = 0,
};
