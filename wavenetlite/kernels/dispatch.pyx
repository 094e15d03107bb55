"""Chooses one instruction set's kernels when the package is imported."""

import os
from importlib import import_module

from cpython.pycapsule cimport PyCapsule_GetPointer
cdef extern from *:
    """
    #if defined(__x86_64__)
    static const char *wnl_best(void) {
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return "avx512";
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
            && __builtin_cpu_supports("bmi2"))
            return "avx2";
        return "sse2";
    }
    #elif defined(__aarch64__)
    static const char *wnl_best(void) { return "neon"; }
    #else
    static const char *wnl_best(void) { return "sse2"; }
    #endif
    """
    const char* wnl_best()

# From the plainest to the best; a machine has all of its family up to its best one.
FAMILIES = (("sse2", "avx2", "avx512"), ("neon",))


def available() -> tuple[str, ...]:
    """Instruction sets that this CPU can run, plainest first."""
    best = wnl_best().decode()
    family = next(family for family in FAMILIES if best in family)
    return family[: family.index(best) + 1]


def choose(wanted: str | None) -> str:
    """The instruction set to use: the best one, or the one that WAVENETLITE_ISA names."""
    here = available()
    if not wanted:
        return here[-1]
    if wanted not in here:
        raise ValueError(f"WAVENETLITE_ISA={wanted} must be one of {', '.join(here)} on this CPU")
    return wanted


ISA = choose(os.environ.get("WAVENETLITE_ISA"))
_module = import_module(f"wavenetlite.kernels._{ISA}")
cdef const Kernels* selected = <const Kernels*>PyCapsule_GetPointer(_module.kernels, "wavenetlite.kernels")


cdef const Kernels* kernels() noexcept:
    """The table of the chosen instruction set."""
    return selected


def panel_widths() -> list[int]:
    """How the chosen kernels cut output channels into panels, widest first."""
    widths = []
    while selected.panel_widths[len(widths)]:
        widths.append(selected.panel_widths[len(widths)])
    return widths


def multiply_adds(rounds: int) -> int:
    """Run `rounds` rounds of independent FMAs; returns how many single multiply-adds that was."""
    cdef Py_ssize_t n = rounds
    with nogil:
        selected.multiply_adds(n)
    return 12 * n * {"sse2": 4, "neon": 4, "avx2": 8, "avx512": 16}[ISA]
