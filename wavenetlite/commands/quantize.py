"""wavenetlite quantize: a model with integers of 8 bits or weights of bf16, and what that costs and gains."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.commands.evaluate import read
from wavenetlite.commands.options import UsageError, above_zero, add_division, add_json, add_words, describe, positive
from wavenetlite.commands.output import note, progress, say, say_json
from wavenetlite.commands.places import check_file
from wavenetlite.commands.shared import add_data, evaluation_json, report_problems
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.evaluation.clips import Evaluation, evaluate
from wavenetlite.formats import load
from wavenetlite.nn import Module
from wavenetlite.nn.integer import ROUNDINGS
from wavenetlite.quantization.calibration import METHODS
from wavenetlite.quantization.emitters import IntegerLayers
from wavenetlite.quantization.errors import LayerError, layer_errors, output_error, weight_bytes
from wavenetlite.quantization.examples import Example, checked_examples
from wavenetlite.quantization.networks import DTYPES, WEIGHTS, conversion_of, quantization_aware, quantize
from wavenetlite.recipes.integers import fine_tune
from wavenetlite.storage import opening
from wavenetlite.storage.files import save
from wavenetlite.support.arrays import Floats
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.tables import table_lines
from wavenetlite.vocoder import Vocoder

RUNS = 5
NOTES = {"weights int8": "to 8-bit integers", "weights bf16": "to weights of bf16", "dtype bf16": "to bf16 throughout"}
MOST_TIMED = 20_000
"""Frames of a timed call."""

ABOUT = """\
Write a model that computes with integers of 8 bits, made from a trained one, and
print what that costs and gains: the error of every layer, size and speed of both, and
for a classifier the accuracy of both on the test clips of DATA. With --weights bf16
the weights alone are rounded, to half their size, and the model computes in float32;
with --dtype bf16 it rounds what every operation gives, too.

Ranges of the sequences are measured on some training clips of DATA; for a network without
features, DATA are .npy files of typical input, (frames, channels) in float32, or, with
conditioning, .npz files of x and c, a frame of c for every condition_period frames of x."""
EXAMPLES = """\
  wavenetlite quantize speech-commands-12 speech_commands --out small.safetensors
  wavenetlite quantize trained/classifier.safetensors recordings --method mse --out small.safetensors
  wavenetlite quantize network.safetensors frames.npy --keep output --out small.safetensors
  wavenetlite quantize vocoder.safetensors frames.npy --weights bf16 --out half.safetensors"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled model's name, or the file of a classifier or network")
    add_data(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="the file to write, .safetensors")
    parser.add_argument("--weights", choices=WEIGHTS, default="int8", help="bf16: round the weights, and nothing else")
    parser.add_argument("--dtype", choices=DTYPES, help="bf16: round the weights, and what every operation gives")
    parser.add_argument("--method", choices=METHODS, default="minmax", help="how the range of a sequence is found")
    parser.add_argument("--percentile", type=above_zero, default=99.99, metavar="P", help="of --method percentile")
    parser.add_argument("--rounding", choices=ROUNDINGS, default="single", help="how sums are rescaled")
    parser.add_argument(
        "--keep", action="append", default=[], metavar="LAYER", help="a layer that stays in float32; repeatable"
    )
    parser.add_argument(
        "--fine-tune", type=positive, metavar="EPOCHS", help="train the rounded network on the training clips first, "
        "so that it gives what MODEL gives")  # fmt: skip
    parser.add_argument("--clips", type=positive, default=300, metavar="N", help="training clips for the ranges")
    add_words(parser, "labels to use: the 12 of Speech Commands, all there are, or a list (default: the model's)", None)
    add_division(parser)
    parser.add_argument(
        "--clip-s", type=above_zero, metavar="S", help="length of a clip, seconds (default: as in the training, else 1)"
    )
    add_json(parser, "one object: layers, bytes and microseconds per frame of both, accuracy of both")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    refuse_idle_options(args)
    check_file(args.out, [opening.found(args.model), *args.data], "--out")
    model = load(args.model)
    if isinstance(model, Vocoder):
        raise ParameterError(f"{args.model}: a vocoder; wl.quantize takes its network, vocoder.model, in Python")
    return quantize_classifier(model, args) if isinstance(model, AudioClassifier) else quantize_network(model, args)


def refuse_idle_options(args: argparse.Namespace) -> None:
    """Raise for options that --weights bf16 and --dtype bf16 would ignore."""
    given = {"--method": args.method != "minmax", "--percentile": args.percentile != 99.99, "--keep": args.keep,
             "--rounding": args.rounding != "single", "--fine-tune": args.fine_tune is not None}  # fmt: skip
    idle = [option for option, is_given in given.items() if is_given]
    if numbers(args) == "bf16" and idle:
        raise UsageError(f"{', '.join(idle)}: for --weights int8 only")
    if args.dtype and args.weights != "int8":
        raise UsageError(f"--weights {args.weights}: weights and all else are of --dtype {args.dtype}")


def numbers(args: argparse.Namespace) -> str:
    """What the model that is written has weights of."""
    return str(args.dtype or args.weights)


def quantize_network(model: Module, args: argparse.Namespace) -> int:
    if args.fine_tune is not None:
        raise UsageError("--fine-tune is for classifiers: a network of quantization_aware is trained in Python")
    read = pair_from if model.condition_channels_needed else frames_from
    examples = checked_examples([read(path) for path in args.data], model)
    small, errors = convert(model, examples, args)
    save(small, args.out)
    report(args, facts(args, model, small, errors, examples))
    return 0


def quantize_classifier(clf: AudioClassifier, args: argparse.Namespace) -> int:
    corpus = read(clf, args)
    report_problems(corpus)
    signals = [clf.features(clip) for clip in some_clips(corpus, args)]
    tuned = clf.model if args.fine_tune is None else fine_tuned(clf, signals, corpus.train, args)
    examples = list(map(Example, signals))
    network, errors = convert(tuned, examples, args)
    small = clf.with_model(network)
    how = NOTES[f"dtype {args.dtype}" if args.dtype else f"weights {args.weights}"]
    small.info["quantised"] = f"{how}; other notes of accuracy are of the network in float32"
    save(small, args.out)
    found = facts(args, clf.model, network, errors, examples)
    if len(corpus.test):
        both = [accuracy(one, corpus.test, corpus.labels) for one in (clf, small)]
        found["evaluation"] = {"float32": evaluation_json(both[0]), numbers(args): evaluation_json(both[1])}
    report(args, found)
    return 0


def fine_tuned(clf: AudioClassifier, signals: Sequence[Floats], clips: Clips, args: argparse.Namespace) -> Module:
    """A network that has been trained with the rounding of integers."""
    options = {"method": args.method, "percentile": args.percentile, "keep": args.keep}
    aware = quantization_aware(clf.model, list(signals), **options)
    fine_tune(aware, clf, clips, epochs=args.fine_tune, progress=sys.stderr.isatty())
    return aware


def frames_from(path: str) -> Floats:
    """The frames in a .npy file."""
    frames = contents(path)
    if not isinstance(frames, np.ndarray):
        raise ParameterError(f"{path}: must be a .npy file of frames, (frames, channels) in float32; labelled "
                             "recordings are for classifiers")  # fmt: skip
    if frames.dtype != np.float32 or frames.ndim != 2:
        raise ParameterError(f"{path}: must hold float32, (frames, channels)")
    return frames


def pair_from(path: str) -> tuple[Floats, Floats]:
    """The frames and the conditioning in a .npz file."""
    arrays = contents(path)
    if not isinstance(arrays, dict) or set(arrays) != {"x", "c"}:
        raise ParameterError(f"{path}: must be a .npz file of two arrays in float32, as the network has conditioning: "
                             "x, (frames, channels), and c, its conditioning")  # fmt: skip
    return arrays["x"], arrays["c"]


def contents(path: str) -> np.ndarray | dict[str, np.ndarray] | None:
    """The array in a .npy file, or those in a .npz file; None: it is neither."""
    try:
        with Path(path).open("rb") as file:
            found = np.load(file, allow_pickle=False)
            return found if isinstance(found, np.ndarray) else {name: found[name] for name in found}
    except FileNotFoundError:
        raise ParameterError(f"{path}: there is no such file") from None
    except Exception:  # of the many that a damaged file can cause in NumPy, zipfile and zlib
        return None


def some_clips(corpus: Corpus, args: argparse.Namespace) -> list[Floats]:
    """Some training clips, drawn at random but always the same."""
    clips = corpus.train if len(corpus.train) else corpus.valid
    if not len(clips):
        raise ParameterError(f"{', '.join(args.data)}: has no training clips, which the ranges are measured on")
    order = np.random.default_rng(0).permutation(len(clips))[: args.clips]
    return [clips.audio[index] for index in sorted(order)]


def convert(model: Module, examples: Sequence[Example], args: argparse.Namespace) -> tuple[Module, list[LayerError]]:
    """The smaller network, and its errors."""
    if numbers(args) == "bf16":
        small = quantize(model, dtype="bf16") if args.dtype else quantize(model, weights="bf16")
        return small, [output_error(model, small, examples)]
    kept = args.keep if args.fine_tune is None else ()
    conversion = conversion_of(model, examples, args.method, args.percentile, kept, IntegerLayers(args.rounding))
    return conversion.network, layer_errors(conversion, examples)


def accuracy(clf: AudioClassifier, clips: Clips, labels: Sequence[str]) -> Evaluation:
    with progress("classifying") as bar:
        return evaluate(clf, clips, labels, threads=cpus(), progress=bar)


def facts(
    args: argparse.Namespace, model: Module, small: Module, errors: list[LayerError], examples: Sequence[Example]
) -> dict[str, Any]:
    timed = together(examples, model.condition_period)
    both = {"float32": model, numbers(args): small}
    return {
        "layers": errors,
        "weight_bytes": {name: weight_bytes(one) for name, one in both.items()},
        "us_per_frame": {name: us_per_frame(one, timed) for name, one in both.items()},
    }


def together(examples: Sequence[Example], period: int) -> Example:
    """One long example, for the timed call."""
    whole = [Example(x[: len(x) // period * period], c if c is None else c[: len(x) // period]) for x, c in examples]
    most = MOST_TIMED // period + 1
    x = np.concatenate([one.x for one in whole])[: most * period]
    conditions = [one.c for one in whole if one.c is not None]
    return Example(x, np.concatenate(conditions)[:most] if conditions else None)


def us_per_frame(model: Module, timed: Example) -> float:
    """Microseconds per input frame of a whole signal, the fastest of some runs."""
    model(*timed)
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        model(*timed)
        times.append(perf_counter() - start)
    return 1e6 * min(times) / max(1, len(timed.x))


def report(args: argparse.Namespace, found: dict[str, Any]) -> None:
    if args.json:
        layers = [layer._asdict() | {"snr_db": finite(layer.snr_db)} for layer in found["layers"]]
        say_json({"model": args.model, "written": args.out, **found, "layers": layers})
        return
    say("\n".join(table_lines([("layer", "type", "numbers", "signal to error"), *map(row, found["layers"])], left=3)))
    say("")
    say("\n".join(table_lines([("", "float32", numbers(args)), *totals(found)])))
    note(f"{args.out}: written")


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def row(layer: LayerError) -> tuple[str, ...]:
    numbers = "int8" if layer.integer else "float32"
    return layer.name, layer.type, numbers, f"{layer.snr_db:.1f} dB" if math.isfinite(layer.snr_db) else "exact"


def totals(found: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = [
        ("weights", *(f"{size / 1000:.1f} kB" for size in found["weight_bytes"].values())),
        ("microseconds a frame", *(f"{time:.2f}" for time in found["us_per_frame"].values())),
    ]
    if "evaluation" in found:
        both = found["evaluation"].values()
        rows.append(("accuracy", *(f"{100 * one['accuracy']:.2f} %" for one in both)))
    return rows
