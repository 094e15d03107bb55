"""wavenetlite play: what comes in, through a network, live."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.commands.options import UsageError, above_zero, add_json, describe, device, positive
from wavenetlite.commands.output import note, say, say_json
from wavenetlite.commands.processing import add_processing, model_of, response
from wavenetlite.nn import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError, ParameterError
from wavenetlite.vocoder import Vocoder

LOOK_S = 0.2
"""Seconds between two looks at how it goes."""
RATE = 48_000
"""Hz, of a model whose file does not state its rate."""

ABOUT = """\
Play live: what the input hears goes block by block through a model that makes
audio, an impulse response, or both, to the output. Ctrl-C stops it. Blocks that
came too late are counted and reported.

Needs PortAudio and the package sounddevice: pip install
'wavenetlite[microphone]'; `python -m sounddevice` lists the devices. With
--jack, JACK and its package: pip install 'wavenetlite[jack]'."""
EXAMPLES = """\
  wavenetlite play --model amp.nam --ir cabinet.wav
  wavenetlite play --model amp.nam --block 64 --input 3 --output 5
  wavenetlite play --model amp.nam --jack --seconds 60 --json"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    add_processing(parser)
    parser.add_argument(
        "--sr",
        type=positive,
        metavar="HZ",
        help=f"sample rate, if the model's file does not state it (default: {RATE})",
    )
    parser.add_argument("--resample", action="store_true", help="resample the impulse response to that rate")
    parser.add_argument(
        "--load", action="append", default=[], metavar="NAME=VALUE", help="an option of the model's format; repeatable"
    )
    parser.add_argument("--block", type=positive, metavar="N", help="samples per block (default: 128; JACK: its own)")
    parser.add_argument("--input", type=device, metavar="N|NAME", help="input device (default: that of the system)")
    parser.add_argument("--output", type=device, metavar="N|NAME", help="output device (default: that of the system)")
    parser.add_argument("--jack", action="store_true", help="through JACK")
    parser.add_argument("--seconds", type=above_zero, metavar="S", help="stop after this time (default: at Ctrl-C)")
    add_json(parser, "one object at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.jack and not args.block == args.input == args.output:
        raise UsageError("--jack takes JACK's blocks and devices; leave out --block, --input and --output")
    model = model_of(args)
    if isinstance(model, Vocoder):
        raise ModelFileError(f"{args.model}: a vocoder; it cannot be played live, but `wavenetlite render` runs it")
    own = getattr(model, "sr", None)
    if own is not None and args.sr not in (None, own):
        raise UsageError(f"--sr {args.sr}: the sample rate of {args.model} is {own}")
    sr = own or args.sr or RATE
    player = Player(networks(model, args, sr))
    duplex: audio.Duplex
    if args.jack:
        duplex = audio.JackDuplex(player.process, sr=sr)
    else:
        duplex = audio.SoundDeviceDuplex(player.process, sr=sr, block_samples=args.block or 128,
                                         devices=(args.input, args.output))  # fmt: skip
    started = time.monotonic()
    with duplex:
        player.reserve(duplex.block_samples)
        try:
            block_ms = 1000 * duplex.block_samples / sr
            note(f"playing at {sr:,} Hz in blocks of {duplex.block_samples} ({block_ms:.1f} ms); Ctrl-C stops it")
            watch(duplex, None if args.seconds is None else started + args.seconds)
        except KeyboardInterrupt:  # the way to stop it
            pass
    if duplex.error is not None:
        raise duplex.error
    result = summary(duplex, player.latency)
    if args.json:
        say_json(result)
    else:
        say(text(result))
    return 0


def networks(model: Module | None, args: argparse.Namespace, sr: int) -> list[Module]:
    """The model and the impulse response, as far as they are given."""
    found = [] if model is None else [model]
    return found if args.ir is None else [*found, response(args.ir, sr, args.resample)]


def watch(duplex: audio.Duplex, end: float | None) -> None:
    """Wait until it fails or the time is over, and report blocks that came too late."""
    told = 0
    while duplex.error is None and (end is None or time.monotonic() < end):
        time.sleep(LOOK_S)
        late = duplex.underruns + duplex.overflows
        if late > told:
            note(f"{late - told} blocks came too late: the machine is too slow for this model or this block size")
            told = late


def summary(duplex: audio.Duplex, latency: int) -> dict[str, Any]:
    return {
        "seconds": duplex.samples / duplex.sr,
        "sr": duplex.sr,
        "block": duplex.block_samples,
        "latency_samples": latency,
        "underruns": duplex.underruns,
        "overflows": duplex.overflows,
        "slowest_block_ms": 1000 * duplex.slowest_s,
    }


def text(result: dict[str, Any]) -> str:
    block_ms = 1000 * result["block"] / result["sr"]
    late = result["underruns"] + result["overflows"]
    losses = f"{result['underruns']} underruns, {result['overflows']} overflows" if late else "no block came too late"
    return (
        f"{result['seconds']:.1f} s played: {losses}; the slowest block took {result['slowest_block_ms']:.2f} of its "
        f"{block_ms:.2f} ms"
    )


class Player:
    """Networks one after the other, on blocks of one channel, in memory that is reserved before.

    What a network with latency owes at first is silence.
    """

    def __init__(self, networks: list[Module]) -> None:
        for network in networks:
            channels = network.in_width, network.plan().out_channels
            if channels != (1, 1):
                raise ParameterError(
                    f"the model has {channels[0]} channels in and {channels[1]} out; "
                    "to be played it must have one of each"
                )
        self.streams = [network.stream(on_nonfinite="zero") for network in networks]
        self.latency = sum(network.latency for network in networks)
        self.buffers: list[Floats] = []
        self.reserve(128)

    def reserve(self, block: int) -> None:
        """Memory for blocks of so many samples; longer ones are taken in pieces."""
        if not self.buffers or block > len(self.buffers[0]):
            self.buffers = [np.zeros((block, 1), np.float32) for _ in range(len(self.streams) + 1)]

    def process(self, given: Floats, made: Floats) -> None:
        """One block: the first channel of `given` is read, all channels of `made` are set."""
        buffers = self.buffers
        most = len(buffers[0])
        for first in range(0, len(given), most):
            self.piece(buffers, given[first : first + most], made[first : first + most])

    def piece(self, buffers: list[Floats], given: Floats, made: Floats) -> None:
        x = buffers[0][: len(given)]
        np.copyto(x, given[:, :1])
        for stream, buffer in zip(self.streams, buffers[1:], strict=True):
            y = buffer[: stream.output_frames(len(x))]
            stream.process(x, out=y)
            x = y
        owed = len(given) - len(x)
        made[:owed] = 0.0
        np.copyto(made[owed:], x)
