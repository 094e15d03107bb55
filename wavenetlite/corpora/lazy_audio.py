"""The audio of clips that do not fit into memory: read from the recordings each time it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats

ROWS_AT_ONCE = 64

Row = Floats | Callable[[Floats], object]
"""A clip in memory, or a function that reads one into zeros."""


class LazyAudio:
    """Rows of samples that are read when they are indexed; stands where an array (clips, samples) does.

    Parameters
    ----------
    rows
        The clips.
    samples
        Of each.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.corpora.lazy_audio import LazyAudio
    >>> lazy = LazyAudio([lambda row: row.fill(1), lambda row: row.fill(2)], 3)
    >>> lazy[1], lazy[[0, 1, 0]][:, 0], lazy.shape
    (array([2., 2., 2.], dtype=float32), array([1., 2., 1.], dtype=float32), (2, 3))
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, rows: Sequence[Row], samples: int) -> None:
        self.rows, self.samples = list(rows), samples

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.samples

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"LazyAudio({len(self)} of {self.samples} samples)"

    def __getitem__(self, which: Any) -> Floats:
        """The rows of a number, a slice, indices or a mask, as of an array."""
        chosen: npt.NDArray[np.int64] = np.arange(len(self.rows))[which]
        made = np.zeros((chosen.size, self.samples), np.float32)
        for row, number in zip(made, chosen.reshape(-1).tolist(), strict=True):
            self.read(number, row)
        return made.reshape(*chosen.shape, self.samples)

    def read(self, number: int, into: Floats) -> None:
        row = self.rows[number]
        if isinstance(row, np.ndarray):
            into[:] = row
        else:
            row(into)

    def __iter__(self) -> Iterator[Floats]:
        return (self[number] for number in range(len(self)))

    def select(self, chosen: npt.NDArray[np.int64]) -> LazyAudio:
        """Some of the rows, still unread."""
        return LazyAudio([self.rows[number] for number in chosen.tolist()], self.samples)

    def pieces(self) -> Iterator[Floats]:
        """All rows in order, some at a time."""
        return (self[first : first + ROWS_AT_ONCE] for first in range(0, len(self), ROWS_AT_ONCE))
