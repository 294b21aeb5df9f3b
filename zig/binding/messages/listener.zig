//! MessageListener: the listener of a connection whose user takes messages. Its entries of the listener's table are C functions,
//! so that a frame costs no Python. How frames become messages is `arrival`; how they are taken, `receiving`; how messages
//! are sent, `sending`. Its Python type is in `type`.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const errors = @import("cpython").errors;
const coroutines = @import("coroutine.zig");
const Queue = @import("queue.zig").Queue;
const State = @import("../state/state.zig").State;
const Waiter = @import("waiter.zig").Waiter;
const WSListener = @import("../connection/listener.zig").WSListener;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Object = o.Object;
const Error = o.Error;

/// What happens if more is queued than may be.
pub const WhenFull = enum(u8) { pause, drop_oldest, close };
/// What a message is made into when it is whole.
pub const Decoding = enum(u8) { by_opcode, bytes, callable };

pub const Limits = extern struct {
    message_size_max: u64,
    frame_count_max: u32,
    /// Reading pauses above these, and goes on at or below the others.
    count_high: usize,
    count_low: usize,
    bytes_high: usize,
    bytes_low: usize,
};

pub const MessageListener = extern struct {
    base: WSListener,
    /// From on_ws_connected on, both.
    state: *State,
    transport: ?*WSTransport,
    queue: Queue,
    limits: Limits,
    decoder: ?*Object,
    /// Who waits for a message.
    receiver: ?*coroutines.Coroutine,
    /// A list of the waiters of those who wait until writing may go on; made when somebody does.
    writers: ?*Object,
    /// Objects that serve the next call.
    spare_receiver: ?*coroutines.Coroutine,
    spare_sender: ?*coroutines.Coroutine,
    spare_waiter: ?*Waiter,
    dropped: usize,
    when_full: WhenFull,
    decoding: Decoding,
    by_frame: bool,
    /// Somebody looked for a message and found only the start of one: reading goes on until it is whole.
    is_whole_wanted: bool,
    is_reading_paused: bool,
    is_writing_paused: bool,
    is_ended: bool,
    is_full_told: bool,
    is_send_locked: bool,
    /// A message is being taken frame by frame, so that nobody may take whole ones.
    is_recv_locked: bool,
    wants_pongs: bool,
    /// The user has closed: what comes is not for him any more.
    is_leaving: bool,

    pub fn of(listener: *WSListener) *MessageListener {
        return @ptrCast(@alignCast(listener));
    }

    pub fn object(self: *MessageListener) *Object {
        return &self.base.ob;
    }

    /// Whether there is a connection, and this its thread.
    pub fn checkThread(self: *const MessageListener) Error!void {
        const transport = self.transport orelse return errors.raise("RuntimeError", "a MessageListener can be used from on_ws_connected on");
        if (transport.connection().isOwnThread()) return;
        return errors.raise("RuntimeError", "a connection must be used in the thread of its event loop; use loop.call_soon_threadsafe()");
    }

    /// For one who begins to wait.
    pub fn newWaiter(self: *MessageListener) Error!*Waiter {
        const spare = self.spare_waiter;
        self.spare_waiter = null;
        return .obtain(self.state, self.transport.?.connection().endpoint.loop, spare);
    }

    /// Raises the exception that a hook returns.
    pub fn raiseFrom(self: *MessageListener, hook: *Object, arguments: anytype) Error {
        return errors.restore(try o.callMethod(self.object(), hook, arguments));
    }
};
