"""A non-blocking lock: a second thread gets an error instead of waiting."""

cimport cython

from wavenetlite.support.errors import StreamStateError

cdef extern from "simd.h" nogil:
    bint try_acquire(int*)
    void release(int*)


@cython.final
cdef class OneThread:
    """Context manager that guards a stream or a pool; `what` names it in the error."""
    cdef int busy
    cdef str what

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        if not try_acquire(&self.busy):
            raise StreamStateError(f"{self.what} is in use by another thread; give each thread its own {self.what}")

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        release(&self.busy)
