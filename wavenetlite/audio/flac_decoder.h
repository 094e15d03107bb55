/* FLAC files in memory, decoded by libsndfile: by the functions of the library that soundfile has loaded, called without the
interpreter's lock. Their types are those of libsndfile's public interface (sndfile.h). Whatever is unusual is refused, so that
the general reader decides about it.
*/
#ifndef WAVENETLITE_FLAC_DECODER_H
#define WAVENETLITE_FLAC_DECODER_H

#include <stdint.h>
#include <string.h>

enum { SND_READ = 0x10, FLAC_MOST_CHANNELS = 2 };

typedef struct {
    int sr, channels;
    int64_t samples;
} FlacHeader;

typedef struct { /* SF_INFO */
    int64_t frames;
    int sr, channels, format, sections, seekable;
} SndInfo;

typedef struct { /* SF_VIRTUAL_IO */
    int64_t (*length)(void *);
    int64_t (*seek)(int64_t, int, void *);
    int64_t (*read)(void *, int64_t, void *);
    int64_t (*write)(const void *, int64_t, void *);
    int64_t (*tell)(void *);
} SndAccess;

typedef struct {
    const uint8_t *data;
    int64_t size, at;
} SndBytes;

static void *(*snd_open_virtual)(SndAccess *, int, SndInfo *, void *);
static int64_t (*snd_read_floats)(void *, float *, int64_t);
static int (*snd_error)(void *);
static int (*snd_close)(void *);

static int64_t snd_length(void *user) { return ((SndBytes *)user)->size; }

static int64_t snd_seek(int64_t offset, int whence, void *user) {
    SndBytes *bytes = (SndBytes *)user;
    int64_t at = offset + (whence == 0 ? 0 : whence == 1 ? bytes->at : bytes->size);
    if (at < 0 || at > bytes->size) return -1;
    return bytes->at = at;
}

static int64_t snd_read(void *to, int64_t count, void *user) {
    SndBytes *bytes = (SndBytes *)user;
    int64_t left = bytes->size - bytes->at;
    if (count > left) count = left;
    memcpy(to, bytes->data + bytes->at, (size_t)count);
    bytes->at += count;
    return count;
}

static int64_t snd_write(const void *from, int64_t count, void *user) {
    (void)from, (void)count, (void)user;
    return 0;
}

static int64_t snd_tell(void *user) { return ((SndBytes *)user)->at; }

static SndAccess SND_ACCESS = {snd_length, snd_seek, snd_read, snd_write, snd_tell};

/* Set where the functions are. */
static void snd_use(uintptr_t open_virtual, uintptr_t read_floats, uintptr_t error, uintptr_t close) {
    snd_open_virtual = (void *(*)(SndAccess *, int, SndInfo *, void *))open_virtual;
    snd_read_floats = (int64_t(*)(void *, float *, int64_t))read_floats;
    snd_error = (int (*)(void *))error;
    snd_close = (int (*)(void *))close;
}

/* What a plain FLAC file declares (RFC 9639, section 8.2); 0 if it is not one. */
static int flac_header(const uint8_t *data, int64_t size, FlacHeader *header) {
    if (!snd_open_virtual || size < 42 || memcmp(data, "fLaC", 4) || (data[4] & 127) || data[5] || data[6] || data[7] != 34) return 0;
    header->sr = data[18] << 12 | data[19] << 4 | data[20] >> 4;
    header->channels = (data[20] >> 1 & 7) + 1;
    header->samples = (int64_t)(data[21] & 15) << 32 | (int64_t)data[22] << 24 | data[23] << 16 | data[24] << 8 | data[25];
    return header->sr > 0 && header->samples > 0 && header->channels <= FLAC_MOST_CHANNELS;
}

/* All samples of a file, (samples, channels), with room for one frame more; 0 if they are not as many as declared, or there was
an error. The header is overwritten: libsndfile shall not believe its number of samples, but find the end. */
static int flac_decode(uint8_t *data, int64_t size, const FlacHeader *header, float *out) {
    SndBytes bytes = {data, size, 0};
    SndInfo info = {0};
    void *file;
    data[21] |= 15;
    memset(data + 22, 255, 4);
    if (!(file = snd_open_virtual(&SND_ACCESS, SND_READ, &info, &bytes))) return 0;
    int as_declared = info.sr == header->sr && info.channels == header->channels;
    int whole = as_declared && snd_read_floats(file, out, header->samples + 1) == header->samples && snd_error(file) == 0;
    return (snd_close(file) == 0) & whole;
}

#endif
