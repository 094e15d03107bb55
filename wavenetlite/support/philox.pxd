from libc.stdint cimport uint32_t, uint64_t

# Ten rounds of the Philox4x32 bijection; see philox.pyx.
cdef inline void philox(uint64_t seed, uint64_t low, uint64_t high, uint32_t* words) noexcept nogil:
    """Four words for a key and a counter of two halves."""
    cdef uint32_t first = <uint32_t>seed, second = <uint32_t>(seed >> 32), middle
    cdef uint64_t a, b
    cdef int i
    words[0], words[1], words[2], words[3] = <uint32_t>low, <uint32_t>(low >> 32), <uint32_t>high, <uint32_t>(high >> 32)
    for i in range(10):
        a, b = <uint64_t>0xD2511F53U * words[0], <uint64_t>0xCD9E8D57U * words[2]
        middle = words[1]
        words[0] = <uint32_t>(b >> 32) ^ middle ^ first
        middle = words[3]
        words[2] = <uint32_t>(a >> 32) ^ middle ^ second
        words[1], words[3] = <uint32_t>b, <uint32_t>a
        first += 0x9E3779B9U
        second += 0xBB67AE85U


cdef inline double uniform(uint32_t low, uint32_t high) noexcept nogil:
    """The middle of one of 2**52 equal parts of the interval from 0 to 1, which is never 0 or 1."""
    return (<double>(((<uint64_t>high << 32) | low) >> 12) + 0.5) * (1.0 / 4503599627370496.0)
