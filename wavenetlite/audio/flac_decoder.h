/* Decodes FLAC files that are as RFC 9639 has them, whole and from memory.

Lossless: a file that is decoded here has the samples that any decoder gives it. Whatever is unusual (a wrong checksum, a
length that the header does not declare, bytes that belong to no frame) is not decoded but refused, so that the general
reader decides what is wrong with it, and no second definition of an error exists. Arithmetic is on unsigned integers: damaged
files may overflow it.
*/
#ifndef WAVENETLITE_FLAC_DECODER_H
#define WAVENETLITE_FLAC_DECODER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FLAC_PADDING 16 /* bytes after the file that may be read */
#define FLAC_MOST_BLOCK 65536
#define FLAC_MOST_CHANNELS 2

typedef struct {
    int sr, channels, bits, least_block, most_block;
    int64_t samples;
    size_t first_frame; /* where the frames begin */
} FlacHeader;

/* Bits, the next one in the highest place of `cache`; behind the end come ones, so that every loop ends. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t cache;
    int have, over;
} FlacBits;

static inline uint64_t flac_big_endian(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void flac_fill(FlacBits *b) { /* at least 56 bits */
    if (b->at <= b->end + 8) { /* up to 7 bytes were fetched before they are taken */
        b->cache |= flac_big_endian(b->at) >> b->have;
        b->at += (63 - b->have) >> 3;
    } else {
        b->cache |= ~(uint64_t)0 >> b->have;
        b->over = 1;
    }
    b->have |= 56;
}

static inline uint32_t flac_take(FlacBits *b, int bits) { /* 0 to 32 of them */
    if (bits == 0) return 0;
    if (b->have < bits) flac_fill(b);
    uint32_t value = (uint32_t)(b->cache >> (64 - bits));
    b->cache <<= bits;
    b->have -= bits;
    return value;
}

static inline int32_t flac_take_signed(FlacBits *b, int bits) {
    if (bits == 0) return 0;
    uint32_t value = flac_take(b, bits), sign = (uint32_t)1 << (bits - 1);
    return (int32_t)((value ^ sign) - sign);
}

static inline uint32_t flac_unary(FlacBits *b) { /* zeros before a one */
    uint32_t zeros = 0;
    for (;;) {
        flac_fill(b);
        if (b->cache >> (64 - b->have)) break;
        zeros += b->have;
        b->cache = 0;
        b->have = 0;
    }
    int more = __builtin_clzll(b->cache);
    b->cache = b->cache << more << 1;
    b->have -= more + 1;
    return zeros + more;
}

static inline const uint8_t *flac_place(const FlacBits *b) { return b->at - (b->have >> 3); } /* at a byte's boundary */

/* Checksums: sections 9.1.8 and 9.3. */
static uint16_t FLAC_CRC16[8][256];
static uint8_t FLAC_CRC8[256];

static void flac_make_tables(void) {
    for (int i = 0; i < 256; i++) {
        uint32_t long_crc = (uint32_t)i << 8, short_crc = (uint32_t)i;
        for (int bit = 0; bit < 8; bit++) {
            long_crc = (long_crc << 1) ^ (long_crc & 0x8000 ? 0x8005 : 0);
            short_crc = (short_crc << 1) ^ (short_crc & 0x80 ? 0x07 : 0);
        }
        FLAC_CRC16[0][i] = (uint16_t)long_crc;
        FLAC_CRC8[i] = (uint8_t)short_crc;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++) {
            uint16_t before = FLAC_CRC16[k - 1][i];
            FLAC_CRC16[k][i] = (uint16_t)((uint16_t)(before << 8) ^ FLAC_CRC16[0][before >> 8]);
        }
}

static uint8_t flac_crc8(const uint8_t *p, const uint8_t *end) {
    uint8_t crc = 0;
    while (p < end) crc = FLAC_CRC8[crc ^ *p++];
    return crc;
}

static uint16_t flac_crc16(const uint8_t *p, const uint8_t *end) {
    uint16_t crc = 0;
    for (; end - p >= 8; p += 8)
        crc = FLAC_CRC16[7][p[0] ^ (crc >> 8)] ^ FLAC_CRC16[6][p[1] ^ (crc & 255)] ^ FLAC_CRC16[5][p[2]] ^
              FLAC_CRC16[4][p[3]] ^ FLAC_CRC16[3][p[4]] ^ FLAC_CRC16[2][p[5]] ^ FLAC_CRC16[1][p[6]] ^ FLAC_CRC16[0][p[7]];
    while (p < end) crc = (uint16_t)((uint16_t)(crc << 8) ^ FLAC_CRC16[0][(crc >> 8) ^ *p++]);
    return crc;
}

static inline size_t flac_little_endian(const uint8_t *p) { return p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24; }

/* Whether a block of comments (section 8.6) holds as many bytes as its texts have. */
static int flac_comments(const uint8_t *p, size_t size) {
    if (size < 8) return 0;
    size_t at = 4, length = flac_little_endian(p), left;
    if (length > size - 8) return 0;
    at += length;
    left = flac_little_endian(p + at);
    for (at += 4; left; left--) {
        if (size - at < 4 || (length = flac_little_endian(p + at)) > size - at - 4) return 0;
        at += 4 + length;
    }
    return at == size;
}

/* Whether the block behind the first one has no effect on the samples: an application's, padding, seek points, comments. */
static int flac_ignored(int type, const uint8_t *p, size_t size) {
    return type == 1 || (type == 2 && size >= 4) || (type == 3 && size % 18 == 0) || (type == 4 && flac_comments(p, size));
}

/* What the file declares; 0 if it is not as expected. */
static int flac_header(const uint8_t *data, size_t size, FlacHeader *h) {
    if (size < 42 || memcmp(data, "fLaC", 4) || (data[4] & 127) || data[5] || data[6] || data[7] != 34) return 0;
    uint64_t word = flac_big_endian(data + 18);
    h->least_block = data[8] << 8 | data[9];
    h->most_block = data[10] << 8 | data[11];
    h->sr = (int)(word >> 44);
    h->channels = (int)(word >> 41 & 7) + 1;
    h->bits = (int)(word >> 36 & 31) + 1;
    h->samples = (int64_t)(word & (((uint64_t)1 << 36) - 1));
    size_t at = 42, length;
    for (int last = data[4] >> 7; !last; at += length) {
        if (size - at < 4) return 0;
        last = data[at] >> 7;
        length = (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        at += 4;
        if (length > size - at || !flac_ignored(data[at - 4] & 127, data + at, length)) return 0;
    }
    h->first_frame = at;
    return at < size && h->sr > 0 && h->samples > 0 && h->channels <= FLAC_MOST_CHANNELS && h->most_block > 0 &&
           (h->bits == 8 || h->bits == 16 || h->bits == 24);
}

/* Residuals in Rice codes (section 9.2.7); 0 if damaged. */
static int flac_residual(FlacBits *b, int32_t *x, int n, int order) {
    uint32_t method = flac_take(b, 2), partitions;
    int parameter_bits = method ? 5 : 4, escape = method ? 31 : 15, at = order;
    int partition_order = (int)flac_take(b, 4);
    if (method > 1) return 0;
    partitions = (uint32_t)1 << partition_order;
    if (n & (int)(partitions - 1) || (n >> partition_order) < order) return 0;
    for (uint32_t p = 0; p < partitions; p++) {
        int end = (n >> partition_order) * (int)(p + 1), k = (int)flac_take(b, parameter_bits);
        if (k == escape) {
            int bits = (int)flac_take(b, 5);
            for (; at < end; at++) x[at] = flac_take_signed(b, bits);
        } else {
            FlacBits local = *b; /* in registers */
            for (; at < end; at++) {
                uint32_t q, low;
                flac_fill(&local);
                int zeros = local.cache ? __builtin_clzll(local.cache) : 64;
                if (zeros + 1 + k <= local.have) {
                    uint64_t rest = local.cache << zeros << 1;
                    q = (uint32_t)zeros;
                    low = (uint32_t)(rest >> 1 >> (63 - k));
                    local.cache = rest << k;
                    local.have -= zeros + 1 + k;
                } else {
                    q = flac_unary(&local);
                    low = flac_take(&local, k);
                }
                uint32_t folded = q << k | low;
                x[at] = (int32_t)((folded >> 1) ^ (0 - (folded & 1)));
            }
            *b = local;
        }
        if (b->over) return 0;
    }
    return 1;
}

/* x[i] += the prediction from the `order` samples before it. Sums of 32 bits where they suffice; written out by orders. */
__attribute__((always_inline)) static inline void flac_predict_32(
    uint32_t *x, int n, int order, const int32_t *coefficients, int shift) {
    uint32_t c[32];
    for (int j = 0; j < order; j++) c[j] = (uint32_t)coefficients[j];
    for (int i = order; i < n; i++) {
        uint32_t sum = 0;
        for (int j = order - 1; j >= 0; j--) sum += c[j] * x[i - 1 - j];
        x[i] += (uint32_t)((int32_t)sum >> shift);
    }
}

static void flac_predict_64(uint32_t *x, int n, int order, const int32_t *c, int shift) {
    for (int i = order; i < n; i++) {
        uint64_t sum = 0;
        for (int j = order - 1; j >= 0; j--) sum += (uint64_t)((int64_t)c[j] * (int32_t)x[i - 1 - j]);
        x[i] += (uint32_t)((int64_t)sum >> shift);
    }
}

static void flac_predict(int32_t *samples, int n, int order, const int32_t *c, int shift, int sum_bits) {
    uint32_t *x = (uint32_t *)samples;
    if (sum_bits > 32) {
        flac_predict_64(x, n, order, c, shift);
        return;
    }
#define FLAC_ORDER(k) \
    case k: flac_predict_32(x, n, k, c, shift); return;
    switch (order) {
        FLAC_ORDER(1) FLAC_ORDER(2) FLAC_ORDER(3) FLAC_ORDER(4) FLAC_ORDER(5) FLAC_ORDER(6)
        FLAC_ORDER(7) FLAC_ORDER(8) FLAC_ORDER(9) FLAC_ORDER(10) FLAC_ORDER(11) FLAC_ORDER(12)
    }
#undef FLAC_ORDER
    flac_predict_32(x, n, order, c, shift);
}

static int flac_log2(int n) { /* rounded up */
    int bits = 0;
    while ((1 << bits) < n) bits++;
    return bits;
}

static const int32_t FLAC_FIXED[5][4] = {{0}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}};

/* The samples of a channel in a frame (section 9.2), `bits` wide; 0 if damaged. */
static int flac_subframe(FlacBits *b, int32_t *x, int n, int bits) {
    uint32_t head = flac_take(b, 8), type = head >> 1 & 63;
    int wasted = 0;
    if (head & 128) return 0;
    if (head & 1) {
        uint32_t zeros = flac_unary(b);
        if (b->over || zeros + 1 >= (uint32_t)bits) return 0;
        wasted = (int)zeros + 1;
        bits -= wasted;
    }
    if (type == 0) {
        int32_t value = flac_take_signed(b, bits);
        for (int i = 0; i < n; i++) x[i] = value;
    } else if (type == 1) {
        for (int i = 0; i < n; i++) x[i] = flac_take_signed(b, bits);
    } else if ((type >= 8 && type <= 12) || type >= 32) {
        int linear = type >= 32, order = linear ? (int)type - 31 : (int)type - 8, shift = 0, precision = 4;
        int32_t own[32];
        const int32_t *coefficients = linear ? own : FLAC_FIXED[order];
        if (order > n) return 0;
        for (int i = 0; i < order; i++) x[i] = flac_take_signed(b, bits);
        if (linear) {
            precision = (int)flac_take(b, 4) + 1;
            shift = flac_take_signed(b, 5);
            if (precision == 16 || shift < 0) return 0;
            for (int i = 0; i < order; i++) own[i] = flac_take_signed(b, precision);
        }
        if (b->over || !flac_residual(b, x, n, order)) return 0;
        if (order) flac_predict(x, n, order, coefficients, shift, bits + precision + flac_log2(order));
    } else
        return 0;
    if (wasted)
        for (int i = 0; i < n; i++) x[i] = (int32_t)((uint32_t)x[i] << wasted);
    return !b->over;
}

/* The head of a frame (section 9.1): the samples of its block and the bytes of the head; 0 if it is not the expected one. */
static int flac_frame_head(const uint8_t *p, const uint8_t *end, const FlacHeader *h, int64_t done, int *assignment, int *bytes) {
    static const int rates[12] = {0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000};
    static const int widths[8] = {0, 8, 12, -1, 16, 20, 24, 32};
    const uint8_t *begin = p;
    if (end - p < 6 || p[0] != 0xFF || (p[1] & 0xFE) != 0xF8) return 0;
    int size_code = p[2] >> 4, rate_code = p[2] & 15, width = widths[p[3] >> 1 & 7], block, length = 1;
    *assignment = p[3] >> 4;
    if (size_code == 0 || rate_code == 15 || p[3] & 1 || (width && width != h->bits)) return 0;
    if (*assignment < 8 ? *assignment + 1 != h->channels : (*assignment > 10 || h->channels != 2)) return 0;
    uint64_t number = p[4];
    if (number & 0x80) {
        while (length < 7 && number & (0x80 >> length)) length++;
        if (length < 2 || end - p < 4 + length) return 0;
        number &= 0x7F >> length;
        for (int i = 1; i < length; i++) {
            if ((p[4 + i] & 0xC0) != 0x80) return 0;
            number = number << 6 | (p[4 + i] & 0x3F);
        }
    }
    uint64_t first = begin[1] & 1 ? number : number * (uint64_t)h->most_block;
    if (first != (uint64_t)done) return 0;
    p += 4 + length;
    int more = (size_code == 6) + 2 * (size_code == 7), rate_bytes = rate_code == 12 ? 1 : rate_code > 12 ? 2 : 0;
    if (end - p < more + rate_bytes + 1) return 0;
    if (more)
        block = (more == 1 ? p[0] : p[0] << 8 | p[1]) + 1;
    else
        block = size_code == 1 ? 192 : size_code < 6 ? 576 << (size_code - 2) : 256 << (size_code - 8);
    p += more;
    int rate = rate_code < 12 ? rates[rate_code] : rate_code == 12 ? 1000 * p[0] : p[0] << 8 | p[1];
    if (rate_code == 14) rate *= 10;
    p += rate_bytes;
    if ((rate_code && rate != h->sr) || flac_crc8(begin, p) != *p) return 0;
    *bytes = (int)(p + 1 - begin);
    return block;
}

static void flac_decorrelate(int32_t *left, int32_t *right, int n, int assignment) {
    uint32_t *a = (uint32_t *)left, *b = (uint32_t *)right;
    for (int i = 0; i < n; i++) {
        if (assignment == 8)
            b[i] = a[i] - b[i];
        else if (assignment == 9)
            a[i] += b[i];
        else {
            uint32_t mid = a[i] << 1 | (b[i] & 1), side = b[i];
            a[i] = (uint32_t)((int32_t)(mid + side) >> 1);
            b[i] = (uint32_t)((int32_t)(mid - side) >> 1);
        }
    }
}

/* All samples of a file, (samples, channels) in -1..1. `data` has FLAC_PADDING bytes more than `size`; `work` room for
FLAC_MOST_BLOCK samples of each channel. 0 if it is not as its header declares. */
static int flac_decode(const uint8_t *data, size_t size, const FlacHeader *h, int32_t *work, float *out) {
    const uint8_t *at = data + h->first_frame, *end = data + size;
    const float scale = 1.0f / (float)((uint32_t)1 << (h->bits - 1));
    int64_t done = 0;
    while (done < h->samples) {
        int assignment, head_bytes, block = flac_frame_head(at, end, h, done, &assignment, &head_bytes);
        if (block == 0 || block > h->most_block || block > h->samples - done) return 0;
        FlacBits bits = {at + head_bytes, end, 0, 0, 0};
        for (int c = 0; c < h->channels; c++) {
            int side = (assignment == 8 || assignment == 10) ? c == 1 : assignment == 9 && c == 0;
            if (!flac_subframe(&bits, work + c * FLAC_MOST_BLOCK, block, h->bits + side)) return 0;
        }
        if (assignment > 7) flac_decorrelate(work, work + FLAC_MOST_BLOCK, block, assignment);
        const uint8_t *stop = flac_place(&bits);
        if (end - stop < 2 || flac_crc16(at, stop) != (stop[0] << 8 | stop[1])) return 0;
        for (int c = 0; c < h->channels; c++) {
            const int32_t *x = work + c * FLAC_MOST_BLOCK;
            float *y = out + done * h->channels + c;
            for (int i = 0; i < block; i++) y[i * h->channels] = (float)x[i] * scale;
        }
        at = stop + 2;
        done += block;
    }
    return at == end;
}

#endif
