"""Turns with the interpreter, for threads that leave it for a microsecond.

Python's lock puts a thread that finds it taken to sleep, and waking takes some 50 us: two threads that each hold it for 0.4 us
and compute for 1.4 us without it ran no faster than one (measured: model A, a frame a call). So who comes back from a
computation first looks whether another of these threads has the interpreter now, waits awake until that one leaves, and takes
Python's lock, which is free then. Measured: 1.66 times as fast as one thread, where it was 1.03.

This is a courtesy and no lock: who has looked long enough takes the turn and leaves the rest to Python's lock. So a thread that
goes on to something else, or ends, while it is its turn costs the next one a microsecond or two, once.
"""

cdef extern from *:
    """
    #include <Python.h>
    #include "simd.h"

    enum { WNL_LOOKS = 100 };                   /* at whose turn it is: about 2 us */
    static unsigned long wnl_turn;              /* the thread that has the interpreter, as far as is known; or 0 */

    #if defined(Py_GIL_DISABLED)
    static inline void wnl_leave_turn(void) {}
    static inline void wnl_take_turn(void) {}
    #else
    static inline void wnl_leave_turn(void) {
        unsigned long me = PyThread_get_thread_ident();
        __atomic_compare_exchange_n(&wnl_turn, &me, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
    static inline void wnl_take_turn(void) {
        const unsigned long me = PyThread_get_thread_ident();
        for (int looks = 0; looks < WNL_LOOKS; looks++) {
            unsigned long nobody = 0;
            if (!__atomic_load_n(&wnl_turn, __ATOMIC_RELAXED)
                && __atomic_compare_exchange_n(&wnl_turn, &nobody, me, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
                return;
            relax();
        }
        __atomic_store_n(&wnl_turn, me, __ATOMIC_RELAXED);
    }
    #endif
    """
    void wnl_leave_turn() nogil
    void wnl_take_turn() nogil


cdef void leave_turn() noexcept nogil:
    """Say that this thread computes without the interpreter: the first thing after its lock has been released."""
    wnl_leave_turn()


cdef void take_turn() noexcept nogil:
    """Wait a little for one's turn: the last thing before Python's lock is taken again."""
    wnl_take_turn()
