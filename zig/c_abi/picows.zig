//! libpicows: the core under names that C can call, declared in picows/include/picows.h. This file is the list of them.
//!
//! It adds no rule of its own. It checks arguments, because C callers have no compiler that does; it lends nothing and
//! owns nothing: memory is the caller's, and there is no allocator here either.

const std = @import("std");
const core = @import("core");
const version_text = @import("version").version;
const failures = @import("failures.zig");
const frames = @import("frames.zig");
const handshake = @import("handshake.zig");
const session = @import("session.zig");
const types = @import("types.zig");

pub const panic = std.debug.FullPanic(@import("fatal.zig").fatal);

/// Every exported name.
pub const functions = struct {
    pub const picows_version = version;
    pub const picows_failure_message = failures.message;
    pub const picows_failure_close_code = failures.closeCode;
    pub const picows_failure_http_status = failures.status;

    pub const picows_mask = frames.mask;
    pub const picows_header_decode = frames.headerDecode;
    pub const picows_header_encode = frames.headerEncode;
    pub const picows_parser_init = frames.parserInit;
    pub const picows_parser_next = frames.parserNext;
    pub const picows_frame_size = frames.frameSize;
    pub const picows_frame_write = frames.frameWrite;
    pub const picows_frame_wrap = frames.frameWrap;
    pub const picows_utf8_feed = frames.utf8Feed;
    pub const picows_close_decode = frames.closeDecode;
    pub const picows_close_encode = frames.closeEncode;

    pub const picows_session_init = session.init;
    pub const picows_session_receive = session.receive;
    pub const picows_session_answer = session.answer;
    pub const picows_session_send = session.send;
    pub const picows_session_wrap = session.wrap;
    pub const picows_session_ping = session.ping;
    pub const picows_session_close = session.close;
    pub const picows_session_drop = session.drop;
    pub const picows_session_end = session.end;
    pub const picows_session_status = session.status;

    pub const picows_keys_init = handshake.keysInit;
    pub const picows_keys_next = handshake.keysNext;
    pub const picows_key_encode = handshake.keyEncode;
    pub const picows_accept_key = handshake.acceptKey;
    pub const picows_head_read = handshake.headRead;
    pub const picows_head_find = handshake.headFind;
    pub const picows_head_has_token = handshake.headHasToken;
    pub const picows_request_check = handshake.requestCheck;
    pub const picows_request_write = handshake.requestWrite;
    pub const picows_response_read = handshake.responseRead;
    pub const picows_response_check = handshake.responseCheck;
    pub const picows_response_check_offer = handshake.responseCheckOffer;
    pub const picows_response_write = handshake.responseWrite;
    pub const picows_refusal_write = handshake.refusalWrite;
};

/// Every struct of the header.
pub const structs = .{
    .picows_header = types.Header,
    .picows_parser = types.Parser,
    .picows_parser_options = types.ParserOptions,
    .picows_frame = types.Frame,
    .picows_session = types.Session,
    .picows_session_options = types.SessionOptions,
    .picows_status = types.SessionStatus,
    .picows_event = types.Event,
    .picows_utf8 = types.Utf8,
    .picows_close = types.Close,
    .picows_keys = types.Keys,
    .picows_field = types.Field,
    .picows_head_reader = types.HeadReader,
    .picows_head = types.Head,
    .picows_request = types.Request,
    .picows_response_reader = types.ResponseReader,
    .picows_request_options = types.RequestOptions,
};

/// Every enumeration, by what its names begin with.
pub const enums = .{
    .PICOWS_ = types.Result,
    .PICOWS_ROLE_ = types.Role,
    .PICOWS_MODE_ = types.Mode,
    .PICOWS_EXTENSION_ = types.Extension,
    .PICOWS_EVENT_ = types.EventKind,
    .PICOWS_PIECE_ = types.PieceFlag,
    .PICOWS_STATE_ = types.State,
    .PICOWS_OPCODE_ = core.Opcode,
    .PICOWS_FLAG_ = types.Flag,
    .PICOWS_CLOSE_ = core.CloseCode,
    .PICOWS_FAILURE_ = failures.Failure,
};

pub const constants = types.constants;

comptime {
    for (@typeInfo(functions).@"struct".decl_names) |name| {
        @export(&@field(functions, name), .{ .name = name });
    }
}

fn version() callconv(.c) [*:0]const u8 {
    return version_text;
}
