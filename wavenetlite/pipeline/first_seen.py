"""Where each of very many hashes was seen first, in twelve bytes each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.uint32]

RECENT = 1 << 15
"""Hashes that are merged into all together."""
BLOCK = 1 << 15
"""Hashes that are moved at a time."""


class FirstSeen:
    """Hashes and the numbers of what had them first.

    Design: two sorted arrays, all and the recent ones, so that a batch is looked up in two places and each hash is
    merged few times. All lie in memory that was laid out once, and are merged where they are, from the back: nothing
    is ever held twice.

    Parameters
    ----------
    most
        How many hashes there may be.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.pipeline.first_seen import FirstSeen
    >>> seen = FirstSeen(5)
    >>> seen.add(np.array([7, 5, 7], np.uint64), np.array([0, 1, 2], np.uint32)).tolist()
    [0, 1, 0]
    >>> seen.add(np.array([5, 9], np.uint64), np.array([3, 4], np.uint32)).tolist()
    [1, 4]
    """

    def __init__(self, most: int) -> None:
        self.hashes, self.owners = np.empty(most, np.uint64), np.empty(most, np.uint32)
        self.count = 0
        self.recent, self.recent_owners = np.empty(0, np.uint64), np.empty(0, np.uint32)

    def __len__(self) -> int:
        return self.count + len(self.recent)

    def add(self, hashes: Hashes, numbers: Numbers) -> Numbers:
        """For each hash the number that had it first, which may be its own; numbers rise from call to call."""
        if not len(hashes):
            return numbers
        new, at, back = np.unique(hashes, return_index=True, return_inverse=True)
        first = numbers[at]
        fresh = np.ones(len(new), bool)
        for known, owners in (
            (self.hashes[: self.count], self.owners[: self.count]),
            (self.recent, self.recent_owners),
        ):
            if len(known):
                place = np.minimum(np.searchsorted(known, new), len(known) - 1)
                same = known[place] == new
                first[same], fresh[same] = owners[place[same]], False
        place = np.searchsorted(self.recent, new[fresh])
        self.recent = np.insert(self.recent, place, new[fresh])
        self.recent_owners = np.insert(self.recent_owners, place, first[fresh])
        if len(self.recent) > RECENT:
            self.merge()
        found: Numbers = first[back]
        return found

    def merge(self) -> None:
        """Move the recent hashes to all others."""
        place = np.searchsorted(self.hashes[: self.count], self.recent)
        last = len(place)
        for begin in reversed(range(0, max(self.count, 1), BLOCK)):
            end = min(begin + BLOCK, self.count)
            first = int(np.searchsorted(place, begin))
            for whole, recent in ((self.hashes, self.recent), (self.owners, self.recent_owners)):
                whole[begin + first : end + last] = np.insert(
                    whole[begin:end], place[first:last] - begin, recent[first:last]
                )
            last = first
        self.count += len(place)
        self.recent, self.recent_owners = self.recent[:0], self.recent_owners[:0]
