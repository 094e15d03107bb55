"""Kernel calls of nodes, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wavenetlite.kernels.pack import Arena, PackedConv, PackedStrip, keeps_bf16, pack_conv, pack_depthwise
from wavenetlite.kernels.pack_integers import PANEL_SIZES
from wavenetlite.support.errors import ParameterError

MOST_FLOAT = float(np.finfo(np.float32).max)


@dataclass(eq=False)
class KernelCall:
    """A call of a kernel, which computes frames of `channels` channels from the node's edges, and the fused operations.

    The kernel defines the meaning of `sizes` and `arrays`. `state` lists the lengths of its state vectors, of values of
    `state_bytes` bytes each, initially `first_state` or zeros. `scratch` is the number of scratch floats per frame, and
    `scratch_at_least` that for any number of frames.
    """

    channels: int
    kernel: str = ""
    sizes: tuple[int, ...] = ()
    arrays: list[np.ndarray] = field(default_factory=list)
    state: tuple[int, ...] = ()
    state_bytes: int = 4
    first_state: Sequence[np.ndarray] = ()
    scratch: int = 0
    scratch_at_least: int = 0
    phases: int = 1  # output frames per reading of the edges
    multiply_adds: float = 0.0  # per output frame
    takes_residual: bool = False  # whether the kernel can add a residual and rectify
    reads_unpadded: bool = False  # whether it reads only a row's channels: then an input is read in place
    reads_bins: bool = False  # whether frames hold many bins, so that fewer of them fit into the cache
    residual: bool = False  # whether it adds one
    relu_before: bool = False
    relu_after: bool = False
    takes_leaky: bool = False  # whether the kernel can apply a leaky rectifier with bounds
    leaky: bool = False  # whether it applies one: `parameters` are the slope and the bounds
    activation: str = ""  # applied last
    parameters: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # of the activation
    offsets: list[int] = field(default_factory=list)  # of `arrays` in the arena
    parameters_offset: int = -1
    conv: PackedConv | None = None
    order: tuple[tuple[int, int], ...] | None = None  # of the taps, (edge, tap), if not the natural one
    row_alone: bool = False  # whether `conv` is all it does for a single row
    strips: list[PackedStrip] = field(default_factory=list)

    @property
    def activated(self) -> bool:
        """Whether an activation is its last step; of ReLUs, `relu_before` and `relu_after` say so."""
        return self.leaky or bool(self.activation)

    def scale(self, scale: np.ndarray, offset: np.ndarray, bins: int) -> bool:
        """Multiply the output by `scale` and add `offset`, float64, the same for each of `bins` bins.

        Returns whether the kernel supports this; if not, nothing has changed.
        """
        return False

    def split(self, parts: Sequence[Sequence[int]]) -> None:
        """Read every sequence as several ones, of `parts[i]` channels each."""
        raise NotImplementedError

    def pack(self, arena: Arena) -> None:
        """Add everything that the kernel reads to the arena."""
        self.offsets += [self.pack_array(array, arena) for array in self.arrays]
        if self.parameters.size:
            self.parameters_offset = arena.add(self.parameters)

    def pack_array(self, array: np.ndarray, arena: Arena) -> int:
        """Add one of `arrays`; returns its offset."""
        return arena.add(array)


@dataclass(eq=False)
class IntegerCall(KernelCall):
    """A kernel call whose `arrays` may be of integers of 8, 16 or 32 bits."""

    def pack_array(self, array: np.ndarray, arena: Arena) -> int:
        return arena.add_bits(array)


FOLLOWING = ("look_up", "integer_add", "integer_multiply", "integer_gate")
"""Kernels that can run on what a convolution of integers has just computed: the list of kernels/integer_follow.pxi."""

MOST_HELD = 2**14
"""Bytes of the rows that are on their way from one to the next: they stay in the first-level cache."""


@dataclass(eq=False)
class IntegerConvolution(IntegerCall):
    """A convolution of integers, and the element-wise calls that its kernel runs on the output.

    `sizes` are those that all kernels of integers begin with; the others follow from the attributes here.
    """

    rows: int = 1  # computed at a time
    units: int = 0  # in a row of weights
    panels: tuple[int, ...] = ()  # sizes of all of them
    row_bytes: int = 0  # of the output, with padding
    taps: int = 1
    followers: list[tuple[int, ...]] = field(default_factory=list)  # sizes of each

    def follow(self, call: KernelCall, other: int, other_first: bool) -> bool:
        """Run `call` on the output; `other` is the tap of the sequence that it reads besides, or -1.

        Returns whether the kernel supports this; if not, nothing has changed.
        """
        rows = self.rows if self.rows * self.row_bytes <= MOST_HELD else MOST_HELD // self.row_bytes // 6 * 6
        if call.kernel not in FOLLOWING or not rows:
            return False
        head = FOLLOWING.index(call.kernel), call.channels, other, int(other_first), len(self.arrays), len(call.sizes)
        self.followers.append((*head, *call.sizes))
        self.arrays += call.arrays
        self.rows, self.channels = rows, call.channels
        return True

    def pack(self, arena: Arena) -> None:
        panels = len(self.panels) // PANEL_SIZES
        held = self.row_bytes if self.followers else 0
        following = [size for sizes in self.followers for size in sizes]
        self.sizes += (self.rows, self.units, panels, self.taps, len(self.followers), held, *self.panels, *following)
        self.scratch_at_least += -(-(self.rows + 1) * held // 4)
        super().pack(arena)


@dataclass(eq=False)
class Convolution(KernelCall):
    """Base of sums of convolutions: `weights[i]` belongs to edge i, (channels, in / groups[i], taps)."""

    weights: list[np.ndarray] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    bias: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.multiply_adds = self.multiply_adds or sum(weight.size for weight in self.weights) / self.phases

    def scale(self, scale: np.ndarray, offset: np.ndarray, bins: int) -> bool:
        """Fold ``scale * (W x + b) + offset`` into one convolution, in float64; packing rounds."""
        rows = self.weights[0].shape[0]  # more than channels if each phase has its own weights
        if self.relu_before or self.residual or self.activated or rows > self.channels:
            return False
        scale, offset = np.tile(scale, rows // scale.size), np.tile(offset, rows // offset.size)
        self.weights = [
            weight.astype(np.float64) * scale.reshape(-1, *[1] * (weight.ndim - 1)) for weight in self.weights
        ]
        bias = 0.0 if self.bias is None else self.bias.astype(np.float64)
        self.bias = offset + scale * bias
        return True

    def pack(self, arena: Arena) -> None:
        values = [*self.weights, *([] if self.bias is None else [self.bias])]
        if any((np.abs(value) > MOST_FLOAT).any() for value in values):
            raise ParameterError("weights exceed float32 once batch normalisation is folded into them")
        self.pack_weights(arena)
        super().pack(arena)

    def pack_weights(self, arena: Arena) -> None:
        raise NotImplementedError


@dataclass(eq=False)
class Dense(Convolution):
    """A sum of convolutions over all channels or groups of them."""

    kernel: str = "conv"
    takes_residual: bool = True
    reads_unpadded: bool = True
    row_alone: bool = True

    def split(self, parts: Sequence[Sequence[int]]) -> None:
        cuts = [np.cumsum(channels)[:-1] for channels in parts]
        self.weights = [
            part for weight, cut in zip(self.weights, cuts, strict=True) for part in np.split(weight, cut, axis=1)
        ]
        self.groups = [group for group, channels in zip(self.groups, parts, strict=True) for _ in channels]

    def pack_weights(self, arena: Arena) -> None:
        self.conv = pack_conv(arena, self.weights, self.groups, self.bias, self.channels, bf16=keeps_bf16(self.weights))
        self.order = self.conv.order


@dataclass(eq=False)
class Depthwise(Convolution):
    """A depthwise convolution, with separate weights per phase, (phases * channels, 1, taps)."""

    kernel: str = "depthwise"

    def pack_weights(self, arena: Arena) -> None:
        self.offsets = list(pack_depthwise(arena, self.weights[0], self.bias, self.phases))
