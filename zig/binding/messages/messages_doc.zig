//! Docstrings of MessageListener. The first lines are the signatures that `inspect` reads.

pub const class =
    \\MessageListener(*, max_message_size=None, max_fragments=None, max_queue=None, min_queue=None, max_queue_bytes=None, min_queue_bytes=None, when_full=None, decode=None, by_frame=False)
    \\--
    \\
    \\Keeps the messages of a connection until somebody takes them.
    \\
    \\For subclasses, which override the hooks, on_ws_connected and on_ws_disconnected. The base
    \\of picows.WSConnection.
    \\
    \\Args:
    \\    max_message_size: a larger message (in bytes) fails the connection with
    \\        CLOSE(MESSAGE_TOO_BIG); None for no limit.
    \\    max_fragments: as does one with more fragments.
    \\    max_queue: with more messages in the queue, or frames with by_frame, `when_full` applies.
    \\    min_queue: paused reading goes on with so many or fewer; by default a quarter.
    \\    max_queue_bytes: the same in bytes. A message counts 64 bytes more than its payload.
    \\    min_queue_bytes: as min_queue.
    \\    when_full: "pause" reading, "drop_oldest" message, or "close" the connection.
    \\    decode: None for str of TEXT and bytes of BINARY, "bytes" for bytes always, or a callable
    \\        that makes something of a memoryview.
    \\    by_frame: keep fragments as such until a message is taken; TEXT that is not UTF-8 is
    \\        found by who takes it.
;

pub const recv =
    \\recv($self, decode=None)
    \\--
    \\
    \\Await the next message. If it is cancelled, no message is lost.
    \\
    \\Args:
    \\    decode: only with by_frame: True for str, False for bytes, whatever the opcode.
;

pub const recv_batch =
    \\recv_batch($self, max=None)
    \\--
    \\
    \\Await messages: a list of all that are there, at least one and at most `max`.
;

pub const recv_nowait =
    \\recv_nowait($self, /)
    \\--
    \\
    \\The next message, or None if there is none.
;

pub const recv_frame =
    \\_recv_frame($self, /)
    \\--
    \\
    \\Await the next frame: (data, is_text, fin). A TEXT that is one frame is str if it is UTF-8;
    \\all the rest is bytes.
;

pub const send_nowait =
    \\_send_nowait($self, message, text=None, compress=None)
    \\--
    \\
    \\Send a message at once. False if it is better to await drain() before the next one.
    \\
    \\Args:
    \\    message: str is sent as TEXT, bytes-like as BINARY.
    \\    text: True for TEXT, False for BINARY, whatever the type.
    \\    compress: where the connection compresses, whether this message is; None leaves it to
    \\        its size.
;

pub const send_wait =
    \\_send_wait($self, message, text=None)
    \\--
    \\
    \\Await that a message is sent: at once, then waits as drain() does. What is neither str nor
    \\bytes-like goes to _send_slow(), as does all while _is_send_locked or after our CLOSE.
;

pub const drain =
    \\drain($self, /)
    \\--
    \\
    \\Await that the peer has taken enough of what was sent.
;

pub const ignore_input = "_ignore_input($self, /)\n--\n\nDrop messages that come from now on, and count them: the user has closed.";
pub const on_close = "_on_close($self, transport, frame, /)\n--\n\nHook: the peer sent a CLOSE. By default it is answered, then the connection ends.";
pub const on_pong = "_on_pong($self, payload, /)\n--\n\nHook: a PONG came; called if _wants_pongs.";
pub const on_bad_text = "_on_bad_text($self, error, /)\n--\n\nHook with by_frame: the message taken is not UTF-8. By default the connection fails. recv() then waits for the end.";
pub const on_full = "_on_full($self, /)\n--\n\nHook of when_full='close', called once. By default the connection fails with CLOSE(POLICY_VIOLATION).";
pub const ended = "_ended($self, is_iterating, /)\n--\n\nHook: the exception that is raised when the connection is gone and all messages are taken: StopAsyncIteration, say, if is_iterating.";
pub const not_open = "_not_open($self, /)\n--\n\nHook: the exception that is raised when nothing can be sent any more.";
pub const conflict = "_conflict($self, /)\n--\n\nHook: the exception of a second recv() while one waits.";
pub const send_slow = "_send_slow($self, message, text, /)\n--\n\nHook: a coroutine that sends what _send_wait() does not.";

pub const ws_transport = "The WSTransport, from on_ws_connected on.";
pub const dropped = "How many messages were dropped: by when_full='drop_oldest', or because they came after close().";
pub const queued = "How many messages wait to be taken; with by_frame, frames.";
pub const queued_bytes = "How many bytes these are, with 64 for each besides.";
pub const is_writing_paused = "Whether drain() would wait.";
pub const is_reading_paused = "Whether the peer is not read from, because too much waits to be taken.";
pub const is_inside_message = "Whether the last frame of a fragmented message has not come yet.";
