"""The sample rate of most recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wavenetlite import audio
from wavenetlite.corpora.clip_reader import HEADERS_LOOKED_AT, most_common_rate
from wavenetlite.pipeline import archives
from wavenetlite.pipeline.entries import Entry
from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.remote import RemotePath
from wavenetlite.support.urls import is_url


def common_rate(entries: Sequence[Entry]) -> int:
    """The sample rate of most recordings; 16000 if none can be read, which is reported when they are processed."""
    return most_common_rate(entries, rates_of, default=16_000)


def rates_of(entries: Sequence[Entry]) -> Iterator[int]:
    """The rates of the recordings that can be read; the others are reported when they are processed."""
    for path in archives.packed(entries):
        yield from (
            rate for data in archives.first(path, HEADERS_LOOKED_AT) if (rate := rate_of(audio.Encoded(path, data)))
        )
    for entry in entries:
        member = entry.member
        try:
            if member is None and is_url(entry.path):
                source: str | audio.Encoded = audio.Encoded(entry.name, RemotePath(entry.path).read_bytes())
            elif member is None:
                source = entry.path
            elif member.kind != "packed":
                source = audio.Encoded(entry.name, archives.data(entry.path, member))
            else:
                continue
        except (OSError, ValueError):
            continue
        if rate := rate_of(source):
            yield rate


def rate_of(source: str | audio.Encoded) -> int:
    """0 if it cannot be read."""
    try:
        return audio.info(source).sr
    except (WavenetliteError, OSError):
        return 0
