//! The order in which data frames may come, RFC 6455 5.4: a message is one TEXT or BINARY frame, then CONTINUATION
//! frames until one has FIN. Control frames may stand between them and change nothing here.
//!
//! Invariant: `open` is true exactly while a first frame was accepted and its last one was not.

const Opcode = @import("../frame/opcode.zig").Opcode;
const Failure = @import("../frame/failure.zig").Failure;

pub const Fragments = struct {
    /// The next data frame has to be a CONTINUATION.
    open: bool = false,

    /// Takes the next frame. After a failure nothing has changed.
    pub fn accept(self: *Fragments, opcode: Opcode, fin: bool) ?Failure {
        if (opcode.isControl()) return null; // RFC 6455 5.4: may be injected in the middle of a message
        if (opcode == .continuation) {
            if (!self.open) return .unexpected_continuation;
        } else {
            if (self.open) return .unfinished_message;
        }
        self.open = !fin;
        return null;
    }
};
