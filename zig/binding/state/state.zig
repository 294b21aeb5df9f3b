//! What one instance of the module keeps: its types, the Python objects it calls, interned names. There are no mutable
//! globals (but what tls/libssl.zig has of OpenSSL), so several interpreters may load the module.

const std = @import("std");
const core = @import("core");
const c = @import("cpython").capi;
const o = @import("cpython").object;
const MethodCall = @import("cpython").method_call.MethodCall;
const Object = o.Object;
const Error = o.Error;

/// Attribute and method names, each field an interned str of its own name.
pub const Names = struct {
    __get__: *Object,
    _conflict: *Object,
    _ended: *Object,
    _not_open: *Object,
    _on_bad_text: *Object,
    _on_close: *Object,
    _on_full: *Object,
    _on_input_end: *Object,
    _on_pong: *Object,
    _send_slow: *Object,
    _msg_callback: *Object,
    _sslobj: *Object,
    abort: *Object,
    add_reader: *Object,
    add_writer: *Object,
    after_fork: *Object,
    bytes: *Object,
    call_exception_handler: *Object,
    call_later: *Object,
    call_soon: *Object,
    call_soon_threadsafe: *Object,
    can_write_eof: *Object,
    cancel: *Object,
    cipher: *Object,
    close: *Object,
    compression: *Object,
    connection_lost: *Object,
    context: *Object,
    create_error_response: *Object,
    create_future: *Object,
    do_handshake: *Object,
    done: *Object,
    @"error": *Object,
    exception: *Object,
    fileno: *Object,
    get_extra_info: *Object,
    get_write_buffer_size: *Object,
    getpeercert: *Object,
    getpeername: *Object,
    give_up: *Object,
    getsockname: *Object,
    headers: *Object,
    info: *Object,
    is_closed: *Object,
    is_closing: *Object,
    is_reading: *Object,
    is_user_specific_pong: *Object,
    isEnabledFor: *Object,
    join: *Object,
    listener: *Object,
    log: *Object,
    on_ws_connected: *Object,
    on_ws_disconnected: *Object,
    on_ws_frame: *Object,
    on_ws_read_end: *Object,
    pause_reading: *Object,
    pause_writing: *Object,
    peername: *Object,
    read: *Object,
    remove_reader: *Object,
    remove_writer: *Object,
    response: *Object,
    result: *Object,
    resume_reading: *Object,
    resume_writing: *Object,
    run: *Object,
    send_user_specific_ping: *Object,
    set_exception: *Object,
    set_result: *Object,
    socket: *Object,
    ssl_object: *Object,
    status: *Object,
    text: *Object,
    time: *Object,
    to_bytes: *Object,
    type: *Object,
    unwrap: *Object,
    warning: *Object,
    @"websocket.receive": *Object,
    @"websocket.send": *Object,
    write: *Object,
    write_eof: *Object,
};

/// Python classes and functions that the binding calls, with the module each comes from.
pub const Imports = struct {
    CancelledError: *Object,
    CloseCodeBase: *Object,
    TimeoutError: *Object,
    WSBroadcastResult: *Object,
    everything_sent: *Object,
    await_choice: *Object,
    factory_error: *Object,
    reraise: *Object,
    WSHandshakeError: *Object,
    WSInvalidHeaderError: *Object,
    WSInvalidMessageError: *Object,
    WSInvalidStatusError: *Object,
    WSInvalidUpgradeError: *Object,
    WSProtocolError: *Object,
    WSUpgradeResponse: *Object,
    WSUpgradeResponseWithListener: *Object,
    make_headers: *Object,
    make_response: *Object,
    make_request: *Object,
    switching_response: *Object,
    WSCloseHandshake: *Object,
    WSCloseInfo: *Object,
    wait_disconnected: *Object,
    make_disconnect_info: *Object,
    measure_roundtrip_time: *Object,
    monotonic: *Object,
    copy_context: *Object,
    Context: *Object,
    current_task: *Object,
    Coroutine: *Object,
    inet_ntop: *Object,
    socket_from_handle: *Object,
    watch_hub: *Object,
    TransportSocket: *Object,
    MemoryBIO: *Object,
    SSLError: *Object,
    SSLWantReadError: *Object,
    SSLWantWriteError: *Object,
    SSLZeroReturnError: *Object,

    /// The modules of those that are not exceptions of the package.
    const sources = .{
        .make_headers = "picows.values.header_text",
        .CloseCodeBase = "picows.values.closing",
        .CancelledError = "asyncio",
        .await_choice = "picows.values.awaited",
        .TimeoutError = "builtins",
        .WSBroadcastResult = "picows.values.broadcast",
        .everything_sent = "picows.values.broadcast",
        .WSUpgradeResponse = "picows.values.handshake",
        .WSUpgradeResponseWithListener = "picows.values.handshake",
        .make_response = "picows.values.handshake",
        .make_request = "picows.values.handshake",
        .switching_response = "picows.values.handshake",
        .WSCloseHandshake = "picows.values.closing",
        .WSCloseInfo = "picows.values.closing",
        .wait_disconnected = "picows.values.closing",
        .make_disconnect_info = "picows.values.closing",
        .measure_roundtrip_time = "picows.values.roundtrip",
        .monotonic = "time",
        .copy_context = "contextvars",
        .Context = "contextvars",
        .current_task = "asyncio",
        .Coroutine = "collections.abc",
        .inet_ntop = "socket",
        .socket_from_handle = "picows.values.sockets",
        .watch_hub = "picows.values.sockets",
        .TransportSocket = "asyncio.trsock",
        .MemoryBIO = "ssl",
        .SSLError = "ssl",
        .SSLWantReadError = "ssl",
        .SSLWantWriteError = "ssl",
        .SSLZeroReturnError = "ssl",
    };

    fn module(comptime name: []const u8) [:0]const u8 {
        return if (@hasField(@TypeOf(sources), name)) @field(sources, name) else "picows.values.exceptions";
    }
};

/// The types that the module defines; those of the TCP transport where there is one.
pub const Types = struct {
    Acceptor: *Object,
    AsgiListener: *Object,
    Chunk: *Object,
    Endpoint: *Object,
    Hub: *Object,
    Done: *Object,
    LoopState: *Object,
    MessageCoroutine: *Object,
    MessageListener: *Object,
    MessageWaiter: *Object,
    NativeListener: *Object,
    Protocol: *Object,
    TcpTransport: *Object,
    WSFrame: *Object,
    WSListener: *Object,
    WSTransport: *Object,
};

/// Functions of this module that Python calls back, and the one object of a type that needs no other.
pub const Callbacks = struct {
    done: *Object,
    serve_tcp: *Object,
};

/// Enumerations, made from the core's, and their members in the core's order.
pub const Enums = struct {
    WSMsgType: *Object,
    WSCloseCode: *Object,
    WSAutoPingStrategy: *Object,
    msg_types: [16]?*Object,
    close_codes: [close_code_count]?*Object,

    pub const close_code_count = std.enums.values(core.CloseCode).len;
};

/// Tables of C functions that native code may call, each of the type with the same name in `Types`.
pub const Tables = struct {
    WSFrame: *const anyopaque,
    WSListener: *const anyopaque,
    WSTransport: *const anyopaque,
};

pub const State = struct {
    names: Names,
    imports: Imports,
    types: Types,
    callbacks: Callbacks,
    enums: Enums,
    mask: core.mask.Kernel,
    method_call: MethodCall,
    tables: Tables,
    /// The table for extensions: memory that is freed with the module.
    api: ?*anyopaque,

    pub fn of(module: *Object) *State {
        return @ptrCast(@alignCast(c.PyModule_GetState(module).?));
    }

    pub fn loadNames(self: *State) Error!void {
        var words: Words = .{ .rest = comptime joined(Names) };
        for (fieldsOf(&self.names)) |*field| field.* = try o.check(c.PyUnicode_InternFromString(words.next()));
    }

    pub fn loadImports(self: *State) Error!void {
        var words: Words = .{ .rest = comptime joined(Imports) };
        for (fieldsOf(&self.imports)) |*field| {
            const module = try o.check(c.PyImport_ImportModule(words.next()));
            defer o.decref(module);
            field.* = try o.check(c.PyObject_GetAttrString(module, words.next()));
        }
    }
};

/// Texts, each ended by a NUL, one behind the other. Code repeated for each name would be a twelfth of the extension, and a
/// table of pointers, each with its relocation, would be as large.
const Words = struct {
    rest: [*:0]const u8,

    fn next(self: *Words) [*:0]const u8 {
        const word = self.rest;
        self.rest += std.mem.len(word) + 1;
        return word;
    }
};

/// The names of the fields of Names or Imports, in order. For Imports, the module stands in front of each name.
fn joined(comptime T: type) [*:0]const u8 {
    @setEvalBranchQuota(10_000);
    var text: [:0]const u8 = "";
    for (std.meta.fieldNames(T), 0..) |name, i| {
        std.debug.assert(@offsetOf(T, name) == i * @sizeOf(*Object));
        text = text ++ (if (T == Imports) Imports.module(name) ++ "\x00" else "") ++ name ++ "\x00";
    }
    return text.ptr;
}

fn fieldsOf(fields: anytype) []*Object {
    return std.mem.bytesAsSlice(*Object, std.mem.asBytes(fields));
}

/// Calls `proc` for every reference that the state holds. CPython zeroes the state before the module is filled, so a
/// reference that is not there yet reads as null.
pub fn traverse(module: *Object, proc: c.visitproc, arg: ?*anyopaque) callconv(.c) c_int {
    const self: *State = @ptrCast(@alignCast(c.PyModule_GetState(module) orelse return 0));
    var references: References = .{ .state = self };
    while (references.next()) |field| {
        const status = o.visit(field.*, proc, arg);
        if (status != 0) return status;
    }
    return 0;
}

pub fn clear(module: *Object) callconv(.c) c_int {
    const self: *State = @ptrCast(@alignCast(c.PyModule_GetState(module) orelse return 0));
    var references: References = .{ .state = self };
    while (references.next()) |field| o.clear(field);
    return 0;
}

pub fn free(module: ?*anyopaque) callconv(.c) void {
    _ = clear(@ptrCast(@alignCast(module.?)));
    const self: *State = @ptrCast(@alignCast(c.PyModule_GetState(@ptrCast(@alignCast(module.?))) orelse return));
    c.PyMem_Free(self.api);
    self.api = null;
}

/// Walks the reference fields of State, which are all of its words up to `mask`.
const References = struct {
    state: *State,
    group: usize = 0,
    index: usize = 0,

    fn next(self: *References) ?*?*Object {
        inline for (.{ "names", "imports", "types", "callbacks", "enums" }, 0..) |name, group| {
            if (self.group == group) {
                const words: []?*Object = std.mem.bytesAsSlice(?*Object, std.mem.asBytes(&@field(self.state, name)));
                if (self.index < words.len) {
                    self.index += 1;
                    return &words[self.index - 1];
                }
                self.group += 1;
                self.index = 0;
            }
        }
        return null;
    }
};
