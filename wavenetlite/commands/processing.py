"""What audio is processed with: a model and an impulse response."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.commands.options import UsageError, named_values
from wavenetlite.formats import load
from wavenetlite.nn import ImpulseResponse, Module
from wavenetlite.nn.impulse_response import MOST_TAPS
from wavenetlite.support.errors import ModelFileError, ParameterError
from wavenetlite.vocoder import Vocoder


def add_processing(parser: argparse.ArgumentParser) -> None:
    """What audio is processed with."""
    parser.add_argument("--model", metavar="FILE", help="a model of any format that can be read")
    parser.add_argument(
        "--ir", metavar="FILE", help="an impulse response of one channel, with which the model's output is convolved"
    )


def model_of(args: argparse.Namespace) -> Module | Vocoder | None:
    """The model of --model, if it is given."""
    if args.model is None and args.ir is None:
        raise UsageError("needs --model FILE or --ir FILE, or both")
    if args.model is None:
        if args.load:
            raise UsageError("--load needs --model")
        return None
    return checked(args.model, load(args.model, **named_values("--load", args.load)))


def response(path: str, sr: int, resample: bool) -> Module:
    """The impulse response in a file; resampled, it keeps its gain, the sum of its taps."""
    own = audio.info(path).sr
    taps, _ = audio.read(path, sr=sr, resample=resample)
    if taps.ndim > 1 and taps.shape[1] > 1:
        raise ParameterError(f"{path}: has {taps.shape[1]} channels; an impulse response must have one")
    if not 0 < len(taps) <= MOST_TAPS:
        raise ParameterError(f"{path}: has {len(taps)} samples; an impulse response must have 1 to {MOST_TAPS}")
    network = ImpulseResponse(len(taps))
    network.load_state_dict({"weight": taps.reshape(-1) * np.float32(own / sr)})
    return network


def checked(path: str, model: Any) -> Module | Vocoder:
    """The model, if it is a vocoder, or a network with one output frame per input frame and without conditioning."""
    if isinstance(model, Vocoder):
        return model
    if not isinstance(model, Module):
        raise ModelFileError(f"{path}: a {type(model).__name__}; it must be a network that makes audio")
    if model.in_width is None or model.condition_channels_needed:
        raise ModelFileError(f"{path}: needs conditioning, or has no fixed number of channels; it cannot be rendered")
    clock = model.graph().clock
    if clock.rate != 1 or clock.start:
        raise ModelFileError(f"{path}: does not give one frame per sample; it cannot be rendered")
    return model
