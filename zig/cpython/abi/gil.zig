//! The head of every object in CPython with a GIL, 3.11 and newer. Other modules reach it by way of capi.zig.

pub const is_free_threaded = false;

pub const PyObject = extern struct {
    ob_refcnt: isize,
    ob_type: *PyTypeObject,

    /// Whether the caller's reference is the only one.
    pub inline fn isUnique(self: *const PyObject) bool {
        return self.ob_refcnt == 1;
    }
};
/// Its further fields are not part of the Limited API.
pub const PyTypeObject = extern struct {
    ob_base: PyObject,
};
