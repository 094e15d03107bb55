"""Which sequences of a batch share the memory of their gradients: those that need it at different times.

The gradients of a deep network then stay in the cache, and take the memory of a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wavenetlite.graph.batch import BatchSequence, BatchStep

Group = list[BatchSequence]


def shared_gradients(steps: Sequence[BatchStep[Any]]) -> list[Group]:
    """Groups of sequences, each of which shares one gradient; `steps` run backward from the last to the first.

    A gradient is needed from the first step back that adds to it, the last reader, to the step that computes the
    sequence. A sum passes its own on to an addend that has none yet.
    """
    groups: dict[BatchSequence, Group] = {}
    free: dict[tuple[int, int], list[Group]] = {}  # by channels and frames
    last_reader = {x: index for index, step in enumerate(steps) for x in step.inputs if x.wanted}
    new = [[x for x in last_reader if last_reader[x] == index] for index in range(len(steps))]

    def take(x: BatchSequence) -> None:
        waiting = free.get((x.channels, x.frames))
        groups[x] = waiting.pop() if waiting else []
        groups[x].append(x)

    for index in reversed(range(len(steps))):
        step = steps[index]
        if step.out not in groups:  # read by none: the output
            take(step.out)
        heir = step.passes_to if step.passes_to in new[index] else None
        for x in new[index]:
            if x is not heir:
                take(x)
        if heir is not None:
            groups[heir] = groups[step.out]
            groups[heir].append(heir)
        else:
            free.setdefault((step.out.channels, step.out.frames), []).append(groups[step.out])
    return list({id(group): group for group in groups.values()}.values())
