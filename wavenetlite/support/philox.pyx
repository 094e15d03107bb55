"""Random numbers by counting: Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.

The numbers for a place depend on the seed and the place only, not on what was drawn before: so they are the same in any
blocks, in any order and on every machine.
"""

from libc.stdint cimport uint32_t

from wavenetlite.support.philox cimport philox, uniform


def words_at(seed: int, counter: int) -> list[int]:
    """The four words of 32 bits for a seed below 2**64 and a counter below 2**128."""
    cdef uint32_t words[4]
    philox(seed, counter & 0xFFFFFFFFFFFFFFFF, counter >> 64, words)
    return [words[0], words[1], words[2], words[3]]


def uniforms_at(seed: int, counter: int) -> tuple[float, float]:
    """Two numbers between 0 and 1, exclusive, made of these words."""
    cdef uint32_t words[4]
    philox(seed, counter & 0xFFFFFFFFFFFFFFFF, counter >> 64, words)
    return uniform(words[0], words[1]), uniform(words[2], words[3])
