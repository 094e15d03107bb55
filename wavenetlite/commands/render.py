"""wavenetlite render: process audio with a network that makes audio, such as a model of a guitar amplifier, with a
vocoder, and with an impulse response."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.commands.options import UsageError, add_json, add_reading, describe, positive
from wavenetlite.commands.output import note, progress, say, say_json
from wavenetlite.commands.places import check_file
from wavenetlite.commands.processing import add_processing, model_of, response
from wavenetlite.commands.renderers import Chain, CopySynthesis, Renderer
from wavenetlite.commands.voice import add_voice, refuse_voice, voice
from wavenetlite.nn import Module
from wavenetlite.storage import opening
from wavenetlite.support.errors import ParameterError
from wavenetlite.vocoder import Vocoder

LARGEST_WAV = 2**32 - 2**16
"""Most bytes of samples: the header of a WAV file counts up to 4 GiB."""
LOSSLESS = {".wav": "FLOAT", ".w64": "FLOAT", ".rf64": "FLOAT", ".aiff": "FLOAT", ".flac": "PCM_24"}
"""Default --subtype by the ending of the file."""

ABOUT = """\
Process audio with a network that makes audio: a Neural Amp Modeler file, any
other model of one channel in and out, or a vocoder, which makes the audio anew
from its own log-mel features (copy synthesis); and with an impulse response, as
of a cabinet, after it or alone.

The file is streamed, so any length fits into memory; the result has the bits of
the whole file fed at once, whatever --block. OUT is written completely or not
at all. A network of one channel renders each channel of a file separately:
stereo stays stereo, unless --mono is given."""
EXAMPLES = """\
  wavenetlite render dry.wav amped.wav --model amp.nam
  wavenetlite render dry.wav played.wav --model amp.nam --ir cabinet.wav
  wavenetlite render dry.flac amped.flac --model amp.nam --resample --mono mean
  wavenetlite render dry.wav small.wav --model amp.nam --load slim=0.3 --json
  wavenetlite render speech.wav again.wav --model vocoder-8k --resample"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("source", metavar="IN", help="audio: WAV, FLAC, OGG, MP3 or another format of libsndfile")
    parser.add_argument("target", metavar="OUT", help="the file to write; its ending is the format")
    add_processing(parser)
    parser.add_argument(
        "--sr",
        type=positive,
        metavar="HZ",
        help="the model's sample rate, if its file does not tell (default: that of IN)",
    )
    add_reading(parser)
    parser.add_argument("--block", type=positive, default=4096, metavar="N", help="samples per block")
    parser.add_argument(
        "--subtype", metavar="NAME", help="encoding of OUT, such as PCM_24 (default: FLOAT in WAV, PCM_24 in FLAC)"
    )
    parser.add_argument(
        "--clip", action="store_true", help="clip OUT to -1..1 if its encoding requires it; by default refused"
    )
    parser.add_argument(
        "--load", action="append", default=[], metavar="NAME=VALUE", help="an option of the model's format; repeatable"
    )
    add_voice(parser)
    add_json(parser, "one object")
    parser.set_defaults(run=run, interrupted="interrupted; nothing has been written")


def run(args: argparse.Namespace) -> int:
    read = [one for one in (args.source, args.ir, args.model and opening.found(args.model)) if one]
    check_file(args.target, read, "OUT")
    about = audio.info(args.source)
    model = model_of(args)
    sr = rate_of(model, args, about.sr)
    channels = 1 if args.mono is not None else about.channels
    if isinstance(model, Module) and model.in_width not in (1, channels):
        raise ParameterError(
            f"{args.source}: has {channels} channels; it must have {model.in_width}, as the model requires"
        )
    renderer = chain(model, args, sr, channels)
    subtype = args.subtype or LOSSLESS.get(Path(args.target).suffix.lower())
    check_size(args.target, about.duration_s * sr * renderer.channels, subtype)
    mono = args.mono if about.channels > 1 else None
    samples, peak = 0, 0.0
    with (
        audio.writing(args.target, sr, renderer.channels, subtype=subtype, clip=args.clip) as file,
        progress(Path(args.target).name) as bar,
    ):
        started = time.perf_counter()
        for block in audio.blocks(args.source, args.block, sr=sr, resample=args.resample, mono=mono):
            made = renderer.process(block)
            file.write(made)
            samples += len(block)
            peak = max(peak, float(np.abs(made).max(initial=0.0)))
            bar(samples, round(about.duration_s * sr))
        made = renderer.flush()
        file.write(made)
        peak = max(peak, float(np.abs(made).max(initial=0.0)))
    seconds = time.perf_counter() - started
    report(args, {**summary_of(args, sr, renderer.channels, samples, peak, seconds), "ir": args.ir})
    return 0


def summary_of(
    args: argparse.Namespace, sr: int, channels: int, samples: int, peak: float, seconds: float
) -> dict[str, Any]:
    """What has been written, and how long it took."""
    return {
        "in": args.source,
        "out": args.target,
        "model": args.model,
        "sr": sr,
        "channels": channels,
        "samples": samples,
        "seconds": samples / sr,
        "peak": peak,
        "clipped": bool(args.clip and peak > 1),
        "elapsed_s": seconds,
    }


def report(args: argparse.Namespace, summary: dict[str, Any]) -> None:
    if args.json:
        say_json(summary)
    else:
        say(text(summary))


def text(summary: dict[str, Any]) -> str:
    faster = summary["seconds"] / max(summary["elapsed_s"], 1e-9)
    channels = "1 channel" if summary["channels"] == 1 else f"{summary['channels']} channels"
    return (
        f"{summary['out']}: {summary['seconds']:.2f} s, {summary['sr']:,} Hz, {channels}, peak {summary['peak']:.3f}"
        f"{', clipped' if summary['clipped'] else ''}; {faster:.0f} x real time"
    )


def chain(model: Module | Vocoder | None, args: argparse.Namespace, sr: int, channels: int) -> Chain:
    """The model and the impulse response, as far as they are given."""
    renderers: list[CopySynthesis | Renderer] = []
    if isinstance(model, Vocoder):
        renderers.append(CopySynthesis(model, channels, voice(args)))
    else:
        refuse_voice(args)
        if model is not None:
            renderers.append(Renderer(model, channels))
    if args.ir is not None:
        made = renderers[-1].channels if renderers else channels
        renderers.append(Renderer(response(args.ir, sr, args.resample), made))
    return Chain(renderers, channels)


def rate_of(model: Module | Vocoder | None, args: argparse.Namespace, rate_of_file: int) -> int:
    """The sample rate to render at: the model's, that of --sr, or the file's."""
    own: int | None = getattr(model, "sr", None)
    if own is not None and args.sr not in (None, own):
        raise UsageError(f"--sr {args.sr}: the sample rate of {args.model} is {own}")
    if own is None and args.sr is None and model is not None:
        if args.resample:
            raise UsageError(f"--resample needs --sr: {args.model} does not give its sample rate")
        note(f"{args.model} does not give its sample rate; using {rate_of_file}, that of {args.source}")
    return own or args.sr or rate_of_file


def check_size(path: str, samples: float, subtype: str | None) -> None:
    bytes_per_sample = {"FLOAT": 4, "DOUBLE": 8, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4}.get(subtype or "", 1)
    if Path(path).suffix.lower() == ".wav" and samples * bytes_per_sample > LARGEST_WAV:
        raise ParameterError(f"{path}: too long for a WAV file; it must end in .w64, .rf64 or .flac")
