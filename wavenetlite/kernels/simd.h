/* The project's only C: vector types and the few operations that the GCC/Clang vector extension lacks.
 *
 * Every f16, f8 and f4 function exists under each instruction set that has registers of that width. A fused multiply-add
 * is always explicit (fma16, fma8, fma4) and the compiler gets -ffp-contract=off, so that fusion is decided here only: that
 * makes the outputs bit-identical under AVX2, AVX-512 and NEON, and on any other CPU that has fused multiply-adds.
 */
#ifndef WAVENETLITE_SIMD_H
#define WAVENETLITE_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* A CPU without vectors of ours whose scalar unit fuses: RISC-V, POWER. */
#if defined(__FP_FAST_FMAF) || defined(__riscv_flen)
#define WNL_FUSES
#endif

#define WNL_INLINE static inline __attribute__((always_inline))

/* N lanes of float. `*_any` is the same vector without alignment, for loads and stores. */
#define WNL_DEFINE(N)                                                                                          \
    typedef float f##N __attribute__((vector_size(4 * N)));                                                    \
    typedef int32_t i##N __attribute__((vector_size(4 * N)));                                                  \
    typedef float f##N##_any __attribute__((vector_size(4 * N), aligned(4), may_alias));                       \
    WNL_INLINE f##N load##N(const float *p) { return *(const f##N##_any *)p; }                                 \
    WNL_INLINE void store##N(float *p, f##N a) { *(f##N##_any *)p = a; }                                       \
    WNL_INLINE f##N set##N(float a) { return a - (f##N){0}; }                                                  \
    WNL_INLINE i##N bits##N(f##N a) { return (i##N)a; }                                                        \
    /* of pairs of bf16, each the upper half of a float: the first and the second of each pair */              \
    WNL_INLINE f##N even##N(const float *p) { return (f##N)(bits##N(load##N(p)) << 16); }                      \
    WNL_INLINE f##N odd##N(const float *p) { return (f##N)(bits##N(load##N(p)) & -0x10000); }                  \
    /* the nearest numbers of bf16, ties to even */                                                            \
    WNL_INLINE f##N bf16_##N(f##N a) {                                                                         \
        i##N b = bits##N(a);                                                                                   \
        return (f##N)((b + (((b >> 16) & 1) + 0x7fff)) & -0x10000);                                            \
    }                                                                                                          \
    WNL_INLINE f##N float##N(i##N a) { return (f##N)a; }                                                       \
    WNL_INLINE i##N iset##N(int32_t a) { return a - (i##N){0}; }                                               \
    WNL_INLINE i##N shift_left##N(i##N a, int bits) { return a << bits; }                                      \
    WNL_INLINE f##N abs##N(f##N a) { return (f##N)((i##N)a & 0x7fffffff); }                                    \
    /* yes where a > 0, else no */                                                                             \
    WNL_INLINE f##N if_positive##N(f##N a, f##N yes, f##N no) {                                                \
        i##N m = a > (f##N){0};                                                                                \
        return (f##N)(((i##N)yes & m) | ((i##N)no & ~m));                                                      \
    }
WNL_DEFINE(4)
WNL_DEFINE(8)
WNL_DEFINE(16)

/* spreadN_G_n: lane n of each group of G lanes in all lanes of its group. */
#if defined(__clang__) || __GNUC__ >= 12
#define WNL_PICK(a, mask, ...) __builtin_shufflevector(a, a, __VA_ARGS__)
#else
#define WNL_PICK(a, mask, ...) __builtin_shuffle(a, (mask){__VA_ARGS__})
#endif
#define WNL_TWICE(i) (i), (i)
#define WNL_FOUR_TIMES(i) WNL_TWICE(i), WNL_TWICE(i)
#define WNL_PAIRS(i) WNL_TWICE(i), WNL_TWICE((i) + 2)
#define WNL_SPREAD(G, n, FOUR)                                                                                 \
    WNL_INLINE f4 spread4_##G##_##n(f4 a) { return WNL_PICK(a, i4, FOUR(n)); }                                 \
    WNL_INLINE f8 spread8_##G##_##n(f8 a) { return WNL_PICK(a, i8, FOUR(n), FOUR(n + 4)); }                    \
    WNL_INLINE f16 spread16_##G##_##n(f16 a) {                                                                 \
        return WNL_PICK(a, i16, FOUR(n), FOUR(n + 4), FOUR(n + 8), FOUR(n + 12));                              \
    }
WNL_SPREAD(2, 0, WNL_PAIRS)
WNL_SPREAD(2, 1, WNL_PAIRS)
WNL_SPREAD(4, 0, WNL_FOUR_TIMES)
WNL_SPREAD(4, 1, WNL_FOUR_TIMES)
WNL_SPREAD(4, 2, WNL_FOUR_TIMES)
WNL_SPREAD(4, 3, WNL_FOUR_TIMES)
#define spread4_1_0(a) (a)
#define spread8_1_0(a) (a)
#define spread16_1_0(a) (a)

#if defined(__AVX512F__)
WNL_INLINE f16 min16(f16 a, f16 b) { return (f16)_mm512_min_ps((__m512)a, (__m512)b); }
WNL_INLINE f16 max16(f16 a, f16 b) { return (f16)_mm512_max_ps((__m512)a, (__m512)b); }
WNL_INLINE f16 fma16(f16 a, f16 b, f16 c) { return (f16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#endif

#if defined(__AVX__)
WNL_INLINE f8 min8(f8 a, f8 b) { return (f8)_mm256_min_ps((__m256)a, (__m256)b); }
WNL_INLINE f8 max8(f8 a, f8 b) { return (f8)_mm256_max_ps((__m256)a, (__m256)b); }
#endif
#if defined(__FMA__)
WNL_INLINE f8 fma8(f8 a, f8 b, f8 c) { return (f8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#endif

#if defined(__x86_64__)
WNL_INLINE f4 min4(f4 a, f4 b) { return (f4)_mm_min_ps((__m128)a, (__m128)b); }
WNL_INLINE f4 max4(f4 a, f4 b) { return (f4)_mm_max_ps((__m128)a, (__m128)b); }
#if defined(__FMA__)
WNL_INLINE f4 fma4(f4 a, f4 b, f4 c) { return (f4)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c); }
#else
WNL_INLINE f4 fma4(f4 a, f4 b, f4 c) { return a * b + c; } /* SSE2 has none: two roundings */
#endif
#elif defined(__aarch64__)
WNL_INLINE f4 min4(f4 a, f4 b) { return (f4)vminq_f32((float32x4_t)a, (float32x4_t)b); }
WNL_INLINE f4 max4(f4 a, f4 b) { return (f4)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
WNL_INLINE f4 fma4(f4 a, f4 b, f4 c) { return (f4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#else
WNL_INLINE f4 min4(f4 a, f4 b) { i4 m = a < b; return (f4)(((i4)a & m) | ((i4)b & ~m)); }
WNL_INLINE f4 max4(f4 a, f4 b) { i4 m = a > b; return (f4)(((i4)a & m) | ((i4)b & ~m)); }
#if defined(WNL_FUSES)
WNL_INLINE f4 fma4(f4 a, f4 b, f4 c) {
    for (int i = 0; i < 4; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
}
#else
WNL_INLINE f4 fma4(f4 a, f4 b, f4 c) { return a * b + c; }
#endif
#endif

/* Four lanes of double, under every instruction set: the layout of a spectrum's arithmetic does not depend on it. */
typedef double d4 __attribute__((vector_size(32)));
typedef int64_t l4 __attribute__((vector_size(32)));
typedef double d4_any __attribute__((vector_size(32), aligned(8), may_alias));
WNL_INLINE d4 loadd4(const double *p) { return *(const d4_any *)p; }
WNL_INLINE void stored4(double *p, d4 a) { *(d4_any *)p = a; }
WNL_INLINE d4 setd4(double a) { return a - (d4){0}; }
WNL_INLINE d4 widen4(f4 a) { return __builtin_convertvector(a, d4); }
WNL_INLINE f4 narrow4(d4 a) { return __builtin_convertvector(a, f4); }
WNL_INLINE d4 selectd4(l4 mask, d4 yes, d4 no) { return (d4)(((l4)yes & mask) | ((l4)no & ~mask)); }
WNL_INLINE d4 maxd4(d4 a, d4 b) { return selectd4(a > b, a, b); }
WNL_INLINE d4 mind4(d4 a, d4 b) { return selectd4(a < b, a, b); }
#if defined(__FMA__)
WNL_INLINE d4 fmad4(d4 a, d4 b, d4 c) { return (d4)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
#elif defined(__aarch64__) || (defined(WNL_FUSES) && !defined(__x86_64__))
WNL_INLINE d4 fmad4(d4 a, d4 b, d4 c) {
    for (int i = 0; i < 4; i++) c[i] = __builtin_fma(a[i], b[i], c[i]);
    return c;
}
#else
WNL_INLINE d4 fmad4(d4 a, d4 b, d4 c) { return a * b + c; }
#endif

#if defined(__clang__) || __GNUC__ >= 12
#define WNL_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define WNL_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (l4){i, j, k, l})
#endif
WNL_INLINE d4 reversed4(d4 a) { return WNL_SHUFFLE(a, a, 3, 2, 1, 0); }
/* Lane j of *vector i becomes lane i of *vector j. */
WNL_INLINE void transpose4(d4 *a, d4 *b, d4 *c, d4 *d) {
    d4 ab0 = WNL_SHUFFLE(*a, *b, 0, 4, 2, 6), ab1 = WNL_SHUFFLE(*a, *b, 1, 5, 3, 7);
    d4 cd0 = WNL_SHUFFLE(*c, *d, 0, 4, 2, 6), cd1 = WNL_SHUFFLE(*c, *d, 1, 5, 3, 7);
    *a = WNL_SHUFFLE(ab0, cd0, 0, 1, 4, 5);
    *b = WNL_SHUFFLE(ab1, cd1, 0, 1, 4, 5);
    *c = WNL_SHUFFLE(ab0, cd0, 2, 3, 6, 7);
    *d = WNL_SHUFFLE(ab1, cd1, 2, 3, 6, 7);
}

/* x = 2**exponent * mantissa, the mantissa in sqrt(1/2)..sqrt(2); x positive and normal. */
WNL_INLINE d4 mantissad4(d4 x, d4 *exponent) {
    const int64_t one = 0x3ff0000000000000, root = 0x3fe6a09e00000000;
    l4 biased = (((l4)x + (one - root)) >> 52) & 0x7ff;
    *exponent = (d4)(biased | 0x4330000000000000) - (4503599627370496.0 + 1023.0); /* AVX2 cannot convert */
    return (d4)((l4)x - ((biased << 52) - one));
}
/* 2**n; n integral, -1022..1023. */
WNL_INLINE d4 power_of_two4(d4 n) { return (d4)((l4)(n + (6755399441055744.0 + 1023.0)) << 52); }
/* yes where a < b, else no */
WNL_INLINE d4 if_belowd4(d4 a, d4 b, d4 yes, d4 no) { return selectd4(a < b, yes, no); }

/* Eight integers of 16 bits, under every instruction set. They wrap: + and - are those of unsigned numbers. Where they are four
 * complex numbers, real and imaginary parts alternate. */
typedef uint16_t h8 __attribute__((vector_size(16)));
typedef int16_t h8_signed __attribute__((vector_size(16)));
typedef uint32_t h8_pairs __attribute__((vector_size(16)));
typedef uint16_t h8_any __attribute__((vector_size(16), aligned(2), may_alias));
WNL_INLINE h8 loadh8(const int16_t *p) { return *(const h8_any *)p; }
WNL_INLINE void storeh8(int16_t *p, h8 a) { *(h8_any *)p = a; }
WNL_INLINE h8 spreadh8(const int16_t *p) { /* the complex number at p, four times */
    return (h8){p[0], p[1], p[0], p[1], p[0], p[1], p[0], p[1]};
}
WNL_INLINE h8 zeroh8(void) { return (h8){0}; }
WNL_INLINE h8 shift_lefth8(h8 a, int bits) { return a << bits; }
#define WNL_REAL ((h8_pairs){0xffff, 0xffff, 0xffff, 0xffff})
WNL_INLINE h8 partsh8(h8 real, h8 imaginary) {
    return (h8)(((h8_pairs)real & WNL_REAL) | ((h8_pairs)imaginary & ~WNL_REAL));
}
WNL_INLINE h8 conjugateh8(h8 a) { return partsh8(a, -a); }
WNL_INLINE h8 over_ih8(h8 a) { /* a / i */
    return conjugateh8((h8)(((h8_pairs)a << 16) | ((h8_pairs)a >> 16)));
}
/* (a + b) / 2 and (a - b) / 2 of signed numbers, rounded down; the sums have 17 bits */
WNL_INLINE h8 half_sumh8(h8 a, h8 b) { return (a & b) + (h8)((h8_signed)(a ^ b) >> 1); }
WNL_INLINE h8 half_differenceh8(h8 a, h8 b) {
    return (h8)((h8_signed)a >> 1) - (h8)((h8_signed)b >> 1) - (~a & b & 1);
}
#if defined(__x86_64__)
WNL_INLINE h8 maxh8(h8 a, h8 b) { return (h8)_mm_max_epi16((__m128i)a, (__m128i)b); }
WNL_INLINE h8 packh8(i4 a, i4 b) { return (h8)_mm_packs_epi32((__m128i)a, (__m128i)b); } /* of numbers that fit */
WNL_INLINE h8 scaleh8(h8 a, int16_t factor) { /* a * factor / 2**15, rounded to the nearest, halves up */
#if defined(__SSSE3__)
    return (h8)_mm_mulhrs_epi16((__m128i)a, _mm_set1_epi16(factor));
#else
    __m128i one = _mm_set1_epi16(1), pair = _mm_set1_epi32((0x4000 << 16) | (uint16_t)factor);
    __m128i low = _mm_madd_epi16(_mm_unpacklo_epi16((__m128i)a, one), pair);
    __m128i high = _mm_madd_epi16(_mm_unpackhi_epi16((__m128i)a, one), pair);
    return (h8)_mm_packs_epi32(_mm_srai_epi32(low, 15), _mm_srai_epi32(high, 15));
#endif
}
WNL_INLINE h8 weighth8(h8 a, h8 w) { /* a * w / 2**12, rounded down */
    __m128i low = _mm_mullo_epi16((__m128i)a, (__m128i)w), high = _mm_mulhi_epi16((__m128i)a, (__m128i)w);
    return (h8)_mm_or_si128(_mm_slli_epi16(high, 4), _mm_srli_epi16(low, 12));
}
/* Sums of the products of pairs, of 32 bits. */
WNL_INLINE h8_pairs pair_sumsh8(h8 a, h8 b) { return (h8_pairs)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#else
WNL_INLINE h8 maxh8(h8 a, h8 b) {
    h8 m = (h8)((h8_signed)a > (h8_signed)b);
    return (a & m) | (b & ~m);
}
WNL_INLINE h8 packh8(i4 a, i4 b) { return (h8){a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]}; }
WNL_INLINE i8 widenh8(h8 a) { return __builtin_convertvector((h8_signed)a, i8); }
WNL_INLINE h8 narrowh8(i8 a) { return __builtin_convertvector(a, h8); }
WNL_INLINE h8 scaleh8(h8 a, int16_t factor) { return narrowh8((widenh8(a) * factor + 0x4000) >> 15); }
WNL_INLINE h8 weighth8(h8 a, h8 w) { return narrowh8((widenh8(a) * widenh8(w)) >> 12); }
WNL_INLINE h8_pairs pair_sumsh8(h8 a, h8 b) {
    i8 p = widenh8(a) * widenh8(b);
    return (h8_pairs){p[0] + p[1], p[2] + p[3], p[4] + p[5], p[6] + p[7]};
}
#endif
/* Complex products / 2**15, rounded to the nearest, halves up; w: (wr, -wi) and (wi, wr) of each factor. */
WNL_INLINE h8 multiplyh8(h8 a, h8 real, h8 imaginary) {
    return partsh8((h8)((pair_sumsh8(a, real) + 0x4000) >> 15), (h8)((pair_sumsh8(a, imaginary) + 0x4000) << 1));
}
WNL_INLINE d4 squaresh8(h8 a) { return __builtin_convertvector((i4)pair_sumsh8(a, a), d4); } /* of their magnitudes */
/* Eight samples in -1..1 as integers: times 32,768, to the nearest (halves to the even one), and clipped. */
WNL_INLINE i4 sample4(const float *p) {
    f4 a = min4(max4(load4(p) * 32768.0f, set4(-32768.0f)), set4(32767.0f));
    return (i4)(a + 12582912.0f) - 0x4b400000; /* at 1.5 * 2**23 the last bit is a one */
}
WNL_INLINE h8 samplesh8(const float *p) { return packh8(sample4(p), sample4(p + 4)); }
WNL_INLINE h8 reverseh8(h8 a) { return (h8)WNL_PICK((i4)a, i4, 3, 2, 1, 0); } /* of complex numbers */
/* Complex number j of *vector i becomes number i of *vector j. */
#if defined(__clang__) || __GNUC__ >= 12
#define WNL_MERGE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define WNL_MERGE(a, b, i, j, k, l) __builtin_shuffle(a, b, (i4){i, j, k, l})
#endif
WNL_INLINE void transposeh8(h8 *a, h8 *b, h8 *c, h8 *d) {
    i4 ab0 = WNL_MERGE((i4)*a, (i4)*b, 0, 4, 1, 5), ab1 = WNL_MERGE((i4)*a, (i4)*b, 2, 6, 3, 7);
    i4 cd0 = WNL_MERGE((i4)*c, (i4)*d, 0, 4, 1, 5), cd1 = WNL_MERGE((i4)*c, (i4)*d, 2, 6, 3, 7);
    *a = (h8)WNL_MERGE(ab0, cd0, 0, 1, 4, 5);
    *b = (h8)WNL_MERGE(ab0, cd0, 2, 3, 6, 7);
    *c = (h8)WNL_MERGE(ab1, cd1, 0, 1, 4, 5);
    *d = (h8)WNL_MERGE(ab1, cd1, 2, 3, 6, 7);
}
/* The highest bit that is set, counted from 1; 0 of 0. */
WNL_INLINE int bit_length(uint32_t a) { return a ? 32 - __builtin_clz(a) : 0; }

/* Subnormal numbers are flushed to zero while a plan runs: they would slow some CPUs down a hundredfold. */
#if defined(__x86_64__)
WNL_INLINE uint64_t flush_subnormals(void) {
    uint32_t before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
}
WNL_INLINE void restore_subnormals(uint64_t before) { _mm_setcsr((uint32_t)before); }
#elif defined(__aarch64__)
WNL_INLINE uint64_t flush_subnormals(void) {
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (1u << 24)));
    return before;
}
WNL_INLINE void restore_subnormals(uint64_t before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
#else
WNL_INLINE uint64_t flush_subnormals(void) { return 0; }
WNL_INLINE void restore_subnormals(uint64_t before) { (void)before; }
#endif

/* Lock and unlock an object for one thread, and move things between threads. Callers hold the GIL, if there is one: then
 * nothing else is needed. */
#if defined(Py_GIL_DISABLED)
WNL_INLINE int try_acquire(int *flag) { return !__atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE); }
WNL_INLINE void release(int *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
/* Take what a place holds and leave NULL; put something into a place that is empty. */
WNL_INLINE void *take_from(void **place) {
    return __atomic_load_n(place, __ATOMIC_RELAXED) ? __atomic_exchange_n(place, NULL, __ATOMIC_ACQUIRE) : NULL;
}
WNL_INLINE int put_into(void **place, void *thing) {
    void *empty = NULL;
    return __atomic_compare_exchange_n(place, &empty, thing, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
#else
WNL_INLINE int try_acquire(int *flag) { return *flag ? 0 : (*flag = 1); }
WNL_INLINE void release(int *flag) { *flag = 0; }
WNL_INLINE void *take_from(void **place) {
    void *thing = *place;
    *place = NULL;
    return thing;
}
WNL_INLINE int put_into(void **place, void *thing) {
    if (*place) return 0;
    *place = thing;
    return 1;
}
#endif

/* Atomic counter shared by several threads. */
WNL_INLINE int64_t take_number(int64_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }

/* A number that one thread sets and others wait for; `move` succeeds if it is `from`. */
WNL_INLINE int look_at(const int *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
WNL_INLINE void set_to(int *p, int value) { __atomic_store_n(p, value, __ATOMIC_RELEASE); }
WNL_INLINE int move(int *p, int from, int to) {
    return __atomic_compare_exchange_n(p, &from, to, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
WNL_INLINE void add_one(int *p) { __atomic_fetch_add(p, 1, __ATOMIC_ACQ_REL); }
#if defined(__x86_64__)
WNL_INLINE void relax(void) { _mm_pause(); }
#elif defined(__aarch64__)
WNL_INLINE void relax(void) { __asm__ volatile("yield"); }
#else
WNL_INLINE void relax(void) {}
#endif

/* The value is computed here: the compiler keeps the order of long sequences without loops, and so few values at a time. */
#if defined(__x86_64__)
#define pin(value) __asm__ volatile("" : "+x"(value))
#elif defined(__aarch64__)
#define pin(value) __asm__ volatile("" : "+w"(value))
#else
#define pin(value) ((void)0)
#endif

/* Memory that will be read soon. */
WNL_INLINE void prefetch(const void *p) { __builtin_prefetch(p); }

/* An assertion about memory, checked in the debug build only. */
#ifdef WAVENETLITE_DEBUG
#include <assert.h>
#define expect(condition) assert(condition)
#else
#define expect(condition) ((void)0)
#endif

#endif
