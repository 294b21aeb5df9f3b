//! What a call of OpenSSL came to.

pub const Step = union(enum) {
    /// It is done, with so many bytes.
    count: usize,
    /// The peer has ended its side.
    ended,
    /// It goes on once more has arrived.
    want_read,
    /// It goes on once what is to be sent was taken.
    want_write,
};
