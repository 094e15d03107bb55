"""Where each of very many hashes was seen first, in twelve bytes each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.uint32]


class FirstSeen:
    """Hashes and the numbers of what had them first.

    Design: sorted arrays, each at most half as long as the one before it; two that are not are merged. So a batch is
    looked up in few arrays, and each hash is merged few times (O'Neil et al., "The log-structured merge-tree", 1996).

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.pipeline.first_seen import FirstSeen
    >>> seen = FirstSeen()
    >>> seen.add(np.array([7, 5, 7], np.uint64), np.array([0, 1, 2], np.uint32)).tolist()
    [0, 1, 0]
    >>> seen.add(np.array([5, 9], np.uint64), np.array([3, 4], np.uint32)).tolist()
    [1, 4]
    """

    def __init__(self) -> None:
        self.levels: list[tuple[Hashes, Numbers]] = []

    def add(self, hashes: Hashes, numbers: Numbers) -> Numbers:
        """For each hash the number that had it first, which may be its own; numbers rise from call to call."""
        if not len(hashes):
            return numbers
        new, at, back = np.unique(hashes, return_index=True, return_inverse=True)
        first = numbers[at]
        fresh = np.ones(len(new), bool)
        for known, owners in self.levels:
            place = np.minimum(np.searchsorted(known, new), len(known) - 1)
            same = known[place] == new
            first[same], fresh[same] = owners[place[same]], False
        if fresh.any():
            self.levels.append((new[fresh], first[fresh]))
            self.merge()
        found: Numbers = first[back]
        return found

    def merge(self) -> None:
        """Keep every array at least twice as long as the next one."""
        while len(self.levels) > 1 and len(self.levels[-2][0]) < 2 * len(self.levels[-1][0]):
            (left, left_owners), (right, right_owners) = self.levels[-2:]
            del self.levels[-2:]
            place = np.searchsorted(left, right)
            self.levels.append((np.insert(left, place, right), np.insert(left_owners, place, right_owners)))
