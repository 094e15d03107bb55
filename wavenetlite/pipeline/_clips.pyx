# cython: boundscheck=False, initializedcheck=False
"""Whole small recordings to frames, many in one call that does not hold the interpreter's lock.

Design: reading, hashing, decoding, mixing, features and statistics of a second of audio take a third of a millisecond, of which
Python between them, and waiting for its lock in every thread, was more than half. So a call takes a batch of recordings. It
does only what needs no judgement: files as most are (plain FLAC and WAV, short, of the features' rate). Any other is left to
`wavenetlite.pipeline.reading`, which also says what is wrong with it. The frames, hashes and statistics have the same bits.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from wavenetlite.features._frames cimport FrameStream
from wavenetlite.features._steps cimport FrameState
from wavenetlite.features.stream cimport FeatureStream
from wavenetlite.kernels.dispatch cimport kernels
from wavenetlite.kernels.types cimport Kernels

import sys

import numpy as np

from wavenetlite.audio.libsndfile import addresses
from wavenetlite.audio.scale import LOUDEST

cdef extern from "flac_decoder.h" nogil:
    ctypedef struct FlacHeader:
        int sr, channels
        int64_t samples
    void snd_use(uintptr_t open_virtual, uintptr_t read_floats, uintptr_t error, uintptr_t close)
    int flac_header(const uint8_t* data, int64_t size, FlacHeader* header)
    int flac_decode(uint8_t* data, int64_t size, const FlacHeader* header, float* out)

cdef extern from "wav_decoder.h" nogil:
    ctypedef struct WavHeader:
        int sr, channels
        int64_t samples
    int wav_header(const uint8_t* data, size_t size, WavHeader* header)
    void wav_decode(const uint8_t* data, const WavHeader* header, float* out)

cdef extern from "blake2b.h" nogil:
    void blake2b_8(const uint8_t* data, size_t size, uint8_t* digest)

cdef extern from "whole_file.h" nogil:
    int64_t whole_file_open(const char* path, int64_t most, int* descriptor)
    int64_t whole_file_read(int descriptor, uint8_t* data, int64_t size)

cnp.import_array()

cdef enum:
    MEAN = -1                   # of the channels
    ANY = -2                    # there must be one
    MOST_STATES = 16
    ENOUGH = 1 << 22            # floats of frames after which a call ends

cpdef enum:                     # which Python reads, too
    MOST_LANES = 16             # kinds of features in a call
    MOST_BYTES = 1 << 21        # of a file: a longer one is read in blocks

cdef double LOUDEST_SAMPLE = LOUDEST

cdef struct Room:               # memory that grows
    char* data
    size_t size

cdef struct Clip:               # a recording, and what was found
    const char* path            # NULL: it is in memory, at
    const uint8_t* data
    int64_t size
    bint done
    int sr, channels
    int64_t samples
    double peak
    uint8_t[8] audio

cdef struct Made:               # the frames of a recording, of one kind of features
    Py_ssize_t first, frames    # rows
    Py_ssize_t early            # of them: those that are complete before the signal's end is known
    uint8_t[8] hash


cdef bint make_room(Room* room, size_t size) noexcept nogil:
    """Let it hold as many bytes; false if there is no memory."""
    cdef char* larger
    if size > room.size:
        size += size // 2
        larger = <char*>realloc(room.data, size)
        if larger == NULL:
            return False
        room.data, room.size = larger, size
    return True


cdef void describe(const float* x, Py_ssize_t frames, Py_ssize_t channels, double* mean, double* deviations) noexcept nogil:
    """Mean and sum of squared deviations of each channel: the additions of `Statistics.of`, in its order."""
    cdef Py_ssize_t frame, c
    cdef double difference
    for c in range(channels):
        mean[c] = x[c]
        deviations[c] = 0.0
    for frame in range(1, frames):
        for c in range(channels):
            mean[c] += x[frame * channels + c]
    for c in range(channels):
        mean[c] /= frames
    for frame in range(frames):
        for c in range(channels):
            difference = x[frame * channels + c] - mean[c]
            deviations[c] += difference * difference


@cython.final
cdef class Lane:
    """One kind of features: computes and keeps the frames of many recordings.

    Parameters
    ----------
    online
        A stream of the features, which `computes` says can be run here.
    """
    cdef FeatureStream online
    cdef FrameStream front
    cdef (void*)[MOST_STATES] states
    cdef Py_ssize_t state_count, channels, widest, used
    cdef Room frames, between, work, statistics
    cdef const Kernels* kernels

    def __cinit__(self, FeatureStream online):
        cdef FrameState state
        if not computes(online):
            raise ValueError("these features are not computed in one call")
        self.online, self.front, self.kernels = online, online.frames, kernels()
        self.channels = self.front.out_channels()
        self.widest = max(self.front.front.channels, self.channels)
        for state in self.front.states:
            self.states[self.state_count] = <void*>state
            self.widest = max(self.widest, state.out_channels)
            self.state_count += 1

    def __dealloc__(self):
        cdef Py_ssize_t i
        cdef Room** rooms = [&self.frames, &self.between, &self.work, &self.statistics]
        for i in range(4):
            free(rooms[i].data)

    cdef object found(self, const Made* made, Py_ssize_t number):
        return made.first, made.frames, (<char*>made.hash)[:8].hex(), self.parts_of(made, number)

    cdef list parts_of(self, const Made* clip, Py_ssize_t number):
        """Count, mean and deviations of the frames before the end, and of those at it."""
        cdef Py_ssize_t size = 4 * self.channels
        cdef cnp.ndarray values = np.empty((2, 2, self.channels))
        memcpy(cnp.PyArray_DATA(values), <double*>self.statistics.data + number * size, size * sizeof(double))
        return [(n, values[part, 0], values[part, 1])
                for part, n in enumerate((clip.early, clip.frames - clip.early)) if n]

    cdef object rows(self, Py_ssize_t first, Py_ssize_t count):
        """A copy of rows of the last call's frames."""
        cdef cnp.ndarray out = np.empty((count, self.channels), np.float32)
        if not 0 <= first <= first + count <= self.used:
            raise IndexError(f"rows {first} to {first + count} of {self.used}")
        memcpy(
            cnp.PyArray_DATA(out), <float*>self.frames.data + first * self.channels,
            count * self.channels * sizeof(float))
        return out

    cdef bint analyse(self, const float* signal, int64_t samples, Made* clip, Py_ssize_t number) noexcept nogil:
        """The frames, behind those of the recordings before; their hash and statistics.

        The signal lies between the zeros that the features begin and end with.
        """
        cdef Py_ssize_t n = self.front.front.n_fft, hop = self.front.front.hop_length, pad = self.front.front.left_pad
        cdef Py_ssize_t total = samples + 2 * pad, channels = self.channels, c
        cdef float* out
        cdef double* values
        if total < n:
            return False
        clip.first, clip.frames = self.used, 1 + (total - n) // hop
        clip.early = 0 if total - pad < n else 1 + (total - pad - n) // hop
        if not (make_room(&self.frames, (self.used + clip.frames) * channels * sizeof(float)) and
                make_room(&self.statistics, (number + 1) * 4 * channels * sizeof(double))):
            return False
        out = <float*>self.frames.data + self.used * channels
        values = <double*>self.statistics.data + number * 4 * channels
        if not self.transform(signal - pad, clip.frames, out):
            return False
        if clip.early:
            describe(out, clip.early, channels, values, values + channels)
        if clip.frames > clip.early:
            describe(out + clip.early * channels, clip.frames - clip.early, channels, values + 2 * channels,
                     values + 3 * channels)
        if not self.kernels.all_finite(out, clip.frames * channels):
            return False
        blake2b_8(<const uint8_t*>out, clip.frames * channels * sizeof(float), clip.hash)
        self.used += clip.frames
        return True

    cdef bint transform(self, const float* signal, Py_ssize_t frames, float* out) noexcept nogil:
        """The front end and the steps in its call, as `FrameStream.compute` runs them."""
        cdef Py_ssize_t size = frames * self.widest, i
        cdef double* work
        cdef float* x
        cdef float* y
        if not (make_room(&self.work, (self.front.front.work + 8) * sizeof(double) + 64 + self.front.front.memory) and
                make_room(&self.between, 2 * size * sizeof(float))):
            return False
        work = <double*>((<uintptr_t>self.work.data + 63) // 64 * 64)
        memset(work + self.front.front.work + 1, 0, self.front.front.memory)
        x, y = <float*>self.between.data, <float*>self.between.data + size
        self.front.front.compute(
            signal, frames, <char*>(work + self.front.front.work + 1),
            x if self.state_count else out, work)
        if self.state_count:
            self.start_states()
        for i in range(self.state_count):
            (<FrameState>self.states[i]).run(x, frames, out if i == self.state_count - 1 else y)
            x, y = y, x
        return True

    cdef void start_states(self) noexcept with gil:
        for state in self.front.states:
            state.reset()


@cython.final
cdef class ClipReader:
    """Computes the frames of many whole recordings in one call; for one thread.

    Parameters
    ----------
    onlines
        Streams of features of one rate, which `computes` says can be run here: a recording is decoded once for all.
    sr, max_s
        Rate and greatest length of a recording.
    most_samples
        Of a recording.
    mono
        None, "mean" or a channel.
    """
    cdef list kept
    cdef (void*)[MOST_LANES] lanes
    cdef Py_ssize_t count, pad, most_samples
    cdef int sr, mono
    cdef double max_s
    cdef Room bytes, decoded, signal
    cdef const Kernels* kernels

    def __cinit__(self, onlines: list, *, sr: int, max_s: float, most_samples: int, mono: object):
        cdef Lane lane
        if not 0 < len(onlines) <= MOST_LANES:
            raise ValueError(f"{len(onlines)} kinds of features are not computed in one call")
        self.kept, self.kernels = [Lane(online) for online in onlines], kernels()
        for lane in self.kept:
            self.lanes[self.count] = <void*>lane
            self.pad = max(self.pad, lane.front.front.left_pad)
            self.count += 1
        self.sr, self.max_s, self.most_samples = sr, max_s, most_samples
        self.mono = ANY if mono is None else MEAN if mono == "mean" else min(mono, 1 << 20)
        if not make_room(&self.bytes, MOST_BYTES + 1):
            raise MemoryError
        find_libsndfile()

    def __dealloc__(self):
        cdef Py_ssize_t i
        cdef Room** rooms = [&self.bytes, &self.decoded, &self.signal]
        for i in range(3):
            free(rooms[i].data)

    def compute(self, paths: list, contents: list) -> list:
        """What is found in each recording: a tuple, or None where it is not of the kind that is read here.

        Parameters
        ----------
        paths
            Bytes of each name, or None where `contents` has the file's bytes.

        Returns
        -------
        For each recording, in order, ``(audio, sr, samples, channels, peak, made)``; `made` has, for each kind of features,
        ``(first, frames, hash, statistics)``. It may be fewer than there are paths: the others are to be given again.
        """
        cdef Py_ssize_t count = len(paths), i, done = 0
        cdef Clip* clips = <Clip*>calloc(max(count, 1), sizeof(Clip))
        cdef Made* made = <Made*>calloc(max(count, 1) * self.count, sizeof(Made))
        try:
            if clips == NULL or made == NULL:
                raise MemoryError
            for i in range(count):
                if paths[i] is not None:
                    clips[i].path = <bytes>paths[i]
                else:
                    clips[i].data, clips[i].size = <const uint8_t*><const char*><bytes>contents[i], len(contents[i])
            for i in range(self.count):
                (<Lane>self.lanes[i]).used = 0
            with nogil:
                while done < count and self.has_room():
                    clips[done].done = self.read(clips + done, made + done * self.count, done)
                    done += 1
            return [self.found(clips + i, made, i) for i in range(done)]
        finally:
            free(clips)
            free(made)

    cdef bint has_room(self) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.count):
            if (<Lane>self.lanes[i]).used * (<Lane>self.lanes[i]).channels >= ENOUGH:
                return False
        return True

    cdef object found(self, Clip* clip, const Made* made, Py_ssize_t number):
        cdef Py_ssize_t i
        cdef list parts = []
        if not clip.done:
            return None
        for i in range(self.count):
            parts.append((<Lane>self.lanes[i]).found(made + number * self.count + i, number))
        return (<char*>clip.audio)[:8].hex(), clip.sr, clip.samples, clip.channels, clip.peak, parts

    def rows(self, Py_ssize_t lane, Py_ssize_t first, Py_ssize_t count) -> np.ndarray:
        """A copy of rows of the last call's frames."""
        return (<Lane?>self.kept[lane]).rows(first, count)

    cdef bint read(self, Clip* clip, Made* made, Py_ssize_t number) noexcept nogil:
        """All of one recording; false if it is not of the kind that is read here."""
        cdef Py_ssize_t i
        if not (self.load(clip) and self.decode(clip) and self.mix(clip)):
            return False
        for i in range(self.count):
            if not (<Lane>self.lanes[i]).analyse(
                    <const float*>self.signal.data + self.pad, clip.samples, made + i, number):
                return False
        return True

    cdef bint load(self, Clip* clip) noexcept nogil:
        """The bytes of a file, and their hash."""
        cdef int descriptor = -1
        if clip.path != NULL:
            clip.size = whole_file_open(clip.path, MOST_BYTES, &descriptor)
        if clip.size < 0 or clip.size > MOST_BYTES:
            return False
        if clip.path == NULL:
            memcpy(self.bytes.data, clip.data, clip.size)
        elif whole_file_read(descriptor, <uint8_t*>self.bytes.data, clip.size) < 0:
            return False
        clip.data = <const uint8_t*>self.bytes.data
        blake2b_8(clip.data, clip.size, clip.audio)
        return True

    cdef bint decode(self, Clip* clip) noexcept nogil:
        """The samples of all channels, in `decoded`."""
        cdef FlacHeader flac
        cdef WavHeader wav
        memset(&wav, 0, sizeof(WavHeader))
        if flac_header(clip.data, clip.size, &flac):
            clip.sr, clip.channels, clip.samples = flac.sr, flac.channels, flac.samples
            return (self.wanted(clip) and
                    flac_decode(<uint8_t*>self.bytes.data, clip.size, &flac, <float*>self.decoded.data) and
                    # beyond, the file is damaged in a way that its checksums do not show
                    self.kernels.peak(<float*>self.decoded.data, clip.samples * clip.channels) <= 1.0)
        if wav_header(clip.data, clip.size, &wav):
            clip.sr, clip.channels, clip.samples = wav.sr, wav.channels, wav.samples
            if self.wanted(clip):
                wav_decode(clip.data, &wav, <float*>self.decoded.data)
                return True
        return False

    cdef bint wanted(self, const Clip* clip) noexcept nogil:
        """Whether rate, length and channels are as expected; makes room for the samples."""
        if clip.sr != self.sr or clip.samples > self.most_samples or <double>clip.samples / clip.sr > self.max_s:
            return False
        if self.mono >= clip.channels or (self.mono == ANY and clip.channels > 1):
            return False
        return make_room(&self.decoded, (clip.samples + 1) * clip.channels * sizeof(float))

    cdef bint mix(self, Clip* clip) noexcept nogil:
        """One channel, in `signal`, between the zeros that the features begin and end with; its peak."""
        cdef Py_ssize_t pad = self.pad, i, n = clip.samples
        cdef const float* x = <const float*>self.decoded.data
        cdef float* y
        if not make_room(&self.signal, (n + 2 * pad) * sizeof(float)):
            return False
        y = <float*>self.signal.data
        memset(y, 0, pad * sizeof(float))
        memset(y + pad + n, 0, pad * sizeof(float))
        y += pad
        if not self.kernels.all_finite(x, n * clip.channels):
            return False
        if clip.channels == 1:
            memcpy(y, x, n * sizeof(float))
        elif self.mono == MEAN:
            for i in range(n):
                y[i] = (x[2 * i] + x[2 * i + 1]) / <float>2
        else:
            for i in range(n):
                y[i] = x[2 * i + self.mono]
        clip.peak = self.kernels.peak(y, n)
        return clip.peak <= LOUDEST_SAMPLE


cdef find_libsndfile():
    """Set where its functions are, of the library that soundfile loads: not before it is needed."""
    open_virtual, read_floats, error, close = addresses("sf_open_virtual", "sf_readf_float", "sf_error", "sf_close")
    snd_use(open_virtual, read_floats, error, close)


def computes(online: object) -> bool:
    """Whether the features of a stream are computed here: all of their steps in the call of a front end of frames."""
    cdef FeatureStream stream
    if not isinstance(online, FeatureStream):
        return False
    stream = online
    return (sys.byteorder == "little" and stream.frames is not None and not stream.later and stream.streams == 0 and
            stream.frames.out_channels() > 1 and
            len(stream.frames.states) <= MOST_STATES and not stream.frames.front.integers)
