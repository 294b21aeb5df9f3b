//! Endpoint: what the connections of one ws_connect or ws_create_server call have in common. Its Python type is in opening/.

const core = @import("core");
const o = @import("cpython").object;
const LoopState = @import("../memory/loop_state.zig").LoopState;
const Options = @import("options.zig").Options;
const State = @import("../state/state.zig").State;
const Object = o.Object;

pub const Endpoint = extern struct {
    ob: Object,
    state: *State,
    loop_state: *LoopState,
    loop: *Object,
    logger: *Object,
    listener_factory: *Object,
    options: Options,
    /// A client's request: the WSUpgradeRequest, its bytes, and its Sec-WebSocket-Key. None for a server; of a connection
    /// whose opening handshake somebody else has done a server may have the first as well.
    request: *Object,
    request_bytes: *Object,
    key: *Object,
    /// A client's factory takes (request, response); a server's takes (request, transport), and requests of any method.
    factory_takes_handshake: bool,
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
