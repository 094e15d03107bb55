"""Which sample rate recordings have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from wavenetlite import audio
from wavenetlite.pipeline import archives
from wavenetlite.pipeline.entries import Entry
from wavenetlite.support.errors import WavenetliteError

LOOKED_AT = 50


def common_rate(entries: Sequence[Entry]) -> int:
    """The rate of most of some recordings, taken at even distances; of all, where none of those can be read.

    16000 where none can be read at all: that they cannot is told when they are worked on.
    """
    step = max(1, len(entries) // LOOKED_AT)
    rates = Counter(rates_of(entries[::step])) or Counter(rates_of(entries))
    return min(rates, key=lambda rate: (-rates[rate], rate), default=16_000)


def rates_of(entries: Sequence[Entry]) -> Iterator[int]:
    """Those of the recordings that can be read; what cannot is named when it is worked on."""
    for path in archives.packed(entries):
        yield from (rate for data in archives.first(path, LOOKED_AT) if (rate := rate_of(audio.Encoded(path, data))))
    for entry in entries:
        member = entry.member
        try:
            if member is None:
                source: str | audio.Encoded = entry.path
            elif member.kind != "packed":
                source = audio.Encoded(entry.name, archives.data(entry.path, member))
            else:
                continue
        except (OSError, ValueError):
            continue
        if rate := rate_of(source):
            yield rate


def rate_of(source: str | audio.Encoded) -> int:
    """0 where it cannot be read."""
    try:
        return audio.info(source).sr
    except (WavenetliteError, OSError):
        return 0
