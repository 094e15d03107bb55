"""Small wake words as their projects lay them out, with random weights."""

import json

import numpy as np

import wavenetlite as wl
from wavenetlite import nn

WORD = {"wake_word": "Hello there", "probability_cutoff": 0.6}


def micro_network(seed=0, stride=3):
    """A network as microWakeWord's: a stride, depthwise and pointwise layers, one probability of 8 bits."""
    rng, s = np.random.default_rng(seed), {"output_scale": 0.1, "rounding": "double"}
    layers = [
        nn.IntegerConv1d(
            40, 8, 5, stride=stride, padding=(5 - stride, 0), low=0, input_scale=26 / 255, input_zero_point=-128, **s
        ),
        nn.IntegerConv1d(8, 8, 3, groups=8, input_scale=0.1, **s),
        nn.IntegerConv1d(8, 1, 1, input_scale=0.1, **s),
    ]
    for layer in layers:
        shapes = layer.parameter_shapes()
        layer.load_state_dict({
            "weight": rng.integers(-127, 128, shapes["weight"]).astype(np.int8),
            "weight_scale": np.full(shapes["weight_scale"], 0.004, np.float32),
            "bias": np.zeros(shapes["bias"], np.int32),
        })  # fmt: skip
    sigmoid = nn.IntegerLookup(1, "sigmoid", input_scale=0.1, output_scale=1 / 256, output_zero_point=-128)
    quantise = nn.Quantize(40, 26 / 255, -128, rounding="double")
    return wl.Sequential([quantise, *layers, sigmoid, nn.Dequantize(1, 1 / 256, -128)])


def micro_word(folder, name="hello", seed=0, change=None, **options):
    """A manifest and its TFLite file; returns the manifest's path."""
    path = folder / f"{name}.tflite"
    wl.formats.save_wake_word(micro_network(seed), path, **WORD | options)
    manifest = path.with_suffix(".json")
    if change is not None:
        about = json.loads(manifest.read_text())
        change(about)
        manifest.write_text(json.dumps(about))
    return manifest
