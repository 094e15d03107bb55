"""Progress of the stages: bars on a terminal, elsewhere one line a stage."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wavenetlite.support.progress import Bar, Progress


@dataclass(frozen=True)
class Log:
    """Says what is done, on standard error, if `shown`."""

    shown: bool

    @property
    def terminal(self) -> bool:
        return self.shown and sys.stderr.isatty()

    def say(self, text: str) -> None:
        with Bar(self.shown) as bar:
            if bar.lines:
                bar.say(text)
            elif self.shown:
                print(text, file=sys.stderr, flush=True)

    @contextmanager
    def bar(self, name: str) -> Iterator[Progress]:
        """A bar; elsewhere a line with the time that the stage took, when it is done."""
        began = time.monotonic()
        with Bar(self.terminal, name) as bar:
            yield lambda done, total: bar.share(done / max(total, 1))
        if self.shown and not self.terminal:
            self.say(f"{name}: {time.monotonic() - began:.1f} s")
