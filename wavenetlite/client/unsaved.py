"""The audio that a server may ask for again."""

from __future__ import annotations


class Unsaved:
    """Samples as bytes, from the first that the server has not saved to the last.

    Attributes
    ----------
    first, end
        Positions in the stream, in samples.
    """

    def __init__(self, sample_bytes: int) -> None:
        self.sample_bytes = sample_bytes
        self.first = self.end = 0
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data
        self.end += len(data) // self.sample_bytes

    def between(self, start: int, stop: int) -> bytes:
        """The samples from `start` to before `stop`, or to the last."""
        return bytes(self._data[(start - self.first) * self.sample_bytes : (stop - self.first) * self.sample_bytes])

    def forget(self, samples: int) -> None:
        """Forget those before this position."""
        if samples > self.first:
            del self._data[: (samples - self.first) * self.sample_bytes]
            self.first = min(samples, self.end)
