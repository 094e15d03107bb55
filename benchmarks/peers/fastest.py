"""A peer that can be given a network in several ways is given the one that it runs fastest, case by case."""

from collections.abc import Callable, Sequence

from benchmarks.contenders import Calls
from benchmarks.models import Network, signal

SECONDS = 0.003
ROUNDS = 3


def fastest(make: Callable[[str], Calls], ways: Sequence[str], network: Network) -> Calls:
    """A new runner of the fastest of `ways`, or of the only one that the library takes."""
    times, refusals = {}, []
    for way in ways:
        try:
            runner = make(way)
            runner.feed(signal(network, runner.frames, runner.clips))
        except Exception as error:
            refusals.append(error)
            continue
        calls = max(1, round(SECONDS / runner.seconds(1)))
        times[way] = min(runner.seconds(calls) for _ in range(ROUNDS))
    if not times:
        raise refusals[0]
    return make(min(times, key=lambda way: times[way]))  # anew: its state is at the start of a signal
