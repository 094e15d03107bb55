"""The container of all snapshots: a header, the state and a checksum, with validation.

===========  ============================================================================================
bytes        contents, all numbers little-endian
===========  ============================================================================================
4            ``WNLS``
2            format: 1; any other is rejected
2            kind: 1 a network's stream (also of a pool), 2 a feature stream, 3 a classifier's stream, 4 a
                generator, 5 a vocoder's stream
16           fingerprint of the network, the features or the classifier
8            length of the state
...          the state: numbers as in memory, without padding or derived values
8            XXH64 (Collet, https://xxhash.com) of everything before, with seed 0
===========  ============================================================================================

Design: a stream of the keyword network has 30 kB of state. zlib's CRC-32 takes 45 microseconds for that, BLAKE2b 25, and
XXH64 3, so that copying and checking a stream costs about as much as a frame of it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from wavenetlite.support.errors import ArrayTypeError, SnapshotError

cdef enum:
    FORMAT = 1
    FINGERPRINT = 16

KINDS = {NETWORK: "a network's stream", FEATURES: "a feature stream", CLASSIFIER: "a classifier's stream", GENERATOR: "a generator",
         VOCODER: "a vocoder's stream"}

cdef uint64_t P1 = 0x9E3779B185EBCA87, P2 = 0xC2B2AE3D27D4EB4F, P3 = 0x165667B19E3779F9
cdef uint64_t P4 = 0x85EBCA77C2B2AE63, P5 = 0x27D4EB2F165667C5


cdef inline uint64_t rotate_left(uint64_t a, int bits) noexcept nogil:
    return (a << bits) | (a >> (64 - bits))


cdef inline uint64_t lane(uint64_t a, uint64_t word) noexcept nogil:
    return rotate_left(a + word * P2, 31) * P1


cdef inline uint64_t word_at(const unsigned char* p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return word


cdef uint64_t xxh64(const unsigned char* p, size_t size) noexcept nogil:
    """XXH64 of `size` bytes, seed 0."""
    cdef const unsigned char* end = p + size
    cdef uint64_t a = P1 + P2, b = P2, c = 0, d = 0 - P1, h = P5
    cdef uint32_t half
    if size >= 32:
        while p + 32 <= end:
            a = lane(a, word_at(p))
            b = lane(b, word_at(p + 8))
            c = lane(c, word_at(p + 16))
            d = lane(d, word_at(p + 24))
            p += 32
        h = rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18)
        h = (h ^ lane(0, a)) * P1 + P4
        h = (h ^ lane(0, b)) * P1 + P4
        h = (h ^ lane(0, c)) * P1 + P4
        h = (h ^ lane(0, d)) * P1 + P4
    h += size
    while p + 8 <= end:
        h = rotate_left(h ^ lane(0, word_at(p)), 27) * P1 + P4
        p += 8
    if p + 4 <= end:
        memcpy(&half, p, 4)
        h = rotate_left(h ^ (half * P1), 23) * P2 + P3
        p += 4
    while p < end:
        h = rotate_left(h ^ (p[0] * P5), 11) * P1
        p += 1
    h = (h ^ (h >> 33)) * P2
    h = (h ^ (h >> 29)) * P3
    return h ^ (h >> 32)


cdef bytes begin(Kind kind, bytes fingerprint, Py_ssize_t size):
    """A new snapshot: the header, and room for `size` bytes of state, which must be filled before it is `finish`ed."""
    cdef bytes blob = PyBytes_FromStringAndSize(NULL, HEADER + size + TRAILER)
    cdef char* p = PyBytes_AS_STRING(blob)
    cdef uint16_t format_number = FORMAT, kind_number = kind
    cdef uint64_t length = size
    memcpy(p, b"WNLS", 4)
    memcpy(p + 4, &format_number, 2)
    memcpy(p + 6, &kind_number, 2)
    memcpy(p + 8, PyBytes_AS_STRING(fingerprint), FINGERPRINT)
    memcpy(p + 24, &length, 8)
    return blob


cdef char* payload(bytes blob) noexcept:
    """Where the state begins."""
    return PyBytes_AS_STRING(blob) + HEADER


cdef bytes finish(bytes blob):
    """Write the checksum of a snapshot."""
    cdef char* p = PyBytes_AS_STRING(blob)
    cdef Py_ssize_t size = len(blob) - TRAILER
    cdef uint64_t checksum = xxh64(<const unsigned char*>p, size)
    memcpy(p + size, &checksum, TRAILER)
    return blob


cdef bytes validate(object blob, Kind kind, bytes fingerprint):
    """`blob` as bytes, checked to be a snapshot of this kind and fingerprint."""
    cdef uint16_t format_number, kind_number
    cdef uint64_t length, checksum
    cdef Py_ssize_t size
    cdef const char* p
    if not isinstance(blob, (bytes, bytearray, memoryview)):
        raise ArrayTypeError(f"snapshot is a {type(blob).__name__}; it must be bytes")
    cdef bytes whole = blob if type(blob) is bytes else bytes(blob)
    p = PyBytes_AS_STRING(whole)
    size = len(whole)
    if memcmp(p, b"WNLS", min(size, 4)) != 0 or size == 0:
        raise SnapshotError(f"not a wavenetlite snapshot: {size} bytes that do not begin with 'WNLS'")
    if size < HEADER + TRAILER:
        raise SnapshotError(f"snapshot is truncated: it has {size} bytes; it must have at least {HEADER + TRAILER}")
    memcpy(&format_number, p + 4, 2)
    memcpy(&kind_number, p + 6, 2)
    memcpy(&length, p + 24, 8)
    memcpy(&checksum, p + size - TRAILER, TRAILER)
    if format_number != FORMAT:
        raise SnapshotError(f"snapshot has format {format_number}; this version of wavenetlite reads format {FORMAT}")
    if length != <uint64_t>(size - HEADER - TRAILER):
        raise SnapshotError(
            f"snapshot is truncated or damaged: it holds {size - HEADER - TRAILER} bytes of state; it must hold {length}")
    if checksum != xxh64(<const unsigned char*>p, size - TRAILER):
        raise SnapshotError("snapshot is damaged: its checksum is wrong")
    if kind_number != kind:
        raise SnapshotError(f"snapshot is of {KINDS.get(kind_number, 'something unknown')}; it must be of {KINDS[kind]}")
    if memcmp(p + 8, PyBytes_AS_STRING(fingerprint), FINGERPRINT) != 0:
        what = {NETWORK: "network", FEATURES: "features", CLASSIFIER: "classifier", GENERATOR: "network",
                VOCODER: "vocoder"}[kind]
        raise SnapshotError(f"snapshot is of another {what}: configuration or weights differ")
    return whole


# For use from Python: a state of several parts, each after its length

def seal(kind: str, fingerprint: bytes, *parts: bytes) -> bytes:
    """A snapshot of the kind "features", "classifier", "generator" or "vocoder"."""
    cdef bytes part, blob
    cdef Py_ssize_t size = 0
    cdef uint64_t length
    cdef char* to
    for part in parts:
        size += 8 + len(part)
    blob = begin(kind_of(kind), fingerprint, size)
    to = payload(blob)
    for part in parts:
        length = len(part)
        memcpy(to, &length, 8)
        memcpy(to + 8, PyBytes_AS_STRING(part), length)
        to += 8 + length
    return finish(blob)


def unseal(kind: str, fingerprint: bytes, blob: object, count: int, unfit: str) -> list:
    """The `count` parts of the state in a snapshot; raises `SnapshotError` if it is invalid, with `unfit` if they do not fit."""
    cdef bytes whole = validate(blob, kind_of(kind), fingerprint)
    cdef list parts = []
    cdef Py_ssize_t at = HEADER, end = len(whole) - TRAILER
    cdef uint64_t length
    for _ in range(count):
        if end - at < 8:
            raise SnapshotError(unfit)
        memcpy(&length, PyBytes_AS_STRING(whole) + at, 8)
        at += 8
        if length > <uint64_t>(end - at):
            raise SnapshotError(unfit)
        parts.append(PyBytes_FromStringAndSize(PyBytes_AS_STRING(whole) + at, length))
        at += length
    if at != end:
        raise SnapshotError(unfit)
    return parts


def checksum(data: bytes) -> int:
    """XXH64 with seed 0.

    Examples
    --------
    >>> from wavenetlite.support.snapshots import checksum
    >>> hex(checksum(b"abc"))
    '0x44bc2cf5ad770999'
    """
    cdef bytes given = data
    return xxh64(<const unsigned char*>PyBytes_AS_STRING(given), len(given))


cdef Kind kind_of(str kind):
    return {"features": FEATURES, "classifier": CLASSIFIER, "generator": GENERATOR, "vocoder": VOCODER}[kind]
