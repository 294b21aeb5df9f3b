//! What a call of OpenSSL came to.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const State = @import("../state/state.zig").State;

pub const Step = union(enum) {
    /// It is done, with so many bytes.
    count: usize,
    /// The peer has ended its side.
    ended,
    /// It goes on once more has arrived.
    want_read,
    /// It goes on once what is to be sent was taken.
    want_write,

    /// What the exception that is set asks for; it stays set if it is another one.
    pub fn fromException(state: *State) o.Error!Step {
        const wanted: Step = if (c.PyErr_ExceptionMatches(state.imports.SSLWantReadError) != 0)
            .want_read
        else if (c.PyErr_ExceptionMatches(state.imports.SSLWantWriteError) != 0)
            .want_write
        else
            return error.Python;
        c.PyErr_Clear();
        return wanted;
    }
};
