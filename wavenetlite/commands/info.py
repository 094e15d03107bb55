"""wavenetlite info: describe a model."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from wavenetlite import formats
from wavenetlite.commands.options import add_json, describe
from wavenetlite.commands.output import say, say_json, table
from wavenetlite.commands.pictures import png_or_svg
from wavenetlite.figures import plot_tree
from wavenetlite.nn import Module
from wavenetlite.nn.module import ANY_CHANNELS
from wavenetlite.nn.summary import parameter_text
from wavenetlite.receptive_field import analyse
from wavenetlite.recipes.alone import HEARD, hears_alone
from wavenetlite.storage import files, opening
from wavenetlite.support.atomic_files import check_target
from wavenetlite.support.errors import ParameterError
from wavenetlite.vocoder import Vocoder

NOTHING: tuple[Any, ...] = (None, {}, [])
LONG_NOTE = 200
"""Longest note that is shown, characters."""

ABOUT = """\
Describe a model: labels, features, network, receptive field, latency, and the
notes of its makers: recipe, data, measured accuracy, attribution. --plot draws
the inputs that an output depends on: the tree of its taps."""
EXAMPLES = """\
  wavenetlite info speech-commands-12
  wavenetlite info trained/classifier.safetensors --layers
  wavenetlite info speech-commands-12 --plot tree.png
  wavenetlite info speech-commands-12 --json | jq .labels"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled model's name, or the file of a classifier or network")
    parser.add_argument("--layers", action="store_true", help="also list the layers of the network")
    parser.add_argument("--plot", type=png_or_svg, metavar="FILE", help="draw the tree of taps: a .png or .svg file")
    add_json(parser, "one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.plot:
        check_target(args.plot, [opening.found(args.model)], "--plot")
    loaded, format = formats.load(args.model), formats.recognise(args.model)
    network = loaded if isinstance(loaded, Module) else loaded.model
    about = {"model": args.model, **facts(loaded)}
    if format == "wavenetlite":
        about["written_by"] = f"wavenetlite {files.info(args.model).wavenetlite_version}"
    else:
        about["format"] = format
    if args.layers:
        about["layers"] = network.summary()
    if args.plot:
        plot_tree(network, args.plot)
        about["plot"] = args.plot
    if args.json:
        say_json(about)
    else:
        say(text(about))
    return 0


def facts(loaded: Any) -> dict[str, Any]:
    if isinstance(loaded, Module):
        return network_facts(loaded)
    return vocoder_facts(loaded) if isinstance(loaded, Vocoder) else classifier_facts(loaded)


def vocoder_facts(vocoder: Vocoder) -> dict[str, Any]:
    return {
        "type": "Vocoder",
        "sr": vocoder.sr,
        "features": repr(vocoder.features),
        "network": network_facts(vocoder.model),
        "latency_s": vocoder.latency / vocoder.sr,
        "options": vocoder.options,
        "info": vocoder.info,
    }


def classifier_facts(clf: Any) -> dict[str, Any]:
    network = clf.model
    frames = network.receptive_field
    samples = math.inf if math.isinf(frames) else clf.features.frame_length + (frames - 1) * clf.features.hop_length
    return {
        "type": "AudioClassifier",
        "labels": clf.labels,
        "background": list(clf.background),
        "alone": hears_alone(network),
        "sr": clf.sr,
        "features": repr(clf.features),
        "network": network_facts(network),
        "receptive_field_s": bounded(samples / clf.sr),
        "latency_s": clf.latency_s,
        "frame_rate": clf.frame_rate,
        "least_samples": clf.least_samples,
        "decision": clf.decision,
        "outputs": clf.outputs,
        **({"priors": clf.priors} if clf.priors else {}),
        "clip_s": clf.clip_s,
        "detector": clf.detector.config(),
        "info": clf.info,
    }


def network_facts(network: Module) -> dict[str, Any]:
    sample_rate: int | None = getattr(network, "sr", None)
    return {
        "type": type(network).__name__,
        "in_channels": network.in_width,
        "out_channels": network.plan(network.in_width or ANY_CHANNELS).out_channels if network.in_width else None,
        "condition_channels": network.condition_channels_needed,
        **({} if sample_rate is None else {"sr": sample_rate}),
        "parameters": network.parameter_count,
        "bf16_parameters": network.bf16_count,
        "multiply_adds_per_frame": network.macs_per_frame,
        "receptive_field_frames": bounded(network.receptive_field),
        "latency_frames": network.latency,
        **sight(network),
    }


def sight(network: Module) -> dict[str, Any]:
    """Coverage of the receptive field; None if it is too large to be counted."""
    try:
        analysis = analyse(network)
    except ParameterError:
        return {"coverage": None}
    coverage = analysis.coverage
    return {
        "frames_per_output": float(analysis.stride[0]),
        "coverage": {
            "text": str(coverage),
            "inputs": coverage.size,
            "seen": coverage.seen,
            "holes": coverage.holes,
            "endless": coverage.endless,
        },
        "gridding": {"found": bool(analysis.gridding), "text": str(analysis.gridding)},
        "hybrid_rule": {"kept": bool(analysis.hybrid_rule), "text": str(analysis.hybrid_rule)},
    }


def bounded(value: float) -> float | None:
    """None for infinity, which JSON cannot represent: a pool over all frames so far."""
    return None if math.isinf(value) else value


def text(about: dict[str, Any]) -> str:
    """The description as text."""
    of_classifier, of_vocoder = about["type"] == "AudioClassifier", about["type"] == "Vocoder"
    network = about.get("network", about)
    kinds = {"AudioClassifier": "a classifier", "Vocoder": "a vocoder"}
    rows = [("model", f"{about['model']}, {kinds.get(about['type'], 'a network without features and labels')}")]
    if of_vocoder:
        rows += [("audio", f"{about['sr']:,} Hz, one channel"), ("features", about["features"])]
    if of_classifier:
        rows += [
            ("labels", f"{len(about['labels'])}: {', '.join(about['labels'])}"),
            ("no events of", ", ".join(about["background"]) or "none"),
            *([("hears", f"{HEARD}; within speech or close to one another hardly any")] if about["alone"] else []),
            ("audio", f"{about['sr']:,} Hz, one channel, at least {about['least_samples']:,} samples"),
            ("features", about["features"]),
        ]
    rows += [
        (
            "network",
            f"{network['type']}, {network['in_channels'] or 'any'} -> {network['out_channels'] or 'as many'} channels",
        ),
        *([("sample rate", f"{network['sr']:,} Hz")] if "sr" in network else []),
        ("parameters", parameter_text(network["parameters"], network["bf16_parameters"])),
        ("multiply-adds", f"{network['multiply_adds_per_frame']:,.10g} per frame"),
    ]
    reach, latency = network["receptive_field_frames"], f"{network['latency_frames']:,} frames"
    reach = "everything so far" if reach is None else f"{reach:,} frames"
    if of_classifier:
        seconds = about["receptive_field_s"]
        reach += "" if seconds is None else f", {seconds:.3f} s of audio"
        latency = f"{1000 * about['latency_s']:.1f} ms, and one decision every {1000 / about['frame_rate']:.2f} ms"
    rows.append(("receptive field", reach))
    if network["coverage"] is not None:
        rows += [("coverage", network["coverage"]["text"]), ("gridding", network["gridding"]["text"])]
    if of_vocoder:
        latency = f"{1000 * about['latency_s']:.1f} ms behind the frames"
    rows.append(("latency", latency))
    if of_classifier:
        rows += [
            ("decision", about["decision"]),
            ("outputs", about["outputs"]),
            *([("priors", compact(about["priors"]))] if "priors" in about else []),
            ("detector", compact(about["detector"])),
        ]
    if of_vocoder:
        rows += [(name, f"{value:g}") for name, value in about["options"].items()]
    rows += [(name, note_text(value)) for name, value in about.get("info", {}).items()]
    rows += [(title, about[key]) for key, title in (("written_by", "written by"), ("format", "format")) if key in about]
    return table(rows) + (f"\n\n{about['layers']}" if "layers" in about else "")


def note_text(value: Any) -> str:
    """A note on one line; of a long one, such as a recipe, only its name."""
    whole = compact(value)
    if len(whole) > LONG_NOTE and isinstance(value, dict) and isinstance(value.get("name"), str):
        return f"{value['name']} (--json shows all of it)"
    return " ".join(whole.split())


def compact(value: Any, inner: bool = False) -> str:
    """JSON data as text: ``valid (accuracy 0.95, clips 480), test (accuracy 0.97, clips 480)``."""
    if isinstance(value, dict):
        text = ", ".join(f"{name} {compact(item, True)}" for name, item in value.items() if item not in NOTHING)
    elif isinstance(value, list):
        text = ", ".join(compact(item, True) for item in value)
    else:
        return value if isinstance(value, str) else json.dumps(value)
    return f"({text})" if inner else text
