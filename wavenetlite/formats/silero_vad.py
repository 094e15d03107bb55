"""silero-vad's ONNX files (versions 5 and 6): a voice activity detector as an `AudioClassifier` that streams.

A call of its graph takes 32 ms of samples and the state of an LSTM. Within the call, spectra of the samples pass
through padded convolutions, so a call is one frame of a network of ours, with its spectra as bins. Which weights and
options these have is found by running a call; afterwards the network that is made of them must give what calls give.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.detection.detector import Detector
from wavenetlite.features.block_spectrogram import BlockSpectrogram
from wavenetlite.formats.layers import with_weights
from wavenetlite.formats.onnx_call import Step, call
from wavenetlite.formats.onnx_file import OnnxGraph
from wavenetlite.formats.recurrent import ONNX_GATES, Cell, layer_of
from wavenetlite.nn import LSTM, Activation, Conv2d, Linear, Module, Sequential
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ModelFileError, ParameterError

BLOCK, CONTEXT = {16000: 512, 8000: 256}, {16000: 64, 8000: 32}
"""Samples of a call, and of the one before that it also takes."""
HIDDEN = 128
ENCODER = ((3, [1, 1], 1), (3, [1, 1], 2), (3, [1, 1], 2), (3, [1, 1], 1))
"""Kernel size, padding and stride of the convolutions over the spectra of a call."""
SPEECH, NOISE = "speech", "_noise_"
DETECTOR = Detector(0.5, 0.35, smoothing_ms=0.0, min_duration_ms=0.0, refractory_ms=0.0)
"""silero-vad's own: speech begins at 0.5 and ends below 0.35."""
MARK = 0.25
"""The states in the call that shows the weights: a product of them is told by it."""
MOST_ERROR = 1e-4
CALLS = 8
"""How many calls of its graph the network is compared with."""


def is_one(graph: OnnxGraph) -> bool:
    """Whether a graph has the inputs of silero-vad's: samples, the states of an LSTM, and maybe the sample rate."""
    names = set(graph.inputs)
    return len(graph.outputs) in (2, 3) and names - {"sr"} in ({"input", "state"}, {"input", "h", "c"})


def classifier(graph: OnnxGraph, sr: int | None = None) -> AudioClassifier:
    """The classifier: "speech" and "_noise_", a frame every 32 ms.

    Parameters
    ----------
    graph
        As `onnx_file.read` gives it.
    sr
        Which of the networks of the file; None: 16000.

    Raises
    ------
    ModelFileError
        It is not silero-vad's: a part differs, or it gives other values than the network of these parts.
    """
    rate = 16000 if sr is None else positive_int("sr", sr)
    if rate not in BLOCK:
        raise ParameterError(f"sr={sr} must be 16000 or 8000")
    if "sr" not in graph.inputs and rate != 16000:
        raise ModelFileError(f"sr={sr}: the file holds the network for 16000 Hz only")
    window = np.zeros(CONTEXT[rate] + BLOCK[rate], np.float32)
    try:
        steps = call(graph, inputs_of(graph, window, None, rate, MARK)).steps
    except ModelFileError as error:
        raise ModelFileError(f"its inputs are those of silero-vad; {error}") from None
    features = BlockSpectrogram(sr=rate, n_fft=BLOCK[rate] // 2, block=BLOCK[rate], context=CONTEXT[rate])
    made = AudioClassifier(features, network(steps, features), [SPEECH, NOISE], background=[NOISE],
                           detector=DETECTOR, info={"from": "silero-vad"})  # fmt: skip
    check(graph, made)
    return made


def inputs_of(graph: OnnxGraph, window: Floats, state: Any, rate: int, first: float = 0.0) -> dict[str, Any]:
    """What a call takes; `state` is what the call before gave, None: all values are `first`."""
    states = [name for name in graph.inputs if name not in ("input", "sr")]
    if state is None:
        shape = (2, 1, HIDDEN) if states == ["state"] else (1, 1, HIDDEN)
        state = [np.full(shape, first, np.float32) for _ in states]
    made: dict[str, Any] = {"input": window[np.newaxis], **dict(zip(states, state, strict=True))}
    if "sr" in graph.inputs:
        made["sr"] = np.array(rate, np.int64)
    return made


def network(steps: list[Step], features: BlockSpectrogram) -> Module:
    """The network of the weights that a call used: one logit, and zero for what is not speech."""
    kinds = [step.node.kind for step in steps]
    cells = (["LSTM"], ["Gemm", "Gemm"])
    if kinds[:5] != ["Conv"] * 5 or kinds[5:-1] not in cells or kinds[-1] != "Conv":
        raise ModelFileError(f"its inputs are those of silero-vad; a call must run five convolutions, an LSTM and one "
                             f"more, but runs {', '.join(kinds)}")  # fmt: skip
    check_spectra(steps[0], features)
    layers: list[Module] = []
    bins = features.spectra
    for step, (kernel, pads, stride) in zip(steps[1:5], ENCODER, strict=True):
        layer = encoder(step, bins, kernel, pads, stride)
        layers += [layer, Activation("relu")]
        bins = layer.bins_out
    last = weights_of(steps[-1])
    if bins != 1 or last[0].shape != (1, HIDDEN, 1):
        raise ModelFileError(
            f"{steps[-1].node.place}: has weights of shape {last[0].shape}; it must be (1, {HIDDEN}, 1)"
        )
    zero = np.zeros_like(last[0][:, :, 0])
    head = with_weights(Linear(HIDDEN, 2), weight=np.concatenate([last[0][:, :, 0], zero]),
                        bias=np.append(last[1], np.float32(0)))  # fmt: skip
    return Sequential([*layers, layer_of(LSTM, cell(steps[5:-1])), Activation("relu"), head])


def check_spectra(step: Step, features: BlockSpectrogram) -> None:
    """The first convolution must be a Fourier transform with a Hann window: real parts, then imaginary ones."""
    n = features.n_fft
    turns = 2 * np.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n
    wanted = features.window * np.concatenate([np.cos(turns), -np.sin(turns)])
    weight = np.asarray(step.inputs[1], np.float64)
    if weight.shape != (n + 2, 1, n) or np.abs(weight[:, 0] - wanted).max() > 1e-4:
        raise ModelFileError(f"{step.node.place}: must be a Fourier transform of {n} samples with a Hann window, as at "
                             f"sr={features.sr}")  # fmt: skip
    if step.node.attributes.get("strides") != [n // 2] or len(step.inputs) > 2:
        raise ModelFileError(f"{step.node.place}: must have strides=[{n // 2}] and no bias")


def encoder(step: Step, bins: int, kernel: int, pads: list[int], stride: int) -> Conv2d:
    weight, bias = weights_of(step)
    options = step.node.attributes
    if weight.shape[2:] != (kernel,) or options.get("pads") != pads or options.get("strides") != [stride]:
        raise ModelFileError(f"{step.node.place}: must have kernel_shape=[{kernel}], pads={pads}, strides=[{stride}]")
    layer = Conv2d(weight.shape[1], weight.shape[0], (1, kernel), bins=bins, stride=(1, stride))
    return with_weights(layer, weight=weight[:, :, np.newaxis], bias=bias)


def weights_of(step: Step) -> tuple[Floats, Floats]:
    weight, *bias = (np.asarray(one, np.float32) for one in step.inputs[1:3])
    return weight, bias[0] if bias else np.zeros(len(weight), np.float32)


def cell(steps: list[Step]) -> Cell:
    """The weights of the LSTM: a node, or the two products of a cell that is written out in PyTorch's order."""
    if steps[0].node.kind == "LSTM":
        weight, recurrent, bias = (np.asarray(one, np.float32)[0] for one in steps[0].inputs[1:4])
        return Cell(weight, recurrent, *np.split(bias, 2)).reordered(ONNX_GATES[LSTM])
    of_input, of_state = sorted(steps, key=lambda step: bool((np.asarray(step.inputs[0]) == MARK).all()))
    (weight, bias_ih), (recurrent, bias_hh) = weights_of(of_input), weights_of(of_state)
    return Cell(weight, recurrent, bias_ih, bias_hh)


def check(graph: OnnxGraph, made: AudioClassifier) -> None:
    """Refuse a graph whose calls do not give what the classifier gives."""
    sr, block = made.sr, BLOCK[made.sr]
    rng = np.random.default_rng(0)
    y = rng.standard_normal(CALLS * block).astype(np.float32) * np.float32(0.1)
    y[: CALLS // 2 * block] += (0.3 * np.sin(2 * np.pi * 150 / sr * np.arange(CALLS // 2 * block))).astype(np.float32)
    padded, state, given = np.concatenate([np.zeros(CONTEXT[sr], np.float32), y]), None, []
    for first in range(0, len(y), block):
        output, *state = call(
            graph, inputs_of(graph, padded[first : first + block + CONTEXT[sr]], state, sr)
        ).outputs.values()
        given.append(float(np.asarray(output).reshape(-1)[0]))
    stream = made.stream()
    stream.process(y)
    error = float(np.abs(stream.probabilities[:, 0] - given).max())
    if not error <= MOST_ERROR:
        raise ModelFileError("its weights are laid out like silero-vad's, but its graph gives other values than the "
                             f"network of these weights: {error:.2g} apart (most: {MOST_ERROR:g})")  # fmt: skip
