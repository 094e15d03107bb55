"""Which sample rate recordings have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from wavenetlite import audio
from wavenetlite.errors import WavenetliteError
from wavenetlite.pipeline import archives
from wavenetlite.pipeline.entries import Entry

LOOKED_AT = 50


def common_rate(entries: Sequence[Entry]) -> int:
    """The rate of most of some recordings, taken at even distances; of all, where none of those can be read.

    16000 where none can be read at all: that they cannot is told when they are worked on.
    """
    step = max(1, len(entries) // LOOKED_AT)
    rates = Counter(rates_of(entries[::step])) or Counter(rates_of(entries))
    return min(rates, key=lambda rate: (-rates[rate], rate), default=16_000)


def rates_of(entries: Sequence[Entry]) -> Iterator[int]:
    for entry in entries:
        try:
            member = entry.member
            packed = member is not None and member.kind == "packed"
            if not packed:
                source = entry.path if member is None else audio.Encoded(entry.name, archives.data(entry.path, member))
                yield audio.info(source).sr
        except (WavenetliteError, OSError, ValueError):
            continue  # it is named when it is worked on
