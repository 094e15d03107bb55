/* Vectors of integers, for integer.pxi.in: what the vector extension lacks, or what compilers make slow code of.
 *
 * iN has N lanes of 32 bits (simd.h), in which two values of 16 bits or four bytes stand side by side. Everything is exact, and rounding to nearest is that of IEEE 754, so the results are the same on every machine.
 */
#ifndef WAVENETLITE_INTEGERS_H
#define WAVENETLITE_INTEGERS_H

#include "simd.h"
#include <string.h>

#define WNL_DEFINE_INTEGERS(N)                                                                                 \
    typedef int8_t b##N __attribute__((vector_size(N)));                                                       \
    typedef int32_t i##N##_any __attribute__((vector_size(4 * N), aligned(4), may_alias));                     \
    WNL_INLINE i##N iload##N(const int32_t *p) { return *(const i##N##_any *)p; }                              \
    WNL_INLINE void istore##N(void *p, i##N a) { memcpy(p, &a, sizeof a); }                                    \
    WNL_INLINE f##N real##N(i##N a) { return __builtin_convertvector(a, f##N); }                               \
    WNL_INLINE i##N truncated##N(f##N a) { return __builtin_convertvector(a, i##N); }                          \
    WNL_INLINE i##N right##N(i##N a, int bits) { return a >> bits; }                                           \
    WNL_INLINE i##N shifted##N(i##N a, i##N bits) { return a << bits; }                                        \
    WNL_INLINE i##N ichoose##N(i##N mask, i##N yes, i##N no) { return (yes & mask) | (no & ~mask); }           \
    WNL_INLINE i##N if_above_zero##N(i##N a, i##N yes, i##N no) { return ichoose##N(a > 0, yes, no); }         \
    /* a / 2^bits, rounded to nearest, ties away from zero; 0 <= bits <= 31 */                                 \
    WNL_INLINE i##N divided##N(i##N a, i##N bits) {                                                            \
        i##N mask = (i##N)(((u##N)iset##N(1) << (u##N)bits) - 1u);                                             \
        i##N above = (a & mask) > ((i##N)((u##N)mask >> 1) - (a < 0));                                         \
        return (a >> bits) - above;                                                                            \
    }
typedef uint32_t u4 __attribute__((vector_size(16)));
typedef uint32_t u8 __attribute__((vector_size(32)));
typedef uint32_t u16 __attribute__((vector_size(64)));
WNL_DEFINE_INTEGERS(4)
WNL_DEFINE_INTEGERS(8)
WNL_DEFINE_INTEGERS(16)

#define WNL_LIMITS(N)                                                                                          \
    WNL_INLINE i##N least##N(i##N a, i##N b) { return ichoose##N(a < b, a, b); }                               \
    WNL_INLINE i##N most##N(i##N a, i##N b) { return ichoose##N(a > b, a, b); }
WNL_LIMITS(4)
#if defined(__AVX2__)
WNL_INLINE i8 least8(i8 a, i8 b) { return (i8)_mm256_min_epi32((__m256i)a, (__m256i)b); }
WNL_INLINE i8 most8(i8 a, i8 b) { return (i8)_mm256_max_epi32((__m256i)a, (__m256i)b); }
#endif
#if defined(__AVX512F__)
WNL_INLINE i16 least16(i16 a, i16 b) { return (i16)_mm512_min_epi32((__m512i)a, (__m512i)b); }
WNL_INLINE i16 most16(i16 a, i16 b) { return (i16)_mm512_max_epi32((__m512i)a, (__m512i)b); }
#endif

/* Plain text for the functions below, for instruction sets that have no better. `a * m / 2^31` is rounded to nearest, ties
 * up; its magnitude is below 2^31. */
#define WNL_PLAIN_BYTES(N)                                                                                     \
    WNL_INLINE i##N each##N(const int8_t *p) {                                                                 \
        b##N a;                                                                                                \
        memcpy(&a, p, N);                                                                                      \
        return __builtin_convertvector(a, i##N);                                                               \
    }                                                                                                          \
    WNL_INLINE i##N beside##N(const int8_t *a, const int8_t *b) {                                              \
        return (each##N(a) & 0xffff) | (each##N(b) << 16);                                                     \
    }                                                                                                          \
    WNL_INLINE void bytes##N(int8_t *p, i##N a) {                                                              \
        b##N narrow = __builtin_convertvector(a, b##N);                                                        \
        memcpy(p, &narrow, N);                                                                                 \
    }
#define WNL_PLAIN_DOUBLED(N)                                                                                   \
    WNL_INLINE i##N doubled##N(i##N a, i##N m) {                                                               \
        for (int lane = 0; lane < N; lane++)                                                                   \
            a[lane] = (int32_t)(((int64_t)a[lane] * m[lane] + (1 << 30)) >> 31);                               \
        return a;                                                                                              \
    }

#if defined(__AVX512BW__)
WNL_INLINE i16 pairs16(const int8_t *p) { return (i16)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
WNL_INLINE i16 each16(const int8_t *p) { return (i16)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)); }
WNL_INLINE i16 beside16(const int8_t *a, const int8_t *b) {
    __m128i x = _mm_loadu_si128((const __m128i *)a), y = _mm_loadu_si128((const __m128i *)b);
    return (i16)_mm512_cvtepi8_epi16(_mm256_set_m128i(_mm_unpackhi_epi8(x, y), _mm_unpacklo_epi8(x, y)));
}
WNL_INLINE void bytes16(int8_t *p, i16 a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)a)); }
WNL_INLINE i16 nearest16(f16 a) { return (i16)_mm512_cvtps_epi32((__m512)a); }
#if defined(__AVX512VNNI__)
WNL_INLINE i16 dot16(i16 sum, i16 a, i16 b) { return (i16)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b); }
#else
WNL_INLINE i16 dot16(i16 sum, i16 a, i16 b) { return sum + (i16)_mm512_madd_epi16((__m512i)a, (__m512i)b); }
#endif
WNL_INLINE i16 doubled16(i16 a, i16 m) {
    __m512i half = _mm512_set1_epi64(1 << 30), odd = _mm512_srli_epi64((__m512i)a, 32);
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32((__m512i)a, (__m512i)m), half);
    odd = _mm512_add_epi64(_mm512_mul_epi32(odd, _mm512_srli_epi64((__m512i)m, 32)), half);
    return (i16)_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
}
#endif

#if defined(__AVX2__)
WNL_INLINE i8 pairs8(const int8_t *p) { return (i8)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p)); }
WNL_INLINE i8 each8(const int8_t *p) { return (i8)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
WNL_INLINE i8 beside8(const int8_t *a, const int8_t *b) {
    __m128i x = _mm_loadl_epi64((const __m128i *)a), y = _mm_loadl_epi64((const __m128i *)b);
    return (i8)_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(x, y));
}
WNL_INLINE void bytes8(int8_t *p, i8 a) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)a), _mm256_extracti128_si256((__m256i)a, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(words, words));
}
WNL_INLINE i8 nearest8(f8 a) { return (i8)_mm256_cvtps_epi32((__m256)a); }
WNL_INLINE i8 dot8(i8 sum, i8 a, i8 b) { return sum + (i8)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
WNL_INLINE i8 doubled8(i8 a, i8 m) {
    __m256i half = _mm256_set1_epi64x(1 << 30), odd = _mm256_srli_epi64((__m256i)a, 32);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32((__m256i)a, (__m256i)m), half);
    odd = _mm256_add_epi64(_mm256_mul_epi32(odd, _mm256_srli_epi64((__m256i)m, 32)), half);
    return (i8)_mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
}
#endif

WNL_PLAIN_DOUBLED(4)
#if defined(__x86_64__)
WNL_INLINE i4 pairs4(const int8_t *p) {
    __m128i a = _mm_loadl_epi64((const __m128i *)p);
    return (i4)_mm_srai_epi16(_mm_unpacklo_epi8(a, a), 8);
}
WNL_INLINE __m128i four_bytes(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm_cvtsi32_si128(four);
}
WNL_INLINE i4 beside4(const int8_t *a, const int8_t *b) {
    __m128i both = _mm_unpacklo_epi8(four_bytes(a), four_bytes(b));
    return (i4)_mm_srai_epi16(_mm_unpacklo_epi8(both, both), 8);
}
WNL_INLINE i4 each4(const int8_t *p) {
    __m128i a = four_bytes(p);
    a = _mm_unpacklo_epi8(a, a);
    return (i4)_mm_srai_epi32(_mm_unpacklo_epi16(a, a), 24);
}
WNL_INLINE void bytes4(int8_t *p, i4 a) {
    __m128i words = _mm_packs_epi32((__m128i)a, (__m128i)a);
    int32_t four = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
    memcpy(p, &four, 4);
}
WNL_INLINE i4 nearest4(f4 a) { return (i4)_mm_cvtps_epi32((__m128)a); }
WNL_INLINE i4 dot4(i4 sum, i4 a, i4 b) { return sum + (i4)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#elif defined(__aarch64__)
WNL_PLAIN_BYTES(4)
WNL_INLINE i4 pairs4(const int8_t *p) { return (i4)vmovl_s8(vld1_s8(p)); }
WNL_INLINE i4 nearest4(f4 a) { return (i4)vcvtnq_s32_f32((float32x4_t)a); }
WNL_INLINE i4 dot4(i4 sum, i4 a, i4 b) {
    int32x4_t low = vmull_s16(vget_low_s16((int16x8_t)a), vget_low_s16((int16x8_t)b));
    return sum + (i4)vpaddq_s32(low, vmull_high_s16((int16x8_t)a, (int16x8_t)b));
}
#else
WNL_PLAIN_BYTES(4)
WNL_INLINE i4 pairs4(const int8_t *p) {
    i4 a;
    for (int lane = 0; lane < 4; lane++) a[lane] = (p[2 * lane] & 0xffff) | (int32_t)((uint32_t)p[2 * lane + 1] << 16);
    return a;
}
/* |a| < 2^22: the sum's last bits are the integer. */
WNL_INLINE i4 nearest4(f4 a) { return (i4)(a + 12582912.0f) - 0x4b400000; }
WNL_INLINE i4 dot4(i4 sum, i4 a, i4 b) { return sum + (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16); }
#endif

/* The bytes of two and of four vectors, one behind the other, in one store: the loads that follow are wider than a vector's
 * bytes, and wait until the stores have left the CPU's buffer if they need several. The integers have 8 bits already. */
#define WNL_PAIR(N) WNL_INLINE void pair##N(int8_t *p, i##N a, i##N b) { bytes##N(p, a), bytes##N(p + N, b); }
#define WNL_QUAD(N)                                                                                            \
    WNL_INLINE void quad##N(int8_t *p, i##N a, i##N b, i##N c, i##N d) { pair##N(p, a, b), pair##N(p + 2 * N, c, d); }
WNL_PAIR(4)
#if defined(__x86_64__)
WNL_INLINE void quad4(int8_t *p, i4 a, i4 b, i4 c, i4 d) {
    __m128i low = _mm_packs_epi32((__m128i)a, (__m128i)b), high = _mm_packs_epi32((__m128i)c, (__m128i)d);
    _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(low, high));
}
#else
WNL_QUAD(4)
#endif
#if defined(__AVX2__)
WNL_INLINE void pair8(int8_t *p, i8 a, i8 b) {
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)a, (__m256i)b), 0xd8);
    __m128i high = _mm256_extracti128_si256(words, 1);
    _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(_mm256_castsi256_si128(words), high));
}
WNL_INLINE void quad8(int8_t *p, i8 a, i8 b, i8 c, i8 d) {
    __m256i low = _mm256_packs_epi32((__m256i)a, (__m256i)b), high = _mm256_packs_epi32((__m256i)c, (__m256i)d);
    __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256((__m256i *)p, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
}
#endif
#if defined(__AVX512BW__)
WNL_INLINE void pair16(int8_t *p, i16 a, i16 b) {
    __m256i mixed = _mm512_cvtsepi16_epi8(_mm512_packs_epi32((__m512i)a, (__m512i)b));
    __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    _mm256_storeu_si256((__m256i *)p, _mm256_permutevar8x32_epi32(mixed, order));
}
WNL_INLINE void quad16(int8_t *p, i16 a, i16 b, i16 c, i16 d) {
    __m512i low = _mm512_packs_epi32((__m512i)a, (__m512i)b), high = _mm512_packs_epi32((__m512i)c, (__m512i)d);
    __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high)));
}
#endif

/* Units: UNIT channels of a row in a lane of 32 bits, as many weights, and the sum of their products. */
#if defined(__AVX512VNNI__)
/* That instruction takes bytes without a sign: x + 128. What that adds is taken from the bias (kernels.pack_integers). */
#define UNIT 4
WNL_INLINE i16 weights16(const int8_t *p) { return (i16)_mm512_loadu_si512(p); }
WNL_INLINE i16 units16(const int8_t *p) { return weights16(p) ^ iset16((int32_t)0x80808080u); }
WNL_INLINE i16 dot_units16(i16 sum, i16 x, i16 w) {
    return (i16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
}
#elif defined(WAVENETLITE_DEBUG) && defined(__AVX2__) && !defined(__AVX512F__)
/* The same layout by other instructions, so that it is tested where that one is not. */
#define UNIT 4
WNL_INLINE i8 weights8(const int8_t *p) { return (i8)_mm256_loadu_si256((const __m256i *)p); }
WNL_INLINE i8 units8(const int8_t *p) { return weights8(p) ^ iset8((int32_t)0x80808080u); }
WNL_INLINE i8 dot_units8(i8 sum, i8 x, i8 w) {
    __m256i low = _mm256_and_si256((__m256i)x, _mm256_set1_epi16(0xff)), high = _mm256_srli_epi16((__m256i)x, 8);
    i8 even = (i8)_mm256_srai_epi16(_mm256_slli_epi16((__m256i)w, 8), 8), odd = (i8)_mm256_srai_epi16((__m256i)w, 8);
    return dot8(dot8(sum, (i8)low, even), (i8)high, odd);
}
#else
#define UNIT 2
#define units4 pairs4
#define units8 pairs8
#define units16 pairs16
#define weights4 pairs4
#define weights8 pairs8
#define weights16 pairs16
#define dot_units4 dot4
#define dot_units8 dot8
#define dot_units16 dot16
#endif

/* Values of a table for 32 bytes. A shuffle picks one of 16 values by the low half of a byte, and gives zero if its sign is
 * set. The 16 parts of the table are stored as differences (xor) from the part before, the first of each sign as it is: for
 * x >= 0, part k is added if x - 16 k >= 0, and likewise for the others, which lie 128 higher. */
#if defined(__AVX2__)
#define LOOK_UP 32
WNL_INLINE __m256i look_up_half(const int8_t *parts, __m256i x) {
    __m256i y = _mm256_setzero_si256();
    for (int k = 0; k < 8; k++) {
        __m256i part = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(parts + 16 * k)));
        y = _mm256_xor_si256(y, _mm256_shuffle_epi8(part, x));
        x = _mm256_sub_epi8(x, _mm256_set1_epi8(16));
    }
    return y;
}
WNL_INLINE void look_up_vector(const int8_t *parts, const int8_t *p, int8_t *out) {
    __m256i x = _mm256_loadu_si256((const __m256i *)p);
    __m256i below = look_up_half(parts, _mm256_xor_si256(x, _mm256_set1_epi8(-128)));
    _mm256_storeu_si256((__m256i *)out, _mm256_blendv_epi8(look_up_half(parts + 128, x), below, x));
}
#else
#define LOOK_UP 0
WNL_INLINE void look_up_vector(const int8_t *parts, const int8_t *p, int8_t *out) { (void)parts, (void)p, (void)out; }
#endif

/* The same for 64 bytes, where a vector holds them. Newer CPUs pick from 128 values at once, those of a sign in `table`. */
#if defined(__AVX512BW__)
#define LOOK_UP_WIDE 64
WNL_INLINE __m512i look_up_half_wide(const int8_t *parts, __m512i x) {
    __m512i y = _mm512_setzero_si512();
    for (int k = 0; k < 8; k++) {
        __m512i part = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(parts + 16 * k)));
        y = _mm512_xor_si512(y, _mm512_shuffle_epi8(part, x));
        x = _mm512_sub_epi8(x, _mm512_set1_epi8(16));
    }
    return y;
}
WNL_INLINE __m512i look_up_parts(const int8_t *parts, __m512i x) {
    __m512i below = look_up_half_wide(parts, _mm512_xor_si512(x, _mm512_set1_epi8(-128)));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), look_up_half_wide(parts + 128, x), below);
}
#if defined(__AVX512VNNI__)
__attribute__((noinline, target("avx512vbmi"))) static __m512i look_up_whole(const int8_t *table, __m512i x) {
    __m512i below = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), x, _mm512_loadu_si512(table + 64));
    __m512i above = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), x, _mm512_loadu_si512(table + 192));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), above, below);
}
#define WNL_LOOK_UP_WIDE(table, parts, x)                                                                      \
    (__builtin_cpu_supports("avx512vbmi") ? look_up_whole(table, x) : look_up_parts(parts, x))
#else
#define WNL_LOOK_UP_WIDE(table, parts, x) look_up_parts(parts, x)
#endif
WNL_INLINE i16 looked_up16(const int8_t *table, const int8_t *parts, const int8_t *p) {
    (void)table;
    return (i16)WNL_LOOK_UP_WIDE(table, parts, _mm512_loadu_si512(p));
}
WNL_INLINE void look_up_wide(const int8_t *table, const int8_t *parts, const int8_t *p, int8_t *out) {
    istore16(out, looked_up16(table, parts, p));
}
/* Bytes 16 k to 16 k + 15. */
#define quarter16(x, k) ((i16)_mm512_cvtepi8_epi32(_mm512_extracti32x4_epi32((__m512i)(x), k)))
#else
#define LOOK_UP_WIDE 0
WNL_INLINE void look_up_wide(const int8_t *table, const int8_t *parts, const int8_t *p, int8_t *out) {
    (void)table, (void)parts, (void)p, (void)out;
}
#endif

#endif
