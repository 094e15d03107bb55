"""Event: something heard in a stream, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """A detected event. All times are in seconds from the first sample fed to the stream.

    Attributes
    ----------
    label
        The detected label.
    score
        Highest smoothed probability of the label since it crossed its threshold.
    time_s
        Detection time: the end of the audio covered by the frame that triggered the event. The lookahead of features
        and network is subtracted: the event was available `clf.latency_s` later.
    start_s, end_s
        The audio in which the label was at or above its threshold: from the first sample of its first frame to the
        end of its last so far. An event is reported on detection, not at its end, so `end_s` equals `time_s`.
    """

    label: str
    score: float
    time_s: float
    start_s: float
    end_s: float
