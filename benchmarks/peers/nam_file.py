"""Model A as Neural Amp Modeler's ``.nam`` file, which NAM Core, NeuralAudio and RTNeural's NAM programs read."""

import json
from pathlib import Path

from benchmarks.models import AMP_ARRAYS, AMP_DILATIONS, AMP_KERNEL_SIZE, Network

SR = 48000


def write(network: Network, path: Path) -> None:
    """Write the file: its list of weights has the order of the layers, the last number is a factor of the output."""
    layers = []
    width = 1
    for channels, head_channels in AMP_ARRAYS:
        layers.append({
            "input_size": width,
            "condition_size": 1,
            "channels": channels,
            "head_size": head_channels,
            "kernel_size": AMP_KERNEL_SIZE,
            "dilations": AMP_DILATIONS,
            "activation": "Tanh",
            "gated": False,
            "head_bias": len(layers) == len(AMP_ARRAYS) - 1,
        })  # fmt: skip
        width = channels
    weights = [float(value) for array in network.weights.values() for value in array.ravel()]
    model = {
        "version": "0.5.4",
        "architecture": "WaveNet",
        "config": {"layers": layers, "head": None, "head_scale": 1.0},
        "weights": [*weights, 1.0],
        "sample_rate": SR,
    }
    path.write_text(json.dumps(model))
