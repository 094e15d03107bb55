/* BLAKE2b without a key (RFC 7693), of bytes given at once: `hashlib`'s values, without the interpreter. */
#ifndef WAVENETLITE_BLAKE2B_H
#define WAVENETLITE_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const uint64_t BLAKE2B_IV[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};
static const uint8_t BLAKE2B_SIGMA[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t blake2b_rotate(uint64_t x, int bits) { return x >> bits | x << (64 - bits); }

#define BLAKE2B_MIX(r, i, a, b, c, d)             \
    a = a + b + m[BLAKE2B_SIGMA[r][2 * i]];       \
    d = blake2b_rotate(d ^ a, 32);                \
    c = c + d;                                    \
    b = blake2b_rotate(b ^ c, 24);                \
    a = a + b + m[BLAKE2B_SIGMA[r][2 * i + 1]];   \
    d = blake2b_rotate(d ^ a, 16);                \
    c = c + d;                                    \
    b = blake2b_rotate(b ^ c, 63);
#define BLAKE2B_ROUND(r)                          \
    BLAKE2B_MIX(r, 0, v[0], v[4], v[8], v[12])    \
    BLAKE2B_MIX(r, 1, v[1], v[5], v[9], v[13])    \
    BLAKE2B_MIX(r, 2, v[2], v[6], v[10], v[14])   \
    BLAKE2B_MIX(r, 3, v[3], v[7], v[11], v[15])   \
    BLAKE2B_MIX(r, 4, v[0], v[5], v[10], v[15])   \
    BLAKE2B_MIX(r, 5, v[1], v[6], v[11], v[12])   \
    BLAKE2B_MIX(r, 6, v[2], v[7], v[8], v[13])    \
    BLAKE2B_MIX(r, 7, v[3], v[4], v[9], v[14])

static void blake2b_compress(uint64_t h[8], const uint8_t *block, uint64_t done, int last) {
    uint64_t v[16], m[16];
    for (int i = 0; i < 16; i++) {
        memcpy(m + i, block + 8 * i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        m[i] = __builtin_bswap64(m[i]);
#endif
    }
    for (int i = 0; i < 8; i++) v[i] = h[i], v[i + 8] = BLAKE2B_IV[i];
    v[12] ^= done;
    if (last) v[14] = ~v[14];
    BLAKE2B_ROUND(0) BLAKE2B_ROUND(1) BLAKE2B_ROUND(2) BLAKE2B_ROUND(3) BLAKE2B_ROUND(4) BLAKE2B_ROUND(5)
    BLAKE2B_ROUND(6) BLAKE2B_ROUND(7) BLAKE2B_ROUND(8) BLAKE2B_ROUND(9) BLAKE2B_ROUND(0) BLAKE2B_ROUND(1)
    for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
}

/* The first 8 bytes of the digest with digest_size=8, of less than 2**64 bytes. */
static void blake2b_8(const uint8_t *data, size_t size, uint8_t digest[8]) {
    uint64_t h[8], done = 0;
    uint8_t block[128] = {0};
    memcpy(h, BLAKE2B_IV, sizeof h);
    h[0] ^= 0x01010000u ^ 8u;
    for (; size - done > 128; done += 128) blake2b_compress(h, data + done, done + 128, 0);
    if (size) memcpy(block, data + done, size - done);
    blake2b_compress(h, block, size, 1);
    for (int i = 0; i < 8; i++) digest[i] = (uint8_t)(h[0] >> (8 * i));
}

#endif
