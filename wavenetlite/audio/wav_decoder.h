/* Decodes WAV files whose chunks fill them exactly, with PCM of 16, 24 or 32 bits or floats, whole and from memory.

What is unusual (other encodings, lengths that do not fit, chunks that programs rarely write) is refused,
and the general reader decides about it. The samples are libsndfile's, bit for bit.
*/
#ifndef WAVENETLITE_WAV_DECODER_H
#define WAVENETLITE_WAV_DECODER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WAV_MOST_CHANNELS 2

typedef struct {
    int sr, channels, bits, is_float;
    int64_t samples;
    size_t first_sample; /* where they begin */
} WavHeader;

static inline uint32_t wav_u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t wav_u32(const uint8_t *p) { return wav_u16(p) | wav_u16(p + 2) << 16; }

/* A `fmt ` chunk; 0 if it is not one of those that are decoded here. */
static int wav_format(const uint8_t *p, size_t size, WavHeader *h) {
    static const uint8_t rest_of_guid[14] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    if (size < 16) return 0;
    uint32_t tag = wav_u16(p), block = wav_u16(p + 12), bytes_per_s = wav_u32(p + 8);
    h->channels = (int)wav_u16(p + 2);
    h->sr = (int)(wav_u32(p + 4) & 0x7FFFFFFF);
    h->bits = (int)wav_u16(p + 14);
    if (tag == 0xFFFE) { /* extensible */
        if (size != 40 || wav_u16(p + 16) != 22 || (int)wav_u16(p + 18) != h->bits || memcmp(p + 26, rest_of_guid, 14)) return 0;
        tag = wav_u16(p + 24);
    } else if (size != 16 && !(size == 18 && wav_u16(p + 16) == 0))
        return 0;
    h->is_float = tag == 3;
    if (h->is_float ? h->bits != 32 : (tag != 1 || (h->bits != 16 && h->bits != 24 && h->bits != 32))) return 0;
    return h->channels >= 1 && h->channels <= WAV_MOST_CHANNELS && h->sr > 0 && wav_u32(p + 4) < 0x80000000u &&
           block == (uint32_t)(h->channels * h->bits / 8) && bytes_per_s == block * wav_u32(p + 4);
}

/* What the file declares; 0 if it is not as expected: RIFF, its whole size, then "fmt ", "data", perhaps "fact" and "PEAK". */
static int wav_header(const uint8_t *data, size_t size, WavHeader *h) {
    int format = 0, samples = 0;
    if (size < 44 || memcmp(data, "RIFF", 4) || memcmp(data + 8, "WAVE", 4) || wav_u32(data + 4) != size - 8) return 0;
    for (size_t at = 12; at < size;) {
        if (size - at < 8) return 0;
        size_t length = wav_u32(data + at + 4), start = at + 8;
        if (length > size - start) return 0;
        if (!memcmp(data + at, "fmt ", 4)) {
            if (format++ || samples || !wav_format(data + start, length, h)) return 0;
        } else if (!memcmp(data + at, "data", 4)) {
            size_t block = format ? (size_t)(h->channels * h->bits / 8) : 0;
            if (samples++ || !block || length % block) return 0;
            h->first_sample = start;
            h->samples = (int64_t)(length / block);
        } else if (memcmp(data + at, "PEAK", 4) ? memcmp(data + at, "fact", 4) || length != 4 : !format || length != 8 + 8 * (size_t)h->channels)
            return 0;
        at = start + length + (length & 1);
        if (at > size) return 0;
    }
    return samples && h->samples > 0;
}

static void wav_decode(const uint8_t *data, const WavHeader *h, float *out) {
    const uint8_t *p = data + h->first_sample;
    int64_t n = h->samples * h->channels;
    if (h->is_float) {
        for (int64_t i = 0; i < n; i++) {
            uint32_t word = wav_u32(p + 4 * i);
            memcpy(out + i, &word, 4);
        }
    } else if (h->bits == 16) {
        for (int64_t i = 0; i < n; i++) out[i] = (float)(int16_t)wav_u16(p + 2 * i) * (1.0f / 32768.0f);
    } else if (h->bits == 24) {
        for (int64_t i = 0; i < n; i++) {
            uint32_t word = (uint32_t)p[3 * i] << 8 | wav_u16(p + 3 * i + 1) << 16;
            out[i] = (float)(int32_t)word * (1.0f / 2147483648.0f);
        }
    } else {
        for (int64_t i = 0; i < n; i++) out[i] = (float)(int32_t)wav_u32(p + 4 * i) * (1.0f / 2147483648.0f);
    }
}

#endif
