cdef void leave_turn() noexcept nogil
cdef void take_turn() noexcept nogil
