"""Convolutions in C: every sum in the order that kernels/convolution.pxi.in defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from wavenetlite.graph import Convolution
from wavenetlite.kernels.pack import Part, parts_of
from wavenetlite.support.c_builder import CStepBuilder, CText

PRODUCTS = CText(
    "products",
    """\
/* y[o] += the products of `ins` values and their weights, (ins, ld), one after the other. */
static inline void $panel(float *y, int width, const float *x, int ins, const float *w, int ld)
{
    float a[$PANEL];
    int c, o;
    for (o = 0; o < width; o++) a[o] = y[o];
    for (c = 0; c < ins; c++, w += ld) {
        for (o = 0; o < width; o++) a[o] = $fma(x[c], w[o], a[o]);
    }
    for (o = 0; o < width; o++) y[o] = a[o];
}

static inline void $products(float *y, int outs, const float *x, int ins, const float *w)
{
    int o = 0;
    for (; o + $PANEL <= outs; o += $PANEL) $panel(y + o, $PANEL, x, ins, w + o, outs);
    for (; o + 4 <= outs; o += 4) $panel(y + o, 4, x, ins, w + o, outs);
    for (; o < outs; o++) $panel(y + o, 1, x, ins, w + o, outs);
}
""",
)
PART = CText(
    "part",
    """\
/* `outs` sums from sum `out` on take `ins` values of a row from value `first` on: the first `split` of them into y, the
 * others into t. */
typedef struct { uint16_t row, first, ins, split, out, outs; } $part;
""",
)
CONV = CText(
    "conv",
    """\
/* The parts of a convolution, from value `at` of the rows on; t: the second chain of its sums. */
static inline void $conv(
    float *y, float *t, const float *const *rows, int at, const $part *part, int parts, const float *w)
{
    for (; parts > 0; parts--, part++) {
        const float *x = rows[part->row] + at + part->first;
        const int second = part->ins - part->split;
        $products(y + part->out, part->outs, x, part->split, w);
        w += part->split * part->outs;
        if (second) $products(t + part->out, part->outs, x + part->split, second, w);
        w += second * part->outs;
    }
}
""",
    (PRODUCTS, PART),
)
DEPTHWISE = CText(
    "depthwise",
    """\
/* The parts of a depthwise convolution: every channel by itself. */
static inline void $depthwise(
    float *y, const float *const *rows, int at, const $part *part, int parts, const float *w)
{
    int c;
    for (; parts > 0; w += part->outs, parts--, part++) {
        const float *x = rows[part->row] + at + part->first;
        for (c = 0; c < part->outs; c++) y[c] = $fma(x[c], w[c], y[c]);
    }
}
""",
    (PART,),
)
ADD = CText(
    "add",
    """\
static inline void $add(float *y, const float *x, int n)
{
    int i;
    for (i = 0; i < n; i++) y[i] += x[i];
}
""",
)


def c_dense(write: CStepBuilder, call: Convolution) -> None:
    """The C of a sum of convolutions over all channels or groups of them."""
    parts = parts_of(call.weights, call.groups, call.channels)
    firsts = first_rows(weight.shape[2] for weight in call.weights)
    rows = [(firsts[part.source] + part.tap, 0) for part in parts]
    c_sums(write, "y", write.rows(), "0", rows, parts, call.weights, call.bias, call.channels)


def first_rows(taps: Iterable[int]) -> list[int]:
    """The number of the first row of each source."""
    return [0, *np.cumsum(list(taps)).tolist()]


def c_sums(
    write: CStepBuilder, y: str, rows: str, at: str, read: Sequence[tuple[int, int]], parts: Sequence[Part],
    weights: Sequence[np.ndarray], bias: np.ndarray | None, channels: int,
) -> None:  # fmt: skip
    """Set `y` to the bias plus the products of `parts`, which read these (row, value)s from value `at` on."""
    start(write, y, bias, channels)
    if not parts:
        return
    table = [
        (row, first + part.first, part.ins, part.split, part.out, part.outs)
        for (row, first), part in zip(read, parts, strict=True)
    ]
    ordered = [weights[part.source][part.out : part.out + part.outs, : part.ins, part.tap].T.ravel() for part in parts]
    second = any(part.split < part.ins for part in parts)
    t = write.scratch("second chain", channels) if second else "NULL"
    if second:
        write.line(f"memset({t}, 0, {channels} * sizeof(float));")
    write.function(CONV)
    table_name = write.table("$part", table)
    write.line(f"$conv({y}, {t}, {rows}, {at}, {table_name}, {len(table)}, {write.floats(np.concatenate(ordered))});")
    if second:
        write.call(ADD, y, t, str(channels))


def start(write: CStepBuilder, y: str, bias: np.ndarray | None, channels: int) -> None:
    """Set `y` to the bias."""
    if bias is None:
        write.line(f"memset({y}, 0, {channels} * sizeof(float));")
    else:
        write.line(f"memcpy({y}, {write.floats(bias)}, {channels} * sizeof(float));")


def c_depthwise(write: CStepBuilder, call: Convolution) -> None:
    """The C of a depthwise convolution, with weights (phases * channels, 1, taps)."""
    taps, channels = call.weights[0].shape[2], call.channels
    by_phase = call.weights[0].reshape(call.phases, channels, taps).swapaxes(1, 2)
    read, rows = [(tap, 0) for tap in range(taps)], write.rows()
    for phase in range(call.phases):
        c_single_chains(write, f"y + {phase * channels}" if phase else "y", rows, "0", read, by_phase[phase], call.bias)


def c_single_chains(
    write: CStepBuilder, y: str, rows: str, at: str, read: Sequence[tuple[int, int]], weights: np.ndarray,
    bias: np.ndarray | None,
) -> None:  # fmt: skip
    """Set `y` to the bias plus these (row, value)s times `weights` (taps, channels), channel by channel."""
    channels = weights.shape[1]
    start(write, y, bias, channels)
    if read:
        write.function(DEPTHWISE)
        table = write.table("$part", [(row, first, 1, 1, 0, channels) for row, first in read])
        write.line(f"$depthwise({y}, {rows}, {at}, {table}, {len(read)}, {write.floats(weights.ravel())});")
