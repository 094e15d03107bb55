"""Options of the commands: their types, those that commands share, and the format of help texts."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

Options: TypeAlias = argparse.ArgumentParser | argparse._ArgumentGroup

BLOCK_MS = 10.0
"""Milliseconds of audio per block."""


class UsageError(Exception):
    """The command line is wrong in a way that argparse cannot see: exit status 2."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps descriptions and examples unwrapped, and shows the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        shown = action.option_strings and action.default not in (None, False, argparse.SUPPRESS)
        return f"{text} (default: %(default)s)" if text and shown and "%(default)" not in text else text

    def add_argument(self, action: argparse.Action) -> None:
        """Make room for the names of commands, whose indentation argparse does not count."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += self._indent_increment


def describe(parser: argparse.ArgumentParser, about: str, examples: str) -> None:
    """Set the help text before and after the options."""
    parser.description, parser.epilog = about, f"examples:\n{examples}"


def positive(text: str) -> int:
    """A whole number from 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be 1 or more")
    return value


def whole(text: str) -> int:
    """A whole number from 0."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0")
    return int(text)


def share(text: str) -> float:
    """A number in 0..1."""
    if not 0 <= finite(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} must be between 0 and 1")
    return float(text)


def above_zero(text: str) -> float:
    if finite(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return float(text)


def finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number")
    return value


def mono(text: str) -> Literal["mean"] | int:
    return "mean" if text == "mean" else whole(text)


def words(text: str) -> str | list[str]:
    """As `read_corpus` takes them: "12", "all", or a list of labels."""
    return text if text in ("12", "all") else [word.strip() for word in text.split(",") if word.strip()]


def names(text: str) -> list[str]:
    """Names with commas between them."""
    made = [part.strip() for part in text.split(",") if part.strip()]
    if not made:
        raise argparse.ArgumentTypeError(f"{text!r} must be names with commas between them")
    return made


def class_weights(text: str) -> str | dict[str, float]:
    """ "balanced", or ``LABEL=WEIGHT,...``."""
    if text == "balanced":
        return text
    weights = {}
    for part in text.split(","):
        label, equals, value = part.strip().rpartition("=")
        if not equals or not label:
            raise argparse.ArgumentTypeError(f"{part!r} must be LABEL=WEIGHT, or balanced alone")
        if finite(value) < 0:
            raise argparse.ArgumentTypeError(f"{part} must not be negative")
        weights[label] = float(value)
    return weights


def column(text: str) -> tuple[str, str]:
    """``NAME=COLUMN``: the name of a manifest's column."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=COLUMN")
    return name, value


def device(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def named_values(flag: str, given: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE``, the value parsed as JSON if possible, else as text."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"{flag} {text}: must be NAME=VALUE")
        if name in found:
            raise UsageError(f"{flag} {text}: {name} is given twice")
        try:
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            found[name] = value
    return found


def add_json(parser: Options, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print only JSON: {what}")


def add_reading(parser: Options) -> None:
    """Options to convert audio that does not fit."""
    parser.add_argument(
        "--resample", action="store_true", help="convert audio of another sample rate; by default it is refused"
    )
    parser.add_argument(
        "--mono",
        type=mono,
        metavar="mean|N",
        help="of several channels use the mean, or channel N from 0; by default they are refused",
    )


def add_streaming(parser: Options, what: str) -> None:
    parser.add_argument("--stream", action="store_true", help=f"feed each {what} in blocks, as from a microphone")
    parser.add_argument(
        "--block-ms", type=above_zero, metavar="MS", help=f"length of a block with --stream (default: {BLOCK_MS:g})"
    )


def streamed_block_ms(args: argparse.Namespace) -> float | None:
    """Length of a block, milliseconds; None without --stream."""
    if args.block_ms is not None and not args.stream:
        raise UsageError("--block-ms needs --stream")
    return (args.block_ms or BLOCK_MS) if args.stream else None


def add_words(parser: argparse.ArgumentParser, about: str, default: str | None) -> None:
    parser.add_argument("--words", type=words, default=default, metavar="12|all|A,B,...", help=about)


def add_division(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hold-out-speaker",
        metavar="NAME",
        help="test on all clips of this speaker and no others (if DATA has no lists)",
    )
