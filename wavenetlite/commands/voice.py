"""Options of commands that generate audio."""

from __future__ import annotations

import argparse
from typing import TypedDict

from wavenetlite.commands.options import UsageError, finite, whole


class Voice(TypedDict):
    """Options of :meth:`wavenetlite.Vocoder.stream`."""

    seed: int
    temperature: float | None


def add_voice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed", type=whole, metavar="N", help="of a vocoder: the same seed gives the same audio (default: 0)"
    )
    parser.add_argument(
        "--temperature",
        type=finite,
        metavar="T",
        help="of a vocoder: how far its samples vary; 0: not at all (default: the vocoder's own)",
    )


def voice(args: argparse.Namespace) -> Voice:
    return {"seed": args.seed or 0, "temperature": args.temperature}


def refuse_voice(args: argparse.Namespace) -> None:
    """Raise if options of a vocoder are given for another model, which would ignore them."""
    for option in ("seed", "temperature"):
        if getattr(args, option) is not None:
            model = "there is no --model" if args.model is None else f"{args.model} is not one"
            raise UsageError(f"--{option}: for vocoders only, and {model}")
