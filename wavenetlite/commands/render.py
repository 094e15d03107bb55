"""wavenetlite render: process audio with a network that makes audio, such as a model of a guitar amplifier, and with an
impulse response."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.commands.options import UsageError, add_json, add_reading, describe, named_values, positive
from wavenetlite.commands.output import note, progress, say, say_json
from wavenetlite.commands.places import check_file
from wavenetlite.formats import load
from wavenetlite.nn import ImpulseResponse, Module
from wavenetlite.nn.impulse_response import MOST_TAPS
from wavenetlite.storage import opening
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError, ParameterError

LARGEST_WAV = 2**32 - 2**16
"""Most bytes of samples: the header of a WAV file counts up to 4 GiB."""
LOSSLESS = {".wav": "FLOAT", ".w64": "FLOAT", ".rf64": "FLOAT", ".aiff": "FLOAT", ".flac": "PCM_24"}
"""Default --subtype by the ending of the file."""

ABOUT = """\
Process audio with a network that makes audio: a Neural Amp Modeler file, or any
other model of one channel in and out; and with an impulse response, as of a
cabinet, after it or alone.

The file is streamed, so any length fits into memory; the result has the bits of
the whole file fed at once, whatever --block. OUT is written completely or not
at all. A network of one channel renders each channel of a file separately:
stereo stays stereo, unless --mono is given."""
EXAMPLES = """\
  wavenetlite render dry.wav amped.wav --model amp.nam
  wavenetlite render dry.wav played.wav --model amp.nam --ir cabinet.wav
  wavenetlite render dry.flac amped.flac --model amp.nam --resample --mono mean
  wavenetlite render dry.wav small.wav --model amp.nam --load slim=0.3 --json"""


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
    add_json(parser, "one object")
    parser.set_defaults(run=run, interrupted="interrupted; nothing has been written")


def add_processing(parser: argparse.ArgumentParser) -> None:
    """What audio is processed with."""
    parser.add_argument("--model", metavar="FILE", help="a model of any format that can be read")
    parser.add_argument(
        "--ir", metavar="FILE", help="an impulse response of one channel, with which the model's output is convolved"
    )


def run(args: argparse.Namespace) -> int:
    read = [one for one in (args.source, args.ir, args.model and opening.found(args.model)) if one]
    check_file(args.target, read, "OUT")
    about = audio.info(args.source)
    model = model_of(args)
    sr = rate_of(model, args, about.sr)
    channels = 1 if args.mono is not None else about.channels
    if model is not None and model.in_width not in (1, channels):
        raise ParameterError(
            f"{args.source}: has {channels} channels; it must have {model.in_width}, as the model requires"
        )
    renderer = Chain(networks(model, args, sr), channels)
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
    summary = {
        "in": args.source,
        "out": args.target,
        "model": args.model,
        "ir": args.ir,
        "sr": sr,
        "channels": renderer.channels,
        "samples": samples,
        "seconds": samples / sr,
        "peak": peak,
        "clipped": bool(args.clip and peak > 1),
        "elapsed_s": seconds,
    }
    if args.json:
        say_json(summary)
    else:
        say(text(summary))
    return 0


def text(summary: dict[str, Any]) -> str:
    faster = summary["seconds"] / max(summary["elapsed_s"], 1e-9)
    channels = "1 channel" if summary["channels"] == 1 else f"{summary['channels']} channels"
    return (
        f"{summary['out']}: {summary['seconds']:.2f} s, {summary['sr']:,} Hz, {channels}, peak {summary['peak']:.3f}"
        f"{', clipped' if summary['clipped'] else ''}; {faster:.0f} x real time"
    )


def model_of(args: argparse.Namespace) -> Module | None:
    """The model of --model, if it is given."""
    if args.model is None and args.ir is None:
        raise UsageError("needs --model FILE or --ir FILE, or both")
    if args.model is None:
        if args.load:
            raise UsageError("--load needs --model")
        return None
    return checked(args.model, load(args.model, **named_values("--load", args.load)))


def networks(model: Module | None, args: argparse.Namespace, sr: int) -> list[Module]:
    """The model and the impulse response, as far as they are given."""
    found = [] if model is None else [model]
    return found if args.ir is None else [*found, response(args.ir, sr, args.resample)]


def response(path: str, sr: int, resample: bool) -> Module:
    """The impulse response in a file."""
    taps, _ = audio.read(path, sr=sr, resample=resample)
    if taps.ndim > 1 and taps.shape[1] > 1:
        raise ParameterError(f"{path}: has {taps.shape[1]} channels; an impulse response must have one")
    if not 0 < len(taps) <= MOST_TAPS:
        raise ParameterError(f"{path}: has {len(taps)} samples; an impulse response must have 1 to {MOST_TAPS}")
    network = ImpulseResponse(len(taps))
    network.load_state_dict({"weight": np.ascontiguousarray(taps.reshape(-1), np.float32)})
    return network


def checked(path: str, model: Any) -> Module:
    """The model, if it is a network with one output frame per input frame and without conditioning."""
    if not isinstance(model, Module):
        raise ModelFileError(f"{path}: a {type(model).__name__}; it must be a network that makes audio")
    if model.in_width is None or model.condition_channels_needed:
        raise ModelFileError(f"{path}: needs conditioning, or has no fixed number of channels; it cannot be rendered")
    clock = model.graph().clock
    if clock.rate != 1 or clock.start:
        raise ModelFileError(f"{path}: does not give one frame per sample; it cannot be rendered")
    return model


def rate_of(model: Module | None, args: argparse.Namespace, rate_of_file: int) -> int:
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


class Renderer:
    """The streams of the channels: one for all, or one for each."""

    def __init__(self, model: Module, channels: int) -> None:
        together = model.in_width == channels
        self.streams = [model.stream() for _ in range(1 if together else channels)]
        self.width = channels // len(self.streams)
        self.channels = len(self.streams) * model.plan().out_channels
        if not together and model.plan().out_channels != 1:
            made = model.plan().out_channels
            raise ParameterError(f"the model gives {made} channels for one; IN must have one channel (--mono)")

    def process(self, block: Floats) -> Floats:
        """(samples,) or (samples, channels) -> (samples, channels out)."""
        rows = block if block.ndim > 1 else block[:, np.newaxis]
        parts = [np.ascontiguousarray(rows[:, i * self.width : (i + 1) * self.width]) for i in range(len(self.streams))]
        return np.concatenate([stream.process(x) for stream, x in zip(self.streams, parts, strict=True)], axis=1)

    def flush(self) -> Floats:
        """The remaining output of a network with latency."""
        return np.concatenate([stream.flush() for stream in self.streams], axis=1)


class Chain:
    """Networks one after the other."""

    def __init__(self, networks: list[Module], channels: int) -> None:
        self.channels = channels
        self.renderers = []
        for network in networks:
            self.renderers.append(Renderer(network, self.channels))
            self.channels = self.renderers[-1].channels

    def process(self, block: Floats) -> Floats:
        for renderer in self.renderers:
            block = renderer.process(block)
        return block

    def flush(self) -> Floats:
        """The remaining output of networks with latency."""
        rest = np.zeros((0, self.renderers[0].width * len(self.renderers[0].streams)), np.float32)
        for renderer in self.renderers:
            rest = np.concatenate([renderer.process(rest), renderer.flush()])
        return rest
