"""wavenetlite speak: make audio of log-mel features."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.commands.options import add_json, describe
from wavenetlite.commands.output import progress
from wavenetlite.commands.places import check_file
from wavenetlite.commands.render import LOSSLESS, check_size, report, summary_of
from wavenetlite.commands.voice import add_voice, voice
from wavenetlite.formats import load
from wavenetlite.storage import opening
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError, ParameterError, WavenetliteError
from wavenetlite.vocoder import Vocoder
from wavenetlite.vocoder.frames import checked_frames

DEFAULT_VOCODER = "vocoder-8k"
BLOCK = 100
"""Frames at a time."""

ABOUT = """\
Make audio of log-mel features, by a vocoder. MEL.npy is a float32 array
(frames, n_mels) of levels in dB, as the vocoder's own features give them:
`wavenetlite info vocoder-8k` shows which.

OUT is written completely or not at all. The same seed gives the same audio."""
EXAMPLES = """\
  wavenetlite speak mel.npy out.wav
  wavenetlite speak mel.npy out.flac --model my-vocoder.safetensors --seed 3 --json"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("source", metavar="MEL.npy", help="NumPy file of frames")
    parser.add_argument("target", metavar="OUT", help="the file to write; its ending is the format")
    parser.add_argument(
        "--model", default=DEFAULT_VOCODER, metavar="MODEL", help="a bundled vocoder's name, or the file of one"
    )
    add_voice(parser)
    parser.add_argument(
        "--subtype", metavar="NAME", help="encoding of OUT, such as PCM_16 (default: FLOAT in WAV, PCM_24 in FLAC)"
    )
    parser.add_argument(
        "--clip", action="store_true", help="clip OUT to -1..1 if its encoding requires it; by default refused"
    )
    add_json(parser, "one object")
    parser.set_defaults(run=run, interrupted="interrupted; nothing has been written")


def run(args: argparse.Namespace) -> int:
    check_file(args.target, [args.source, opening.found(args.model)], "OUT")
    vocoder = checked(args.model, load(args.model))
    frames = read_frames(args.source, vocoder)
    stream = vocoder.stream(**voice(args))
    subtype = args.subtype or LOSSLESS.get(Path(args.target).suffix.lower())
    check_size(args.target, len(frames) * vocoder.features.hop_length, subtype)
    peak = 0.0
    with (
        audio.writing(args.target, vocoder.sr, 1, subtype=subtype, clip=args.clip) as file,
        progress(Path(args.target).name) as bar,
    ):
        started = time.perf_counter()
        for at in range(0, len(frames), BLOCK):
            ended = at + BLOCK >= len(frames)
            made = stream.process(frames[at : at + BLOCK])
            made = np.concatenate([made, stream.flush()]) if ended else made
            file.write(made[:, np.newaxis])
            peak = max(peak, float(np.abs(made).max(initial=0.0)))
            bar(min(at + BLOCK, len(frames)), len(frames))
        seconds = time.perf_counter() - started
    summary = summary_of(args, vocoder.sr, 1, len(frames) * vocoder.features.hop_length, peak, seconds)
    report(args, {**summary, "frames": len(frames)})
    return 0


def checked(path: str, model: Any) -> Vocoder:
    if not isinstance(model, Vocoder):
        raise ModelFileError(f"{path}: a {type(model).__name__}; it must be a vocoder, such as {DEFAULT_VOCODER}")
    return model


def read_frames(path: str, vocoder: Vocoder) -> Floats:
    """The frames in a file of NumPy's; every error is one line that names the file."""
    try:
        with Path(path).open("rb") as file:  # np.load leaves a damaged file open
            frames = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise ParameterError(f"{path}: there is no such file") from None
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ParameterError(f"{path}: not a NumPy file of one array ({reason[:100]})") from None
    try:
        made = checked_frames(frames, vocoder.features)
    except WavenetliteError as error:
        raise ParameterError(f"{path}: {error}") from None
    if not len(made):
        raise ParameterError(f"{path}: has no frames; it must have at least one")
    return made
