//! WSListener: the user's handler. The library calls it through the table of C functions; a subclass written in Cython or C
//! puts its own functions into the table. Its Python type and the base entries of the table are in listener/.

const c = @import("cpython").capi;
const o = @import("cpython").object;
const WSFrame = @import("../frame/frame.zig").WSFrame;
const WSTransport = @import("transport.zig").WSTransport;
const State = @import("../state/state.zig").State;
const Object = o.Object;
const Error = o.Error;

pub const WSListener = extern struct {
    ob: Object,
    vtable: *const VTable,
    weakrefs: ?*Object,
};

/// C functions in the order of picows.pxd. With `skip_dispatch` non-zero an entry is the default behaviour itself, which
/// is what a call of `super()` or of the base class wants; with zero it calls what the object's class defines.
pub const VTable = extern struct {
    on_ws_connected: *const fn (*WSListener, *WSTransport, c_int) callconv(.c) ?*Object,
    on_ws_frame: *const fn (*WSListener, *WSTransport, *WSFrame, c_int) callconv(.c) ?*Object,
    on_ws_disconnected: *const fn (*WSListener, *WSTransport, c_int) callconv(.c) ?*Object,
    send_user_specific_ping: *const fn (*WSListener, *WSTransport, c_int) callconv(.c) ?*Object,
    is_user_specific_pong: *const fn (*WSListener, *WSFrame, c_int) callconv(.c) ?*Object,
    pause_writing: *const fn (*WSListener, c_int) callconv(.c) ?*Object,
    resume_writing: *const fn (*WSListener, c_int) callconv(.c) ?*Object,
};

/// The table of WSListener itself.
fn base(state: *const State) *const VTable {
    return @ptrCast(@alignCast(state.tables.WSListener));
}

/// Whether pings and their answers are what WSListener makes them: PING and PONG.
pub fn pingsAreUsual(self: *WSListener, state: *State) Error!bool {
    return self.vtable.send_user_specific_ping == base(state).send_user_specific_ping and self.vtable.is_user_specific_pong == base(state).is_user_specific_pong and
        try inherits(self, state, state.names.send_user_specific_ping) and
        try inherits(self, state, state.names.is_user_specific_pong);
}

pub fn pauseIsDefault(self: *WSListener, state: *State) Error!bool {
    return self.vtable.pause_writing == base(state).pause_writing and try inherits(self, state, state.names.pause_writing);
}

pub fn resumeIsDefault(self: *WSListener, state: *State) Error!bool {
    return self.vtable.resume_writing == base(state).resume_writing and try inherits(self, state, state.names.resume_writing);
}

/// Whether on_ws_read_end() is the listener's own. It is called by its name: the table has no entry for it.
pub fn hasReadEnd(self: *WSListener, state: *State) Error!bool {
    return !try inherits(self, state, state.names.on_ws_read_end);
}

/// Whether what Python finds under `name` on the listener is the method that WSListener defines. Bound methods are equal
/// if they bind the same function to the same object.
fn inherits(self: *WSListener, state: *State, name: *Object) Error!bool {
    const found = try o.check(c.PyObject_GetAttr(&self.ob, name));
    defer o.decref(found);
    const default = try o.check(c.PyObject_GetAttr(state.types.WSListener, name));
    defer o.decref(default);
    const bound = try o.callMethod(default, state.names.__get__, .{self});
    defer o.decref(bound);
    const equal = c.PyObject_RichCompareBool(found, bound, c.Py_EQ);
    try o.checkStatus(equal);
    return equal != 0;
}
