"""Spectra in C, in double unless who compiles wants float: written to be short, not to have the kernels' bits."""

from __future__ import annotations

from math import log, log10

from wavenetlite.support.c_builder import CText

REAL = CText(
    "real",
    """\
/* The arithmetic of spectra: where doubles are slow, $FLOAT_SPECTRUM makes it float. */
#ifdef $FLOAT_SPECTRUM
typedef float $real;
#else
typedef double $real;
#endif
""",
)
TRANSFORM = CText(
    "transform",
    """\
/* The discrete Fourier transform of n complex values z in place, n a power of two. root: those of exp(-2 pi i / 2n). */
static inline void $transform($real *z, int n, const $real *root)
{
    int i, j, k, half;
    for (i = 0, j = 0; i < n; i++) { /* to the order of reversed bits */
        if (i < j) {
            const $real re = z[2 * i], im = z[2 * i + 1];
            z[2 * i] = z[2 * j];
            z[2 * i + 1] = z[2 * j + 1];
            z[2 * j] = re;
            z[2 * j + 1] = im;
        }
        for (k = n / 2; k > 0 && (j & k); k /= 2) j -= k;
        j += k;
    }
    for (half = 1; half < n; half *= 2) {
        for (k = 0; k < half; k++) {
            const $real c = root[2 * (n / half) * k], s = root[2 * (n / half) * k + 1];
            for (i = k; i < n; i += 2 * half) {
                $real *const a = z + 2 * i, *const b = z + 2 * (i + half);
                const $real re = c * b[0] - s * b[1], im = c * b[1] + s * b[0];
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
        }
    }
}
""",
    (REAL,),
)
POWERS = CText(
    "powers",
    """\
/* Powers of the spectrum of n real values, the complex numbers z of which are the even and the odd ones. */
static inline void $powers($real *power, $real *z, int n, const $real *root)
{
    const int m = n / 2;
    int k;
    $transform(z, m, root);
    for (k = 0; k <= m; k++) {
        const $real *const a = z + 2 * (k % m), *const b = z + 2 * ((m - k) % m);
        const $real even_re = (a[0] + b[0]) / 2, even_im = (a[1] - b[1]) / 2;
        const $real odd_re = (a[1] + b[1]) / 2, odd_im = (b[0] - a[0]) / 2;
        const $real re = even_re + root[2 * k] * odd_re - root[2 * k + 1] * odd_im;
        const $real im = even_im + root[2 * k] * odd_im + root[2 * k + 1] * odd_re;
        power[k] = re * re + im * im;
    }
}
""",
    (TRANSFORM,),
)
WINDOWED = CText(
    "windowed",
    """\
static inline void $windowed($real *z, const float *x, const $real *window, int n)
{
    int i;
    for (i = 0; i < n; i++) z[i] = x[i] * window[i];
}
""",
    (REAL,),
)
MAGNITUDES = CText(
    "magnitudes",
    """\
static inline void $magnitudes($real *power, int n)
{
    int k;
    for (k = 0; k < n; k++) power[k] = ($real)sqrt(power[k]);
}
""",
    (REAL,),
)
TAKE = CText(
    "take",
    """\
static inline void $take(float *y, const $real *power, int n)
{
    int k;
    for (k = 0; k < n; k++) y[k] = (float)power[k];
}
""",
    (REAL,),
)
BANDS = CText(
    "bands",
    """\
/* The first line of a band and the number of its lines; their weights follow one another. */
typedef struct { uint16_t first, lines; } $band;

static inline void $bands($real *y, const $real *power, const $band *band, int bands, const float *weight)
{
    int k;
    for (; bands > 0; bands--, band++, y++) {
        $real sum = 0;
        for (k = 0; k < band->lines; k++) sum += *weight++ * power[band->first + k];
        *y = sum;
    }
}
""",
    (REAL,),
)
TERMS = 11
LOGARITHM = "\n".join(
    f"    series = series * q + ($real){20 / log(10) / (2 * k + 1)!r};" for k in reversed(range(TERMS - 1))
)
DECIBELS = CText(
    "decibels",
    f"""\
/* 10 log10(x), x > 0, by the power series of 2 atanh((z - 1) / (z + 1)): the same bits on every machine. */
static inline $real $decibels($real x)
{{
    int exponent;
    $real z = ($real)frexp(x, &exponent), s, q, series = ($real){20 / log(10) / (2 * TERMS - 1)!r};
    if (z < ($real)0.70710678) {{
        z *= 2;
        exponent--;
    }}
    s = (z - 1) / (z + 1);
    q = s * s;
{LOGARITHM}
    return exponent * ($real){10 * log10(2)!r} + s * series;
}}
""",
    (REAL,),
)
LOUDNESS = CText(
    "loudness",
    """\
static inline void $loudness(float *y, const $real *energy, int n, $real least, $real reference)
{
    int i;
    for (i = 0; i < n; i++) y[i] = (float)($decibels(energy[i] > least ? energy[i] : least) - reference);
}
""",
    (DECIBELS,),
)
