"""Packed weights as C structs for the kernels, and aligned memory."""

from libc.stdlib cimport free
from libc.string cimport memset

from wavenetlite.kernels import padded, panel_widths
from wavenetlite.kernels.dispatch cimport activation_kernel
from wavenetlite.kernels.types cimport Panel, RowChoice

cdef extern from "stdlib.h" nogil:
    void* aligned_alloc(size_t alignment, size_t size)


cdef class Block:
    """Zeroed memory on a 64-byte boundary, freed with the object."""
    cdef char* bytes

    def __cinit__(self, size_t size):
        cdef size_t room = (size + 63) // 64 * 64 + 64
        self.bytes = <char*>aligned_alloc(64, room)
        if self.bytes == NULL:
            raise MemoryError(f"no memory for {size} bytes")
        memset(self.bytes, 0, room)

    def __dealloc__(self):
        free(self.bytes)


cdef class Blocks:
    """Blocks of memory that live as long as this object."""

    def __cinit__(self):
        self.kept = []

    cdef char* allocate(self, size_t size) except NULL:
        cdef Block block = Block(size)
        self.kept.append(block)
        return block.bytes


cdef int set_conv(
    Conv* conv, object packed, const float* arena, const Kernels* kernels, Blocks blocks) except -1:
    """Fill `conv` from a `PackedConv`, whose weights are in `arena`."""
    cdef Py_ssize_t* length
    cdef Py_ssize_t* window
    cdef Panel* panel
    cdef Py_ssize_t i, k
    kinds = [panel_widths().index(cut.width) for cut in packed.panels]
    conv.taps = len(packed.order)
    conv.narrow_taps = packed.narrow_taps
    conv.chain_length = sum(packed.lengths[packed.narrow_taps:])
    length = <Py_ssize_t*>blocks.allocate(conv.taps * sizeof(Py_ssize_t))
    for i in range(conv.taps):
        length[i] = packed.lengths[i]
    conv.length = length
    conv.panels = len(packed.panels)
    panel = <Panel*>blocks.allocate(conv.panels * sizeof(Panel))
    for i, cut in enumerate(packed.panels):
        panel[i].rows = kernels.panel_kernels[<Py_ssize_t>kinds[i]]
        panel[i].out = cut.out
        window = <Py_ssize_t*>blocks.allocate(conv.taps * sizeof(Py_ssize_t))
        for k in range(conv.taps):
            window[k] = cut.windows[k]
        panel[i].window = window
        panel[i].bias = arena + <Py_ssize_t>cut.bias
        panel[i].narrow = arena + <Py_ssize_t>cut.narrow
        panel[i].wide = arena + <Py_ssize_t>cut.wide
    conv.panel = panel
    conv.grouped = packed.grouped
    set_row_kernels(conv, panel, kinds, kernels)
    conv.channels = packed.channels
    conv.padded = padded(packed.channels)
    return 0


cdef set_row_kernels(const Conv* conv, Panel* panel, list kinds, const Kernels* kernels):
    """Let a single row compute as many panels at once as possible; with groups they read different channels."""
    cdef const RowChoice* choice
    cdef Py_ssize_t i = 0
    while i < conv.panels:
        choice = kernels.row_kernels
        while kinds[i : i + choice.panels] != kinds_of(choice) or (conv.grouped and choice.panels > 1):
            choice += 1
        panel[i].row, panel[i].abreast = choice.run, choice.panels
        i += choice.panels


cdef list kinds_of(const RowChoice* choice):
    cdef Py_ssize_t i
    return [choice.kinds[i] for i in range(choice.panels)]


cdef int set_activation(Conv* conv, str name, const float* parameters) except -1:
    """Set the activation of `conv`; "": none."""
    if name:
        conv.activation = activation_kernel(name).run
    conv.tanh = name == "tanh"
    conv.parameters = parameters
    return 0


cdef Strip* new_strips(list packed, const float* arena, const Kernels* kernels, Blocks blocks) except NULL:
    """Convert a list of `PackedStrip`, whose weights are in `arena`."""
    cdef Strip* strips = <Strip*>blocks.allocate(len(packed) * sizeof(Strip))
    cdef Strip* strip
    cdef Py_ssize_t* tap
    cdef Py_ssize_t* channel
    cdef Py_ssize_t number, i
    for number, source in enumerate(packed):
        strip = strips + number
        if isinstance(source.packed, tuple):
            strip.weights, strip.bias = arena + <Py_ssize_t>source.packed[0], arena + <Py_ssize_t>source.packed[1]
        else:
            set_conv(&strip.conv, source.packed, arena, kernels, blocks)
        strip.taps, strip.channels = len(source.taps), source.out_channels
        strip.count, strip.out, strip.out_step, strip.in_step = source.count, source.out, source.out_step, source.in_step
        tap = <Py_ssize_t*>blocks.allocate(strip.taps * sizeof(Py_ssize_t))
        channel = <Py_ssize_t*>blocks.allocate(strip.taps * sizeof(Py_ssize_t))
        for i in range(strip.taps):
            tap[i] = source.taps[i]
            channel[i] = source.channels[i]
        strip.tap, strip.channel = tap, channel
    return strips
