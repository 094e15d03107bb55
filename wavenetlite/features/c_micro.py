"""The front end of microcontroller wake words in C, by integers, to the bit: see kernels/micro_frontend.pxi.in."""

from __future__ import annotations

from wavenetlite.support.c_builder import CText

BIT_LENGTH = CText(
    "bit_length",
    """\
static inline int $bit_length(uint32_t x)
{
    int bits = 0;
    for (; x; x >>= 1) bits++;
    return bits;
}
""",
)
WINDOW = CText(
    "micro_window",
    """\
/* A frame as integers, windowed and shifted left as far as it goes, then zeros up to `size`; returns the shift. */
static inline int $micro_window(int16_t *z, const float *samples, const int16_t *window, int n, int size)
{
    int i, top = 0, shift;
    for (i = 0; i < n; i++) {
        float y = samples[i] * 32768.0f;
        y = y < 32767.0f ? y : 32767.0f;
        y = (y > -32768.0f ? y : -32768.0f) + 12582912.0f; /* rounded to nearest, ties to even */
        z[i] = (int16_t)(((int32_t)(y - 12582912.0f) * window[i]) >> 12);
        if (z[i] > top) top = z[i];
        if (z[i] < 0 && -z[i] <= 32767 && -z[i] > top) top = -z[i]; /* -32,768 has no magnitude, as in the original */
    }
    shift = 15 - $bit_length((uint32_t)top);
    for (i = 0; i < n; i++) z[i] = (int16_t)((uint32_t)z[i] << shift);
    for (; i < size; i++) z[i] = 0;
    return shift;
}
""",
    (BIT_LENGTH,),
)
TRANSFORM = CText(
    "micro_transform",
    """\
/* A number of 16 bits by a share of 2^15, and a complex number by another, rounded to nearest, ties up. */
static inline int16_t $micro_share(int x, int factor) { return (int16_t)((x * factor + 0x4000) >> 15); }

static inline void $micro_turn(int16_t *to, const int16_t *x, const int16_t *by)
{
    const int re = x[0], im = x[1];
    to[0] = (int16_t)((re * by[0] - im * by[1] + 0x4000) >> 15);
    to[1] = (int16_t)((re * by[1] + im * by[0] + 0x4000) >> 15);
}

/* The DFT of the n complex numbers x over n, n a power of two, by passes of radix 4 (the first may have 2) that scale
 * first; y: as many to use. Returns where it is. root: those of exp(-2 pi i / n). */
static inline const int16_t *$micro_transform(int16_t *x, int16_t *y, int n, const int16_t *root)
{
    int results = 1, parts = n, radix, k, q, i;
    for (; parts > 1; results *= radix) {
        int16_t *const before = x;
        radix = results == 1 && $bit_length((uint32_t)n) % 2 == 0 ? 2 : 4;
        parts /= radix;
        for (k = 0; k < results; k++) {
            for (q = 0; q < parts; q++) {
                int16_t a[4][2];
                int16_t *const to = y + 2 * (k * parts + q);
                const int step = 2 * results * parts;
                for (i = 0; i < radix; i++) {
                    const int16_t *const from = x + 2 * ((k * radix + i) * parts + q);
                    a[i][0] = $micro_share(from[0], 32767 / radix);
                    a[i][1] = $micro_share(from[1], 32767 / radix);
                    if (i > 0 && k > 0) $micro_turn(a[i], a[i], root + 2 * (i * k * (n / (radix * results))));
                }
                if (radix == 2) {
                    for (i = 0; i < 2; i++) {
                        to[i] = (int16_t)(a[0][i] + a[1][i]);
                        to[step + i] = (int16_t)(a[0][i] - a[1][i]);
                    }
                } else {
                    int16_t s[2], t[2], u[2], v[2];
                    for (i = 0; i < 2; i++) {
                        s[i] = (int16_t)(a[0][i] + a[2][i]);
                        t[i] = (int16_t)(a[0][i] - a[2][i]);
                        u[i] = (int16_t)(a[1][i] + a[3][i]);
                        v[i] = (int16_t)(a[1][i] - a[3][i]);
                        to[i] = (int16_t)(s[i] + u[i]);
                        to[2 * step + i] = (int16_t)(s[i] - u[i]);
                    }
                    to[step] = (int16_t)(t[0] + v[1]);
                    to[step + 1] = (int16_t)(t[1] - v[0]);
                    to[3 * step] = (int16_t)(t[0] - v[1]);
                    to[3 * step + 1] = (int16_t)(t[1] + v[0]);
                }
            }
        }
        x = y;
        y = before;
    }
    return x;
}
""",
    (BIT_LENGTH,),
)
POWERS = CText(
    "micro_powers",
    """\
static inline uint32_t $micro_square(int re, int im) { return (uint32_t)(re * re) + (uint32_t)(im * im); }

/* Powers of the bins between 0 and n, from the transform z of pairs of samples. half: exp(-pi i (k / n + 1 / 2)). */
static inline void $micro_powers(uint32_t *power, const int16_t *z, int n, const int16_t *half)
{
    int k;
    power[0] = power[n] = 0;
    for (k = 1; k <= n / 2; k++, half += 2) {
        const int16_t *const a = z + 2 * k, *const b = z + 2 * (n - k);
        const int ar = $micro_share(a[0], 16383), ai = $micro_share(a[1], 16383);
        const int br = $micro_share(b[0], 16383), bi = $micro_share((int16_t)-b[1], 16383);
        const int er = (int16_t)(ar + br), ei = (int16_t)(ai + bi);
        int16_t t[2];
        t[0] = (int16_t)(ar - br);
        t[1] = (int16_t)(ai - bi);
        $micro_turn(t, t, half);
        power[k] = $micro_square((er + t[0]) >> 1, (ei + t[1]) >> 1);
        power[n - k] = $micro_square((er - t[0]) >> 1, (t[1] - ei) >> 1);
    }
}
""",
    (TRANSFORM,),
)
BANDS = CText(
    "micro_bands",
    """\
/* The first bin of a band and the number of its bins; their weights follow one another. */
typedef struct { uint16_t first, bins; } $micro_band;

/* The square root, to the nearest; as in the original 65,535 is the largest of a number below 2^32. */
static inline uint32_t $micro_root(uint64_t x)
{
    uint64_t root = 0, bit = (uint64_t)1 << 62, rest = x;
    while (bit > x) bit >>= 2;
    for (; bit; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    if (rest > root) root++;
    return root == 65536 && x < ((uint64_t)1 << 32) ? 65535 : (uint32_t)root;
}

static inline void $micro_bands(
    uint32_t *signal, const uint32_t *power, const $micro_band *band, int bands, const int16_t *weight, int shift)
{
    int k;
    for (; bands > 0; bands--, band++, signal++) {
        uint64_t sum = 0;
        for (k = 0; k < band->bins; k++) sum += (uint64_t)power[band->first + k] * (uint32_t)*weight++;
        *signal = $micro_root(sum) >> shift;
    }
}
""",
)
NOISE = CText(
    "micro_noise",
    """\
/* The signal above its smoothed past, which is updated; shares of 2^14. */
static inline void $micro_noise(uint32_t *signal, uint32_t *noise, int n, int even, int odd, int remaining)
{
    int i;
    for (i = 0; i < n; i++) {
        const uint32_t scaled = signal[i] << 10, share = (uint32_t)(i % 2 ? odd : even);
        const uint32_t least = (uint32_t)(((uint64_t)signal[i] * (uint32_t)remaining) >> 14);
        uint32_t above;
        noise[i] = (uint32_t)(((uint64_t)scaled * share + (uint64_t)noise[i] * (16384 - share)) >> 14);
        above = (scaled - (noise[i] < scaled ? noise[i] : scaled)) >> 10;
        signal[i] = above > least ? above : least;
    }
}
""",
)
GAIN = CText(
    "micro_gain",
    """\
/* PCAN: the signal relative to its past, compressed. gain: a polynomial for each octave of the noise. */
static inline void $micro_gain(uint32_t *signal, const uint32_t *noise, int n, const int16_t *gain, int shift)
{
    int i;
    for (i = 0; i < n; i++) {
        const int octave = $bit_length(noise[i]);
        const int16_t *const g = gain + 4 * octave;
        const int place = (int)((octave < 11 ? noise[i] << (11 - octave) : noise[i] >> (octave - 11)) & 1023);
        const int value = ((g[2] * place >> 5) + g[1] * 32) * place;
        const int16_t by = noise[i] <= 2 ? g[0] : (int16_t)(((value + 16384) >> 15) + g[0]);
        const uint32_t ratio = (uint32_t)(((uint64_t)signal[i] * (uint32_t)by) >> shift);
        signal[i] = ratio < 8192 ? ratio * ratio >> 20 : (ratio >> 6) - 64;
    }
}
""",
    (BIT_LENGTH,),
)
LOG = CText(
    "micro_log",
    """\
/* 64 ln(x), from a table of log2(1 + x) - x in 128 parts; 0 of what is below 2. */
static inline void $micro_log(uint32_t *signal, int n, const uint16_t *table, int shift)
{
    int i;
    for (i = 0; i < n; i++) {
        const uint32_t x = signal[i] << shift;
        const int whole = $bit_length(x) - 1;
        if (x > 1) {
            const uint32_t rest = x - ((uint32_t)1 << whole);
            const int place = (int)(whole < 16 ? rest << (16 - whole) : rest >> (whole - 16)), part = place >> 9;
            const int step = (table[part + 1] - table[part]) * (place - 512 * part) >> 16;
            const uint32_t log2 = (uint32_t)((whole << 16) + place + table[part] + step);
            signal[i] = (((uint32_t)(((uint64_t)log2 * 45426 + 32768) >> 16) << 6) + 32768) >> 16;
        } else {
            signal[i] = 0;
        }
    }
}
""",
    (BIT_LENGTH,),
)
TAKE = CText(
    "micro_take",
    """\
static inline void $micro_take(float *y, const uint32_t *signal, int n)
{
    int i;
    for (i = 0; i < n; i++) y[i] = 0.0390625f * (float)(signal[i] < 65535 ? signal[i] : 65535);
}
""",
)
