"""Networks of integers in C: exact sums, rescaled by the rules of kernels/integer.pxi.in, to the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import KernelCall
from wavenetlite.kernels.pack import progressions
from wavenetlite.nodes.c_activation import CLAMP
from wavenetlite.nodes.rescaling import RULES
from wavenetlite.support.c_builder import CStepBuilder, CText

NEAREST = CText(
    "nearest",
    """\
/* Rounded to nearest, ties to even; |x| < 2^22. */
static inline int32_t $nearest(float x)
{
    float sum = x + 12582912.0f;
    return (int32_t)(sum - 12582912.0f);
}
""",
)
AWAY = CText(
    "away",
    """\
/* Rounded to nearest, ties away from zero; |x| < 2^22. */
static inline int32_t $away(float x)
{
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;
    return fabsf(rest) < 0.5f ? whole : rest > 0.0f ? whole + 1 : whole - 1;
}
""",
)
LIMITED = CText(
    "limited",
    """\
static inline int32_t $limited(int32_t a, int32_t low, int32_t high) { return a < low ? low : a > high ? high : a; }
""",
)
DOUBLED = CText(
    "doubled",
    """\
/* a * m / 2^31, rounded to nearest, ties up. */
static inline int32_t $doubled(int32_t a, int32_t m) { return (int32_t)(((int64_t)a * m + (1 << 30)) >> 31); }

/* a / 2^bits, rounded to nearest, ties away from zero; 0 <= bits <= 31. */
static inline int32_t $divided(int32_t a, int bits)
{
    const int32_t mask = (int32_t)((1u << bits) - 1u);
    return (a >> bits) + ((a & mask) > (mask >> 1) + (a < 0));
}
""",
)
RESCALED = {
    "single": CText(
        "rescaled",
        """\
/* A sum as an integer of the output: in float, clamped, rounded to nearest. The limits are without the zero point. */
static inline int8_t $rescaled(int32_t sum, const float *scale, int zero, int low, int high)
{
    float y = (float)sum * *scale;
    y = y < (float)high ? y : (float)high;
    y = y > (float)low ? y : (float)low;
    return (int8_t)($nearest(y) + zero);
}
""",
        (NEAREST,),
    ),
    "double": CText(
        "rescaled_twice",
        """\
/* Of a channel: the largest sum, multiplier, left and right shift. */
typedef struct { int32_t most, multiplier, left, right; } $rescaling;

/* A sum as an integer of the output, rounded twice. The limits are without the zero point. */
static inline int8_t $rescaled_twice(int32_t sum, const $rescaling *by, int zero, int low, int high)
{
    sum = $limited(sum, -by->most, by->most) * ((int32_t)1 << by->left);
    return (int8_t)($limited($divided($doubled(sum, by->multiplier), by->right), low, high) + zero);
}
""",
        (LIMITED, DOUBLED),
    ),
}
"""By rule: a sum as an integer of the output."""
TABLES = {"single": "float", "double": "$rescaling"}
"""By rule: the type of a channel's table."""


def by_rule(name: str, text: str, *needs: CText) -> dict[str, CText]:
    """A function for each rule, with the rule in its name; `RESCALED` and `TABLE` in its text stand for the rule's."""
    return {
        rule: CText(
            f"{name}_{rule}",
            text.replace(f"${name}", f"${name}_{rule}").replace("RESCALED", f"${rescaled.name}").replace(
                "TABLE", TABLES[rule]
            ),
            (rescaled, *needs),
        )
        for rule, rescaled in RESCALED.items()
    }  # fmt: skip


GATHER = CText(
    "gather",
    """\
/* n values of each row, from value `first` on, side by side, in 16 bits: CPUs add such products fastest. */
static inline void $gather(int16_t *x, const int8_t *const *rows, int taps, int first, int n)
{
    int k, i;
    for (k = 0; k < taps; k++, x += n) {
        for (i = 0; i < n; i++) x[i] = rows[k][first + i];
    }
}
""",
)
INTEGER_CONV = by_rule(
    "integer_conv",
    """\
/* Sums of n products each, with weights (outs, n). */
static inline void $integer_conv(
    int8_t *y, int outs, const int16_t *x, int n, const int8_t *w, const int32_t *bias, const TABLE *by, int zero,
    int low, int high)
{
    int32_t sums[16];
    int first, o, i;
    for (first = 0; first < outs; first += 16) {
        const int m = outs - first < 16 ? outs - first : 16;
        for (o = 0; o < m; o++, w += n) {
            int32_t sum = bias[first + o];
            for (i = 0; i < n; i++) sum += x[i] * (int16_t)w[i];
            sums[o] = sum;
        }
        for (o = 0; o < m; o++) y[first + o] = RESCALED(sums[o], by + first + o, zero, low, high);
    }
}
""",
)
INTEGER_DEPTHWISE = by_rule(
    "integer_depthwise",
    """\
/* Every channel by itself, with weights (taps, n). */
static inline void $integer_depthwise(
    int8_t *y, int n, const int8_t *const *rows, int taps, const int8_t *w, const int32_t *bias, const TABLE *by,
    int zero, int low, int high)
{
    int32_t sums[16];
    int first, c, k;
    for (first = 0; first < n; first += 16) {
        const int m = n - first < 16 ? n - first : 16;
        for (c = 0; c < m; c++) sums[c] = bias[first + c];
        for (k = 0; k < taps; k++) {
            for (c = 0; c < m; c++) sums[c] += rows[k][first + c] * w[k * n + first + c];
        }
        for (c = 0; c < m; c++) y[first + c] = RESCALED(sums[c], by + first + c, zero, low, high);
    }
}
""",
)
INTEGER_MULTIPLY = by_rule(
    "integer_multiply",
    """\
static inline void $integer_multiply(
    int8_t *y, const int8_t *a, const int8_t *b, int n, int a_zero, int b_zero, const TABLE *by, int zero, int low,
    int high)
{
    int i;
    for (i = 0; i < n; i++) y[i] = RESCALED((a[i] - a_zero) * (b[i] - b_zero), by, zero, low, high);
}
""",
)
INTEGER_ADD = {
    "single": CText(
        "integer_add_single",
        """\
static inline void $integer_add_single(
    int8_t *y, const int8_t *a, const int8_t *b, int n, int32_t bias, int32_t a_factor, int32_t b_factor, int shift,
    int zero, int low, int high)
{
    int i;
    for (i = 0; i < n; i++) {
        const int32_t sum = bias + a[i] * a_factor + b[i] * b_factor;
        y[i] = (int8_t)$limited((sum >> shift) + zero, low, high);
    }
}
""",
        (LIMITED,),
    ),
    "double": CText(
        "integer_add_double",
        """\
/* Each addend, and their sum, times a multiplier m and a shift to the right. */
static inline void $integer_add_double(
    int8_t *y, const int8_t *a, const int8_t *b, int n, int a_zero, int b_zero, int32_t a_m, int a_shift, int32_t b_m,
    int b_shift, int32_t m, int shift, int zero, int low, int high)
{
    int i;
    for (i = 0; i < n; i++) {
        int32_t sum = $divided($doubled((a[i] - a_zero) * (1 << 20), a_m), a_shift);
        sum += $divided($doubled((b[i] - b_zero) * (1 << 20), b_m), b_shift);
        y[i] = (int8_t)$limited($divided($doubled(sum, m), shift) + zero, low, high);
    }
}
""",
        (LIMITED, DOUBLED),
    ),
}
QUANTIZE = {
    "single": CText(
        "quantize_single",
        """\
/* By the reciprocal of the scale. The limits are without the zero point. */
static inline void $quantize_single(int8_t *y, const float *x, int n, float by, int zero, int low, int high)
{
    int i;
    for (i = 0; i < n; i++) y[i] = (int8_t)($nearest($clamp(x[i] * by, (float)low, (float)high)) + zero);
}
""",
        (CLAMP, NEAREST),
    ),
    "double": CText(
        "quantize_double",
        """\
static inline void $quantize_double(int8_t *y, const float *x, int n, float by, int zero, int low, int high)
{
    int i;
    for (i = 0; i < n; i++) y[i] = (int8_t)($away($clamp(x[i] / by, (float)low, (float)high)) + zero);
}
""",
        (CLAMP, AWAY),
    ),
}
DEQUANTIZE = CText(
    "dequantize",
    """\
static inline void $dequantize(float *y, const int8_t *x, int n, int zero, float scale)
{
    int i;
    for (i = 0; i < n; i++) y[i] = (float)(x[i] - zero) * scale;
}
""",
)
LOOK_UP = CText(
    "look_up",
    """\
/* table: the values of -128 to 127. */
static inline void $look_up(int8_t *y, const int8_t *x, int n, const int8_t *table)
{
    int i;
    for (i = 0; i < n; i++) y[i] = table[x[i] + 128];
}
""",
)
INTEGER_POOL = {
    "max": CText(
        "integer_max",
        """\
static inline void $integer_max(int8_t *y, const int8_t *const *rows, int taps, int n, int low, int high)
{
    int c, k;
    for (c = 0; c < n; c++) {
        int32_t most = rows[0][c];
        for (k = 1; k < taps; k++) most = rows[k][c] > most ? rows[k][c] : most;
        y[c] = (int8_t)$limited(most, low, high);
    }
}
""",
        (LIMITED,),
    ),
    "mean": CText(
        "integer_mean",
        """\
/* Rounded to nearest, ties away from zero. */
static inline void $integer_mean(int8_t *y, const int8_t *const *rows, int taps, int n, int low, int high)
{
    int c, k;
    for (c = 0; c < n; c++) {
        int32_t sum = 0;
        for (k = 0; k < taps; k++) sum += rows[k][c];
        y[c] = (int8_t)$limited((sum + (sum > 0 ? taps / 2 : -(taps / 2))) / taps, low, high);
    }
}
""",
        (LIMITED,),
    ),
}

RUNNING_MAX = CText(
    "running_max",
    """\
static inline void $running_max(int8_t *y, const int8_t *x, int n, int32_t *top, int64_t *frames)
{
    int i;
    for (i = 0; i < n; i++) {
        if (x[i] > top[i] || *frames == 0) top[i] = x[i];
        y[i] = (int8_t)top[i];
    }
    *frames = 1;
}
""",
)
RUNNING_MEAN = {
    "single": CText(
        "running_mean_single",
        """\
/* The mean of all frames so far; scale: of the input over the output's. The limits are without the zero point. */
static inline void $running_mean_single(
    int8_t *y, const int8_t *x, int n, int64_t *total, int64_t *frames, int x_zero, float scale, int zero, int low,
    int high)
{
    int i;
    scale = scale / (float)++*frames;
    for (i = 0; i < n; i++) {
        total[i] += x[i] - x_zero;
        y[i] = (int8_t)($nearest($clamp((float)total[i] * scale, (float)low, (float)high)) + zero);
    }
}
""",
        (CLAMP, NEAREST),
    ),
    "double": CText(
        "running_mean_double",
        """\
/* The mean of all frames so far; their number becomes part of the multiplier. Of more frames than sums of 32 bits
 * allow, as many last bits of sum and number are left out. */
static inline void $running_mean_double(
    int8_t *y, const int8_t *x, int n, int64_t *total, int64_t *frames, int x_zero, int32_t multiplier, int shift,
    int zero, int low, int high)
{
    int64_t count = ++*frames, by, most;
    int bits = 0, fold = 0, left, right, i;
    while (count >> bits > 8388607) bits++;
    count >>= bits;
    while (count >> (fold + 1)) fold++;
    fold = fold < 31 + shift ? fold : 31 + shift;
    by = ((int64_t)multiplier << fold) / count;
    left = shift > fold ? shift - fold : 0;
    right = fold > shift ? fold - shift : 0;
    most = (int64_t)0x7fffffff >> left;
    for (i = 0; i < n; i++) {
        int64_t value;
        total[i] += x[i] - x_zero;
        value = total[i] >> bits;
        value = value < -most ? -most : value > most ? most : value;
        value = (value * ((int64_t)1 << left) * by + (1 << 30)) >> 31;
        value = (value + ((int64_t)1 << right >> 1) - (value < 0 && right > 0)) >> right;
        value += zero;
        y[i] = (int8_t)(value < low ? low : value > high ? high : value);
    }
}
""",
    ),
}


def rule_of(call: KernelCall) -> str:
    """The name of the rule in a kernel's sizes."""
    return RULES[call.sizes[0]]


def limits_of(call: KernelCall, zero_in_them: bool) -> list[str]:
    """Zero point, lowest and highest integer of the output; the latter two with the zero point in them or without."""
    zero, low, high = call.sizes[1:4]
    return [str(zero), *(str(limit - (0 if zero_in_them else zero)) for limit in (low, high))]


def c_tables(write: CStepBuilder, tables: Sequence[npt.NDArray[Any]], rule: str) -> str:
    """The tables of a rule, with a value for each channel."""
    if rule == "single":
        return write.floats(tables[0])
    write.function(RESCALED["double"])
    rows = [tuple(int(value) for value in row) for row in zip(*tables, strict=True)]
    return write.table("$rescaling", rows, 4)


def c_integer_conv(
    write: CStepBuilder, call: KernelCall, weight: npt.NDArray[np.int8], begins: Sequence[int],
    bias: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    """The C of a convolution with weights (channels, window, taps); `begins`: where the window of each channel begins.

    The tables of the rule are `call.arrays` from the third on. Blocks of channels with equal weights share them.
    """
    window, taps = weight.shape[1:]
    ordered = np.ascontiguousarray(weight.swapaxes(1, 2)).reshape(len(weight), -1)
    alike: dict[bytes, list[tuple[int, int]]] = {}
    blocks: dict[bytes, slice] = {}
    for first, last in runs(begins):
        one = slice(first, last)
        arrays: list[npt.NDArray[Any]] = [ordered[one], bias[one], *(table[one] for table in call.arrays[2:])]
        key = b"".join(array.tobytes() for array in arrays)
        blocks.setdefault(key, one)
        alike.setdefault(key, []).append((first, begins[first]))
    rows, x, rule = write.rows(), write.wide(taps * window), rule_of(call)
    for key, one in blocks.items():
        by = c_tables(write, [table[one] for table in call.arrays[2:]], rule)
        given = [x, str(taps * window), write.array(ordered[one]), write.array(bias[one]), by]
        for (out, begin), count, (out_step, step) in progressions(alike[key]):
            outs, limits = str(one.stop - one.start), limits_of(call, zero_in_them=False)
            if count > 1:
                write.line(f"for (i = 0; i < {count}; i++) {{")
            write.call(GATHER, x, rows, str(taps), place(begin, step), str(window))
            write.call(
                INTEGER_CONV[rule], f"y + {place(out, out_step)}" if out or out_step else "y", outs, *given, *limits
            )
            if count > 1:
                write.line("}")


def place(first: int, step: int) -> str:
    """The i-th of equidistant places."""
    return f"{first} + i * {step}" if step else str(first)


def runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """The first and the end of each run of equal values."""
    ends = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1]), len(values)]
    return list(pairwise(ends))
