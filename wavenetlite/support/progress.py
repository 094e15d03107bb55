"""Progress on standard error: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], object]
"""Called with the number done and the total."""


class Bar:
    """A progress bar on standard error; where that is no terminal, as in a log file, only lines.

    Parameters
    ----------
    shown
        Whether to show it; if not, all methods do nothing.
    name
        Text before the bar.
    total, done
        Number of units, and how many are done already; None: a percentage.
    unit
        What is counted.
    """

    def __init__(
        self, shown: bool, name: str = "", *, total: int | None = None, done: int = 0, unit: str = "epoch"
    ) -> None:
        self.name, self.total = name, total
        self.bar: Any = None
        self.lines = shown and not sys.stderr.isatty()
        if shown and not self.lines:
            from tqdm import tqdm

            options: dict[str, Any] = {"file": sys.stderr, "dynamic_ncols": True, "desc": name or None}
            if total is None:
                self.bar = tqdm(total=100, unit="%", bar_format="{desc}: {percentage:3.0f}% {bar} {elapsed}", **options)
            else:
                self.bar = tqdm(total=total, initial=done, unit=unit, **options)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def share(self, done: float) -> None:
        """Set the fraction done, 0 to 1."""
        if self.bar is not None:
            self.bar.update(round(100 * done) - self.bar.n)

    def upto(self, done: int) -> None:
        """Set the number done."""
        if self.bar is not None:
            self.bar.update(done - self.bar.n)

    def say(self, text: str) -> None:
        """Show a line of text."""
        before = f"{self.name}: " if self.name else ""
        if self.bar is not None:
            self.bar.write(before + text, file=sys.stderr)
        elif self.lines:
            print(before + text, file=sys.stderr, flush=True)

    def step(self, step: int, steps_per_epoch: int, loss: float, accuracy: float) -> None:
        """Show the position within an epoch, and loss and accuracy so far."""
        if self.bar is not None:
            before = f"{self.name} " if self.name else ""
            text = f"{before}step {step}/{steps_per_epoch} loss {loss:.3f} accuracy {accuracy:.1%}"
            self.bar.set_description_str(text, refresh=False)
            self.bar.update(0)

    def epoch(self, row: dict[str, Any]) -> None:
        """Count an epoch and show its validation results; without a terminal, all of its results on a line."""
        measured = row["valid_accuracy"] is not None
        valid = f"valid loss {row['valid_loss']:.3f} accuracy {row['valid_accuracy']:.1%}" if measured else ""
        if self.bar is not None:
            if valid:
                self.bar.set_postfix_str(valid, refresh=False)
            self.bar.update()
        else:
            made = f"loss {row['train_loss']:.3f} accuracy {row['train_accuracy']:.1%}"
            text = ", ".join(filter(None, [made, valid, f"{row['seconds']:.1f} s"]))
            self.say(f"epoch {row['epoch']}/{self.total}: {text}")
