//! Agreeing on permessage-deflate in the opening handshake, RFC 7692 5: a server answers the offers of a request, a client
//! checks the answer. The core decides, unless users have put the header into the request or the response themselves.

const core = @import("core");
const o = @import("cpython").object;
const WSTransport = @import("../connection/transport.zig").WSTransport;
const Compression = @import("../connection/compression.zig").Compression;
const Options = @import("../connection/compression_options.zig").Options;
const Error = o.Error;

pub const field_name = core.extensions.field_name;
const Parameters = core.negotiation.Parameters;

/// The value of the header in a server's answer; null without compression.
pub const Answer = struct {
    agreement: core.permessage.Agreement,
    buffer: [Parameters.text_size_max]u8,
    size: usize,

    pub fn value(self: *const Answer) []const u8 {
        return self.buffer[0..self.size];
    }
};

/// What a server answers to the offers of a request.
pub fn choose(options: *const Options, head: core.http.Head) ?Answer {
    if (!options.is_wanted) return null;
    const choice = core.negotiation.choose(head, .{
        .server_no_context_takeover = options.server_no_context_takeover,
        .client_no_context_takeover = options.client_no_context_takeover,
        .server_max_window_bits = options.bitsOf(.server),
        .client_max_window_bits = options.bitsOf(.client),
    });
    const accepted = switch (choice) {
        .accepted => |accepted| accepted,
        .declined, .malformed => return null, // a malformed header was refused before
    };
    var answer: Answer = .{ .agreement = accepted.agreement, .buffer = undefined, .size = undefined };
    answer.size = accepted.answer.write(&answer.buffer).len;
    return answer;
}

/// A client checks the answer. Compression begins if the server accepts the offer. Returns what is wrong with the answer.
pub fn check(transport: *WSTransport, head: core.http.Head) Error!?core.negotiation.AnswerFailure {
    const options = &transport.connection().endpoint.options.compression;
    if (!options.is_wanted) return null;
    switch (core.negotiation.check(head, offer(options), .left)) {
        .declined => return null,
        .failure => |failure| return failure,
        .agreement => |agreement| {
            try Compression.begin(transport, agreement);
            return null;
        },
    }
}

/// What picows/values/compression.py writes into the request.
fn offer(options: *const Options) Parameters {
    return .{
        .server_no_context_takeover = options.server_no_context_takeover,
        .client_no_context_takeover = options.client_no_context_takeover,
        .server_max_window_bits = options.saidBits(.server),
        .client_max_window_bits = if (options.saidBits(.client)) |bits| .{ .bits = bits } else .any,
    };
}
