//! Agreeing on permessage-deflate, RFC 7692 5 and 7.1: a client offers, a server takes the first offer that it can keep, the
//! client checks the answer. Other extensions are nobody's business here, but a client refuses what it did not offer.

const std = @import("std");
const extensions = @import("extensions.zig");
const format = @import("../deflate/format.zig");
const http = @import("../http/head.zig");
const permessage = @import("../message/permessage.zig");
const Agreement = permessage.Agreement;

pub const extension_name = "permessage-deflate";

/// The parameters of an offer or of an answer.
pub const Parameters = struct {
    server_no_context_takeover: bool = false,
    client_no_context_takeover: bool = false,
    server_max_window_bits: ?u4 = null,
    client_max_window_bits: ?ClientBits = null,

    pub const ClientBits = union(enum) {
        /// No value: the client takes any limit.
        any,
        bits: u4,
    };

    pub const text_size_max = (extension_name ++ "; server_no_context_takeover; client_no_context_takeover" ++
        "; server_max_window_bits=15; client_max_window_bits=15").len;

    /// The value of the header.
    pub fn write(self: Parameters, buffer: *[text_size_max]u8) []const u8 {
        var writer: std.Io.Writer = .fixed(buffer);
        self.print(&writer) catch unreachable; // there is room for all of it
        return writer.buffered();
    }

    fn print(self: Parameters, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        try writer.writeAll(extension_name);
        if (self.server_no_context_takeover) try writer.writeAll("; server_no_context_takeover");
        if (self.client_no_context_takeover) try writer.writeAll("; client_no_context_takeover");
        if (self.server_max_window_bits) |bits| try writer.print("; server_max_window_bits={d}", .{bits});
        if (self.client_max_window_bits) |bits| switch (bits) {
            .any => try writer.writeAll("; client_max_window_bits"),
            .bits => |number| try writer.print("; client_max_window_bits={d}", .{number}),
        };
    }

    /// Null if one is unknown, comes twice or has a value that it may not have, RFC 7692 7.
    pub fn read(extension: extensions.Extension) ?Parameters {
        var self: Parameters = .{};
        var all = extension.parameters();
        while (all.next()) |parameter| {
            const name = std.meta.stringToEnum(std.meta.FieldEnum(Parameters), parameter.name) orelse return null;
            switch (name) {
                inline .server_no_context_takeover, .client_no_context_takeover => |flag| {
                    const field = &@field(self, @tagName(flag));
                    if (field.* or parameter.value != null) return null;
                    field.* = true;
                },
                .server_max_window_bits => {
                    if (self.server_max_window_bits != null) return null;
                    self.server_max_window_bits = readBits(parameter.value orelse return null) orelse return null;
                },
                .client_max_window_bits => {
                    if (self.client_max_window_bits != null) return null;
                    self.client_max_window_bits = if (parameter.value) |value|
                        .{ .bits = readBits(value) orelse return null }
                    else
                        .any;
                },
            }
        }
        return self;
    }

    /// 8 to 15, without a leading zero, RFC 7692 7.1.2.
    fn readBits(value: extensions.Value) ?u4 {
        var buffer: [2]u8 = undefined;
        const digits = value.copy(&buffer) orelse return null;
        if (digits[0] == '0') return null;
        const bits = std.fmt.parseUnsigned(u8, digits, 10) catch return null;
        if (bits < format.window_bits_min or bits > format.window_bits_max) return null;
        return @intCast(bits);
    }
};

/// What a server wants.
pub const Wishes = struct {
    /// No message that it sends refers to one before it.
    server_no_context_takeover: bool = false,
    /// The same for the client's.
    client_no_context_takeover: bool = false,
    server_max_window_bits: u4 = format.window_bits_max,
    client_max_window_bits: u4 = format.window_bits_max,
    /// Offers of clients that cannot limit their window are declined, if it has to be limited.
    requires_client_max_window_bits: bool = false,
};

pub const Accepted = struct {
    agreement: Agreement,
    /// What to tell the client.
    answer: Parameters,
};

pub const Choice = union(enum) {
    accepted: Accepted,
    /// No offer that can be kept: the connection goes without compression.
    declined,
    /// The header is not what RFC 6455 9.1 says: the request is a bad one.
    malformed,
};

/// A server's choice among the offers of a request. The first one that can be kept is taken, RFC 7692 5.1.
pub fn choose(head: http.Head, wishes: Wishes) Choice {
    var choice: Choice = .declined;
    for (head.fields) |field| {
        if (!std.ascii.eqlIgnoreCase(field.name, extensions.field_name)) continue;
        var offers: extensions.Extensions = .init(field.value);
        while (offers.next() catch return .malformed) |offer| {
            if (choice == .accepted or !std.mem.eql(u8, offer.name, extension_name)) continue;
            const parameters = Parameters.read(offer) orelse continue;
            if (accept(parameters, wishes)) |accepted| choice = .{ .accepted = accepted };
        }
    }
    return choice;
}

/// RFC 7692 7.1.
fn accept(offer: Parameters, wishes: Wishes) ?Accepted {
    var answer: Parameters = .{
        .server_no_context_takeover = offer.server_no_context_takeover or wishes.server_no_context_takeover,
        .client_no_context_takeover = offer.client_no_context_takeover or wishes.client_no_context_takeover,
    };
    const server_bits = @min(offer.server_max_window_bits orelse format.window_bits_max, wishes.server_max_window_bits);
    // Taking the parameter means saying it again, 7.1.2.1; a server may also say it unasked.
    if (offer.server_max_window_bits != null or server_bits < format.window_bits_max) {
        answer.server_max_window_bits = server_bits;
    }
    var client_bits: u4 = format.window_bits_max;
    if (offer.client_max_window_bits != null) { // 7.1.2.2: only then may it be in the answer
        client_bits = @min(bitsOf(offer.client_max_window_bits), wishes.client_max_window_bits);
        if (client_bits < format.window_bits_max) answer.client_max_window_bits = .{ .bits = client_bits };
    } else if (wishes.requires_client_max_window_bits and wishes.client_max_window_bits < format.window_bits_max) {
        return null;
    }
    return .{ .answer = answer, .agreement = .{
        .server = .{ .window_bits = server_bits, .takeover = !answer.server_no_context_takeover },
        .client = .{ .window_bits = client_bits, .takeover = !answer.client_no_context_takeover },
    } };
}

/// What is wrong with an answer.
pub const AnswerFailure = enum {
    malformed,
    not_offered,
    repeated,
    parameter,
    server_no_context_takeover,
    server_max_window_bits,
    client_max_window_bits,

    pub fn message(self: AnswerFailure) [:0]const u8 {
        return switch (self) {
            .malformed => "the Sec-WebSocket-Extensions header is not a list of extensions",
            .not_offered => "the answer has an extension that was not offered",
            .repeated => "the answer has permessage-deflate twice",
            .parameter => "the answer has a parameter of permessage-deflate that does not exist, comes twice or has a wrong value",
            .server_no_context_takeover => "the answer does not have server_no_context_takeover, which was offered",
            .server_max_window_bits => "the answer does not have server_max_window_bits as small as it was offered",
            .client_max_window_bits => "the answer has client_max_window_bits without an offer of it, without a value or larger than it was offered",
        };
    }
};

pub const Checked = union(enum) {
    agreement: Agreement,
    /// The server does not compress.
    declined,
    /// The handshake fails, RFC 7692 5.1.
    failure: AnswerFailure,
};

/// Extensions in an answer that are not this one.
pub const Others = enum {
    /// None was offered.
    refused,
    /// Whether they were offered is for `offer.checkAnswer` to say.
    left,
};

/// A client's check of the answer to `offer`; null if it offered nothing.
pub fn check(head: http.Head, offer: ?Parameters, others: Others) Checked {
    var checked: Checked = .declined;
    for (head.fields) |field| {
        if (!std.ascii.eqlIgnoreCase(field.name, extensions.field_name)) continue;
        var answers: extensions.Extensions = .init(field.value);
        while (answers.next() catch return .{ .failure = .malformed }) |answer| {
            if (!std.mem.eql(u8, answer.name, extension_name)) {
                if (others == .left) continue;
                return .{ .failure = .not_offered };
            }
            if (checked == .agreement) return .{ .failure = .repeated };
            const offered = offer orelse return .{ .failure = .not_offered };
            const parameters = Parameters.read(answer) orelse return .{ .failure = .parameter };
            if (compare(offered, parameters)) |failure| return .{ .failure = failure };
            checked = .{ .agreement = agreed(offered, parameters) };
        }
    }
    return checked;
}

/// RFC 7692 7.1: what an answer must and may not say.
fn compare(offer: Parameters, answer: Parameters) ?AnswerFailure {
    if (offer.server_no_context_takeover and !answer.server_no_context_takeover) return .server_no_context_takeover;
    if (offer.server_max_window_bits) |offered| {
        const bits = answer.server_max_window_bits orelse return .server_max_window_bits;
        if (bits > offered) return .server_max_window_bits;
    }
    const client_bits = answer.client_max_window_bits orelse return null;
    const offered = offer.client_max_window_bits orelse return .client_max_window_bits;
    if (client_bits == .any) return .client_max_window_bits;
    if (offered == .bits and client_bits.bits > offered.bits) return .client_max_window_bits;
    return null;
}

/// A client keeps to its own hints, whether they are in the answer or not, 7.1.1.2 and 7.1.2.2.
fn agreed(offer: Parameters, answer: Parameters) Agreement {
    const client_bits = bitsOf(answer.client_max_window_bits orelse offer.client_max_window_bits);
    return .{
        .server = .{
            .window_bits = answer.server_max_window_bits orelse format.window_bits_max,
            .takeover = !answer.server_no_context_takeover,
        },
        .client = .{
            .window_bits = client_bits,
            .takeover = !answer.client_no_context_takeover and !offer.client_no_context_takeover,
        },
    };
}

fn bitsOf(bits: ?Parameters.ClientBits) u4 {
    return switch (bits orelse .any) {
        .any => format.window_bits_max,
        .bits => |number| number,
    };
}
