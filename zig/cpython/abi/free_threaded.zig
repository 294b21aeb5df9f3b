//! The head of every object in CPython without a GIL, 3.13 and 3.14. Other modules reach it by way of capi.zig.

pub const is_free_threaded = true;

pub const PyObject = extern struct {
    /// The thread that made the object, until its count is merged into the shared one.
    ob_tid: usize,
    /// Flags from 3.14 on.
    _padding: u16,
    ob_mutex: u8,
    ob_gc_bits: u8,
    /// References that the object's own thread counts.
    ob_ref_local: u32,
    /// References that other threads count, above two bits of state.
    ob_ref_shared: isize,
    ob_type: *PyTypeObject,

    /// Whether the caller's reference is the only one. True only if no other thread ever took part in counting it, and only
    /// worth anything in the object's own thread.
    pub inline fn isUnique(self: *const PyObject) bool {
        return @atomicLoad(u32, &self.ob_ref_local, .monotonic) == 1 and @atomicLoad(isize, &self.ob_ref_shared, .acquire) == 0;
    }
};
/// Its further fields are not part of the Limited API.
pub const PyTypeObject = extern struct {
    ob_base: PyObject,
};
