//! All ways in which a peer can break a protocol, in one numbering. The core has an enum for each of its parts, in an
//! order that may change; the numbers here are part of the ABI and do not.

const std = @import("std");
const core = @import("core");

pub const Failure = enum(i32) {
    none = 0,

    unknown_opcode = 1,
    reserved_bits = 2,
    fragmented_control = 3,
    oversized_control = 4,
    unmasked_frame = 5,
    masked_frame = 6,
    non_minimal_length = 7,
    length_over_63_bits = 8,
    frame_too_big = 9,
    close_payload_of_one_byte = 10,
    close_code_not_allowed = 11,
    close_reason_not_utf8 = 12,
    unexpected_continuation = 13,
    unfinished_message = 14,
    text_not_utf8 = 15,
    message_too_big = 16,
    too_many_fragments = 17,
    bad_data = 18,
    cut_data = 19,

    head_too_large = 101,
    head_too_many_fields = 102,
    head_bad_line_ending = 103,
    head_bad_start_line = 104,
    head_obs_fold = 105,
    head_bad_field_name = 106,
    head_bad_field_value = 107,
    head_too_many_interim = 108,

    /// Of this library, not of the core, which says no more than that it is none.
    request_line = 200,
    request_http_version = 201,
    request_method = 202,
    request_host = 203,
    request_has_body = 204,
    request_upgrade = 205,
    request_connection = 206,
    request_version = 207,
    request_key = 208,
    request_subprotocols = 209,
    request_extensions = 210,

    response_status = 301,
    response_upgrade = 302,
    response_connection = 303,
    response_accept = 304,
    response_has_body = 305,
    response_subprotocol = 306,
    response_extensions = 307,

    /// The number of a failure of the core, whichever part it comes from.
    pub fn of(failure: anytype) i32 {
        const Kind = @TypeOf(failure);
        return switch (failure) {
            inline else => |tag| @backingInt(@field(Failure, prefix(Kind) ++ @tagName(tag))),
        };
    }
};

const Kinds = .{ core.Failure, core.http.HeadFailure, core.opening.request.Failure, core.opening.response.Failure };

fn prefix(comptime Kind: type) []const u8 {
    return switch (Kind) {
        core.Failure => "",
        core.http.HeadFailure => "head_",
        core.opening.request.Failure => "request_",
        core.opening.response.Failure => "response_",
        else => @compileError("no failure: " ++ @typeName(Kind)),
    };
}

pub fn message(number: i32) callconv(.c) ?[*:0]const u8 {
    if (number == @backingInt(Failure.none)) return "no failure";
    if (number == @backingInt(Failure.request_line)) return "the first line is not that of an HTTP request";
    inline for (Kinds) |Kind| {
        inline for (comptime std.enums.values(Kind)) |failure| {
            if (number == comptime Failure.of(failure)) return failure.message();
        }
    }
    return null;
}

/// Zero for what is no failure of frames.
pub fn closeCode(number: i32) callconv(.c) u16 {
    inline for (comptime std.enums.values(core.Failure)) |failure| {
        if (number == comptime Failure.of(failure)) return @backingInt(failure.closeCode());
    }
    return 0;
}

/// Zero for what is no failure of a request. A head that cannot be read is a bad request.
pub fn status(number: i32) callconv(.c) u16 {
    if (number == @backingInt(Failure.request_line)) return 400;
    inline for (comptime std.enums.values(core.http.HeadFailure)) |failure| {
        if (comptime failure == .too_many_interim) continue; // no request has them
        if (number == comptime Failure.of(failure)) return 400;
    }
    inline for (comptime std.enums.values(core.opening.request.Failure)) |failure| {
        if (number == comptime Failure.of(failure)) return failure.status();
    }
    return 0;
}
