"""Packed weights as C structs for the kernels, and aligned memory."""

from libc.string cimport memset

from wavenetlite.kernels import padded, panel_widths
from wavenetlite.kernels.dispatch cimport activation_kernel
from wavenetlite.kernels.system cimport give_aligned, take_aligned
from wavenetlite.kernels.types cimport GroupKernel, Panel, PanelChoice, PanelKernel


cdef class Block:
    """Zeroed memory on a 64-byte boundary, freed with the object."""
    cdef char* bytes

    def __cinit__(self, size_t size):
        cdef size_t room = (size + 63) // 64 * 64 + 64
        self.bytes = <char*>take_aligned(room)
        if self.bytes == NULL:
            raise MemoryError(f"no memory for {size} bytes")
        memset(self.bytes, 0, room)

    def __dealloc__(self):
        give_aligned(self.bytes)


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
    conv.taps = len(packed.order)
    conv.narrow_taps = packed.narrow_taps
    conv.chain_length = sum(packed.lengths[packed.narrow_taps:])
    length = <Py_ssize_t*>blocks.allocate(conv.taps * sizeof(Py_ssize_t))
    for i in range(conv.taps):
        length[i] = packed.lengths[i]
    conv.length = length
    conv.panels = len(packed.panels)
    panel = <Panel*>blocks.allocate(conv.panels * sizeof(Panel))
    window = <Py_ssize_t*>blocks.allocate(conv.panels * conv.taps * sizeof(Py_ssize_t))
    for i, source in enumerate(packed.panels):
        panel[i].out = source.cut.first
        panel[i].window = window + i * conv.taps
        for k in range(conv.taps):
            window[i * conv.taps + k] = source.windows[k]
        panel[i].bias = arena + <Py_ssize_t>source.bias
        panel[i].late = NULL if source.late is None else arena + <Py_ssize_t>source.late
        panel[i].narrow = arena + <Py_ssize_t>source.narrow
        panel[i].wide = arena + <Py_ssize_t>source.wide
    conv.panel = panel
    conv.grouped = packed.grouped
    set_panel_kernels(conv, panel, packed, kernels)
    conv.channels = packed.channels
    conv.padded = padded(packed.channels)
    return 0


cdef set_panel_kernels(const Conv* conv, Panel* panel, object packed, const Kernels* kernels):
    """Set the kernels of many rows and of a single one, which computes as many panels at once as possible."""
    cdef Py_ssize_t i = 0
    cuts = [source.cut for source in packed.panels]
    kinds = [panel_widths().index(cut.width) for cut in cuts]
    while i < len(cuts):
        if cuts[i].group:
            set_group_kernels(panel + i, cuts[i:], kernels)
        elif packed.bf16:
            set_row_kernels(panel + i, kinds[i:], kernels.bf16_row_kernels, kernels.bf16_panel_kernels)
        elif not conv.grouped:
            set_row_kernels(panel + i, kinds[i:], kernels.row_kernels, kernels.panel_kernels)
        elif conv.narrow_taps == conv.taps:
            set_apart_kernels(panel + i, kinds[i:], kernels)
        else:
            set_row_kernels(panel + i, kinds[i : i + 1], kernels.row_kernels, kernels.panel_kernels)
        i += panel[i].abreast


cdef set_row_kernels(Panel* panel, list kinds, const PanelChoice* choice, const PanelKernel* panel_kernels):
    """`kinds`: of the panels left. Three panels abreast are no faster than two, unless one would remain."""
    cdef Py_ssize_t i
    while not begins_with(kinds, choice) or 2 < choice.panels < len(kinds):
        choice += 1
    panel.row, panel.abreast = choice.row, choice.panels
    for i in range(choice.panels):
        panel[i].rows, panel[i].together = panel_kernels[<Py_ssize_t>kinds[i]], 1


cdef set_apart_kernels(Panel* panel, list kinds, const Kernels* kernels):
    """The same for panels that read different channels and need one chain."""
    cdef const PanelChoice* choice = kernels.apart_kernels
    while not begins_with(kinds, choice):
        choice += 1
    panel.row, panel.rows = choice.row, choice.rows
    panel.abreast = panel.together = choice.panels


cdef bint begins_with(list kinds, const PanelChoice* choice):
    cdef Py_ssize_t i
    return kinds[: choice.panels] == [choice.kinds[i] for i in range(choice.panels)]


cdef set_group_kernels(Panel* panel, list cuts, const Kernels* kernels):
    """Set the kernels of the first panel and of those after it that are like it."""
    cdef const GroupKernel* kernel = kernels.group_kernels
    cdef Py_ssize_t alike = 0, i
    kind = cuts[0].width, cuts[0].group
    while (kernel.width, kernel.group) != kind:
        kernel += 1
    while alike < len(cuts) and (cuts[alike].width, cuts[alike].group) == kind:
        alike += 1
    for i in range(alike):
        panel[i].rows, panel[i].row = kernel.rows, kernel.row
        panel[i].together = panel[i].abreast = alike - i


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
