from libc.stdint cimport int64_t

cdef extern from "system.h" nogil:
    void* take_aligned(size_t)
    void* take_large(size_t)
    void give_aligned(void*)
    int64_t clock_ns()
    void let_others_run()
    void sleep_ns(int64_t)
    int process_number()
    double physical_memory()
