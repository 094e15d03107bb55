"""Selects the kernels of one instruction set when the package is imported."""

import os
from importlib import import_module

from cpython.pycapsule cimport PyCapsule_GetPointer
cdef extern from *:
    """
    #if defined(__x86_64__)
    static const char *wnl_available(void) {
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            return __builtin_cpu_supports("avx512vnni") ? "sse2 avx2 avx512 vnni" : "sse2 avx2 avx512";
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
            && __builtin_cpu_supports("bmi2"))
            return "sse2 avx2";
        return "sse2";
    }
    #elif defined(__aarch64__)
    static const char *wnl_available(void) { return "neon"; }
    #else
    static const char *wnl_available(void) { return "sse2"; }
    #endif
    """
    const char* wnl_available()

from wavenetlite.kernels cimport types

LANES = types.LANES
WIDE = types.WIDE


def available() -> tuple[str, ...]:
    """Instruction sets that this CPU supports, simplest first."""
    return tuple(wnl_available().decode().split())


def choose(wanted: str | None) -> str:
    """The instruction set to use: the best one, or the one named by WAVENETLITE_ISA."""
    here = available()
    if not wanted:
        return here[-1]
    if wanted not in here:
        raise ValueError(f"WAVENETLITE_ISA={wanted} must be one of {', '.join(here)} on this CPU")
    return wanted


ISA = choose(os.environ.get("WAVENETLITE_ISA"))
_module = import_module(f"wavenetlite.kernels._{ISA}")
cdef const Kernels* selected = <const Kernels*>PyCapsule_GetPointer(_module.kernels, "wavenetlite.kernels")
FAST_TANH = _module.FAST_TANH
INTEGER_UNIT = _module.INTEGER_UNIT


cdef const Kernels* kernels() noexcept:
    """The kernel table of the selected instruction set."""
    return selected


cdef StepKernel step_kernel(str name) except NULL:
    """The step kernel of this name."""
    cdef Py_ssize_t i
    for i in range(selected.steps):
        if selected.step[i].name == name.encode():
            return selected.step[i].run
    raise LookupError(f"no kernel named {name!r}")


cdef const OfferedActivation* activation_kernel(str name) except NULL:
    cdef Py_ssize_t i
    for i in range(selected.activations):
        if selected.activation[i].name == name.encode():
            return selected.activation + i
    raise LookupError(f"no activation named {name!r}")


def activations() -> list[str]:
    """Names of all activations, in table order."""
    return [selected.activation[i].name.decode() for i in range(selected.activations)]


def panel_widths() -> list[int]:
    """Widths of the panels of output channels, widest first."""
    widths = []
    while selected.panel_widths[len(widths)]:
        widths.append(selected.panel_widths[len(widths)])
    return widths


def vector_width() -> int:
    """Floats in the widest vector."""
    return selected.lanes


def multiply_adds(rounds: int) -> int:
    """Run `rounds` rounds of independent FMAs; returns the number of multiply-adds."""
    cdef Py_ssize_t n = rounds
    with nogil:
        selected.multiply_adds(n)
    return 12 * n * selected.lanes
