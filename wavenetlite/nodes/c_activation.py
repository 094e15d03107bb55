"""The functions of `Activate` in C, operation by operation as the kernels compute them (kernels/activation.pxi.in)."""

from __future__ import annotations

from wavenetlite.kernels import FAST_TANH
from wavenetlite.support.c_builder import CText

CLAMP = CText(
    "clamp",
    """\
static inline float $clamp(float x, float low, float high)
{
    x = x < high ? x : high;
    return x > low ? x : low;
}
""",
)
POWER = CText(
    "power_of_two",
    """\
/* 2^n, from n + 1.5 * 2^23: the sum has n in its lowest bits. */
static inline float $power_of_two(float sum)
{
    uint32_t bits;
    float power;
    memcpy(&bits, &sum, 4);
    bits = ((bits - 0x4B400000u) << 23) + 0x3F800000u;
    memcpy(&power, &bits, 4);
    return power;
}
""",
)
EXPM1 = CText(
    "expm1_parts",
    """\
/* expm1(r) and 2^n of x = n ln 2 + r, for -87 <= x <= 88. */
static inline float $expm1_parts(float x, float *power)
{
    float n = $fma(x, 1.44269504f, 12582912.0f), r, q;
    *power = $power_of_two(n);
    n = n - 12582912.0f;
    r = $fma(n, -0.693359375f, x);
    r = $fma(n, 2.12194440e-4f, r);
    q = 0.00139412156f;
    q = $fma(q, r, 0.00836682783f);
    q = $fma(q, r, 0.0416663516f);
    q = $fma(q, r, 0.166665406f);
    q = $fma(q, r, 0.5f);
    return $fma(q, r * r, r);
}
""",
    (POWER,),
)
EXP = CText(
    "exp_of",
    """\
static inline float $exp_of(float x)
{
    float power, p = $expm1_parts($clamp(x, -87.0f, 88.0f), &power);
    return $fma(p, power, power);
}
""",
    (CLAMP, EXPM1),
)
TANH_NUMERATOR = CText(
    "tanh_numerator",
    """\
/* expm1(2 x); tanh is 1 in float beyond 9.1. */
static inline float $tanh_numerator(float x)
{
    float n, r, r2, power, q;
    x = $clamp(x, -9.1f, 9.1f);
    n = $fma(x, 2.88539008f, 12582912.0f);
    power = $power_of_two(n);
    n = n - 12582912.0f;
    r = $fma(n, -0.693147181f, x + x);
    r2 = r * r;
    q = $fma(r2, 0.00139412156f, $fma(r, 0.00836682783f, 0.0416663516f));
    q = $fma(q, r2, $fma(r, 0.166665406f, 0.5f));
    q = $fma(q, r2, r);
    return $fma(q, power, power - 1.0f);
}
""",
    (CLAMP, POWER),
)
TANH = CText(
    "tanh_of",
    """\
static inline float $tanh_of(float x)
{
    float p = $tanh_numerator(x);
    return p / (p + 2.0f);
}
""",
    (TANH_NUMERATOR,),
)
SIGMOID = CText(
    "sigmoid_of",
    """\
static inline float $sigmoid_of(float x) { return 1.0f / (1.0f + $exp_of(0.0f - x)); }
""",
    (EXP,),
)
GELU = CText(
    "gelu_of",
    """\
/* x Phi(x), Phi the normal distribution: erfc by a polynomial of 1 / (1 + |x| / 4). */
static inline float $gelu_of(float x)
{
    float t = 1.0f / $fma(fabsf(x), 0.25f, 1.0f), g = 0.0690204175f;
    g = $fma(g, t, -0.398173718f);
    g = $fma(g, t, 0.802978239f);
    g = $fma(g, t, -0.683308412f);
    g = $fma(g, t, 0.621830215f);
    g = $fma(g, t, -0.0472773264f);
    g = $fma(g, t, 0.245258167f);
    g = $fma(g, t, 0.189211082f);
    g = $fma(g, t, 0.200506921f);
    g = $fma(g, t, -4.55923977e-05f);
    g = g * 0.5f * $exp_of(x * x * -0.5f);
    return x * (x > 0.0f ? 1.0f - g : g);
}
""",
    (EXP,),
)

P0, P1, P2, Q0, Q1 = FAST_TANH
FAST_TANH_OF = CText(
    "fast_tanh_of",
    f"""\
/* Neural Amp Modeler's rational function. */
static inline float $fast_tanh_of(float x)
{{
    float a, x2, p, q;
    x = $clamp(x, -1e6f, 1e6f);
    a = fabsf(x);
    x2 = x * x;
    p = $fma($fma(a, {P2}f, {P1}f), x2, $fma(a, {P0}f, {P0}f));
    q = $fma({Q0}f + x2, fabsf($fma(x * a, {Q1}f, x)), {Q0}f);
    return x * p / q;
}}
""",
    (CLAMP,),
)
LEAKY_HARDTANH_OF = CText(
    "leaky_hardtanh_of",
    """\
/* x between low and high, continued with these slopes. */
static inline float $leaky_hardtanh_of(float x, float low, float high, float low_slope, float high_slope)
{
    float below = x - low < 0.0f ? x - low : 0.0f, above = x - high > 0.0f ? x - high : 0.0f;
    return $fma(above, high_slope, $fma(below, low_slope, $clamp(x, low, high)));
}
""",
    (CLAMP,),
)
BF16_OF = CText(
    "bf16_of",
    """\
/* The nearest number of bf16, ties to even. */
static inline float $bf16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + (0x7FFFu + (bits >> 16 & 1u))) & 0xFFFF0000u;
    memcpy(&x, &bits, 4);
    return x;
}
""",
)
SINE = CText(
    "sine",
    """\
/* sin(x - n pi) for a remainder within +-pi / 2. */
static inline float $sine(float x, float n)
{
    float r = $fma(n, -3.140625f, x), r2, q = 2.6057196e-06f;
    r = $fma(n, -9.67502594e-4f, r);
    r = $fma(n, -1.50995799e-7f, r);
    r2 = r * r;
    q = $fma(q, r2, -0.00019809576f);
    q = $fma(q, r2, 0.0083330655f);
    q = $fma(q, r2, -0.1666666f);
    return $fma(q, r2 * r, r);
}
/* (-1)^n of it, of n + 1.5 * 2^23: the lowest bit tells whether n is odd. */
static inline float $turned(float sine, float sum, uint32_t more)
{
    uint32_t bits, odd;
    memcpy(&bits, &sine, 4);
    memcpy(&odd, &sum, 4);
    bits ^= (odd + more) << 31;
    memcpy(&sine, &bits, 4);
    return sine;
}
""",
)
SIN = CText(
    "sin_of",
    """\
static inline float $sin_of(float x)
{
    float n;
    x = $clamp(x, -1e5f, 1e5f);
    n = $fma(x, 0.318309886f, 12582912.0f);
    return $turned($sine(x, n - 12582912.0f), n, 0);
}
""",
    (CLAMP, SINE),
)
COS = CText(
    "cos_of",
    """\
static inline float $cos_of(float x)
{
    float n;
    x = $clamp(x, -1e5f, 1e5f);
    n = $fma(x, 0.318309886f, -0.5f) + 12582912.0f;
    return $turned($sine(x, (n - 12582912.0f) + 0.5f), n, 1);
}
""",
    (CLAMP, SINE),
)


def elementwise(name: str, value: str, *needs: CText, given: str = "", before: str = "") -> CText:
    """A function of every element x of a frame, in place; `given`: its parameters; `before`: a line before it."""
    parameters = "".join(f", float {parameter}" for parameter in given.split())
    lines = [f"static inline void ${name}(float *y, int n{parameters})", "{", "    int i;"]
    lines += ["    for (i = 0; i < n; i++) {", "        float x = y[i];"]
    lines += [f"        {line}" for line in (before, f"y[i] = {value};") if line]
    return CText(name, "\n".join([*lines, "    }", "}", ""]), needs)


SOFTMAX = CText(
    "softmax",
    """\
static inline void $softmax(float *y, int n)
{
    float top = y[0];
    double total = 0.0;
    int i;
    for (i = 1; i < n; i++) top = y[i] > top ? y[i] : top;
    for (i = 0; i < n; i++) y[i] = $exp_of(y[i] - top);
    for (i = 0; i < n; i++) total += y[i];
    for (i = 0; i < n; i++) y[i] = (float)(y[i] / total);
}
""",
    (EXP,),
)
PRELU = CText(
    "prelu",
    """\
static inline void $prelu(float *y, int n, const float *slopes)
{
    int i;
    for (i = 0; i < n; i++) y[i] = y[i] > 0.0f ? y[i] : y[i] * slopes[i];
}
""",
)
SNAKE = CText(
    "snake",
    """\
/* y + scale sin(alpha y)^2 */
static inline void $snake(float *y, int n, const float *alpha, const float *scale)
{
    int i;
    for (i = 0; i < n; i++) {
        float a = $clamp(alpha[i] * y[i], -1e5f, 1e5f);
        float s = $sine(a, $fma(a, 0.318309886f, 12582912.0f) - 12582912.0f);
        y[i] = $fma(s * s, scale[i], y[i]);
    }
}
""",
    (CLAMP, SINE),
)
EXPM1_OF = CText(
    "expm1_of",
    """\
static inline float $expm1_of(float x)
{
    float power, p = $expm1_parts($clamp(x, -87.0f, 88.0f), &power);
    return $fma(p, power, power - 1.0f);
}
""",
    (CLAMP, EXPM1),
)

ACTIVATIONS_IN_C = {
    text.name: text
    for text in (
        elementwise("relu", "x > 0.0f ? x : 0.0f"),
        elementwise("leaky_relu", "x > 0.0f ? x : x * slope", given="slope"),
        elementwise("elu", "x > 0.0f ? x : $expm1_of(x) * alpha", EXPM1_OF, given="alpha"),
        elementwise("silu", "x / (1.0f + $exp_of(0.0f - x))", EXP, before="x = x > -87.0f ? x : -87.0f;"),
        elementwise("gelu", "$gelu_of(x)", GELU),
        elementwise(
            "gelu_tanh", "x * $sigmoid_of(x * $fma(x * x, 0.0713548163f, 1.59576912f))", SIGMOID
        ),
        elementwise("hardtanh", "$clamp(x, low, high)", CLAMP, given="low high"),
        elementwise(
            "fake_quantize", "($clamp(x * by, low, high) + 12582912.0f - 12582912.0f) * scale", CLAMP,
            given="scale by low high",
        ),
        elementwise("hardswish", "x * $clamp(x + 3.0f, 0.0f, 6.0f) * (float)(1.0 / 6.0)", CLAMP),
        elementwise("softsign", "x / (1.0f + fabsf(x))"),
        elementwise("tanh", "$tanh_of(x)", TANH),
        elementwise("sigmoid", "$sigmoid_of(x)", SIGMOID),
        elementwise(
            "leaky_hardtanh", "$leaky_hardtanh_of(x, low, high, low_slope, high_slope)", LEAKY_HARDTANH_OF,
            given="low high low_slope high_slope",
        ),
        elementwise("fast_tanh", "$fast_tanh_of(x)", FAST_TANH_OF),
        elementwise("bf16", "$bf16_of(x)", BF16_OF),
        elementwise("exp", "$exp_of(x)", EXP),
        elementwise("sin", "$sin_of(x)", SIN),
        elementwise("cos", "$cos_of(x)", COS),
        PRELU,
        SNAKE,
        SOFTMAX,
    )
}  # fmt: skip
"""By name, as `wavenetlite.kernels.ACTIVATIONS`; called with a frame, its channels and the parameters."""
