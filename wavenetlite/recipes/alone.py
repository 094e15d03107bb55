"""Commands stand alone: a network that is sure of a word only where it is quiet before the word and after it.

Nearly all false alarms of a detector of short words are syllables within running speech. So the logits are multiplied
by a gate, 1 where a sound of at most some 0.6 s has quiet on both sides, and falling to almost 0 where it has not. The
most probable label stays the same; its probability does not. The gate is made of ordinary layers over the features.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavenetlite.features import Features, LogMel, MeanVariance
from wavenetlite.nn import Activation, Conv1d, Graph, Module, Residual, Sequential
from wavenetlite.support.errors import ParameterError

AFTER_S, FLOOR_S = 0.32, 5.12
"""Quiet after a word, and the time of whose quietest part the level is the floor. Before a word, it is twice `AFTER_S`,
and so is the time in which the loudest of the word is looked for."""
BELOW_DB = 31.0
"""How far quiet is below the loudest of the word, in the mean of the bands' levels; the floor is quiet in any case."""
PER_DB = 0.035
"""Part of the gate that is closed by each dB above that; both were chosen on validation clips and talk."""
LEAST_GATE = 0.05
"""What is left of logits where a word does not stand alone: enough for the order of the labels."""
REFRACTORY_MS = 1000.0
"""Of a detector: when the loudest of a word is too old to be looked for, the gate closes, and may open again."""
HIGH_DB = 300.0
"""More than a level can be."""
WORDS, GATED = "words", "gated"
"""Names of the nodes of the trained network and of the output."""
LAYERS = {WORDS, "level", "newest", "longer", "loudest", "before", "floor", "gate"}
"""Names of the nodes that are layers: a network of integers keeps them at the head of its own names."""
HEARD = f"words that stand alone, with {2 * AFTER_S:.1f} s of quiet before and {AFTER_S:.1f} s after"
"""What such a network hears, for people."""


def standing_alone(model: Module, features: Features) -> Graph:
    """A classifier's network that is sure of a word only if it stands alone.

    Parameters
    ----------
    model
        The network, whose output channels are logits.
    features
        What it was trained on: `LogMel`, normalised by `MeanVariance`.

    Returns
    -------
    The network with a gate behind it, for the same features and labels.

    Raises
    ------
    ParameterError
        The level of a frame cannot be told from the features.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.recipes.alone import standing_alone
    >>> noise = np.random.default_rng(0).standard_normal(48000, np.float32)
    >>> word = np.concatenate([1e-4 * noise[:24000], 0.1 * noise[24000:32000], 1e-4 * noise[32000:]])
    >>> plain = wl.LogMel(sr=16000, hop_length=160)
    >>> spec = plain.then(wl.features.MeanVariance.fit([plain(word)]))
    >>> model = wl.TCN(spec.out_channels, 3, channels=4)
    >>> alone = standing_alone(model, spec)
    >>> change = np.abs(alone(spec(word)) / model(spec(word))).max(axis=1)
    >>> bool(change[-60] < 0.3), bool(change[-60:].max() > 0.99)
    (False, True)
    """
    output = model.graph(features.out_channels)
    period = int(output.clock.rate)
    frames_per_s = features.sr / features.hop_length / period
    after, floor = (max(1, round(np.log2(seconds * frames_per_s))) for seconds in (AFTER_S, FLOOR_S))
    return Graph(features.out_channels, [
        [WORDS, model, ["x"]],
        ["level", level(features, period), ["x"]],
        ["newest", Sequential(greatest(0, after)), ["level"]],
        ["longer", Sequential(greatest(after, after + 1)), ["newest"]],
        ["loudest", delay(2**after), ["longer"]],
        # The least of recent frames is the greatest of their negatives, where zeros before the signal are quiet; or of
        # what they lack of a high level, where these zeros do not count.
        ["before", Sequential([linear([[-1]]), *greatest(0, after + 1), delay(2**after), linear([[-1]])]), ["longer"]],
        ["floor", Sequential([linear([[-1]], HIGH_DB), *greatest(0, floor), linear([[-1]], HIGH_DB)]), ["newest"]],
        ["levels", "concat", ["newest", "before", "loudest", "floor"]],
        ["gate", gate(output.channels), ["levels"]],
        [GATED, "multiply", [WORDS, "gate"]],
    ])  # fmt: skip


def without_gate(model: Module) -> Module:
    """The trained network of what `standing_alone` returned; any other network itself."""
    if isinstance(model, Graph) and model.nodes[-1][0] == GATED and model.nodes[0][0] == WORDS:
        trained: Module = model.nodes[0][1]
        return trained
    return model


def hears_alone(model: Module) -> bool:
    """Whether a network is one of `standing_alone`, or what `quantize` made of one."""
    children = (module.children() for _, module in model.modules())
    return any({name.partition(".")[0] for name in names} >= LAYERS for names in children)


def level(features: Features, period: int) -> Sequential:
    """The mean of the bands' levels, in decibels above the least that the features know, once for `period` frames."""
    least_db, normalised = check_level(features)
    variance = np.ones(len(normalised.mean)) if normalised.variance is None else normalised.variance + normalised.eps
    weights = np.repeat(np.sqrt(variance)[:, np.newaxis] / (len(variance) * period), period, axis=1)
    bias = float(normalised.mean.mean(dtype=np.float64)) - least_db
    return Sequential([linear_over_time(weights, bias, stride=period), Activation("relu")])


def check_level(features: Features) -> tuple[float, MeanVariance]:
    """The least level that features know, decibels, and their last step; raises if they do not tell levels."""
    steps = features.steps
    if (
        not isinstance(features, LogMel)
        or not steps
        or not isinstance(steps[-1], MeanVariance)
        or len(steps[-1].mean) != features.n_mels
    ):
        raise ParameterError(
            f"features={features!r} must be LogMel(...) and end with MeanVariance of its bands, which tell how loud it"
            " is around a word; with others, use a recipe with alone=False (--in-talk)"
        )
    return 10 * float(np.log10(features.amin)), steps[-1]


def greatest(first: int, last: int) -> list[Module]:
    """The greatest of recent frames, for values from 0 on: of ``2**last``, if that of ``2**first`` is given.

    The larger of two values is one of them and what the other is above it.
    """
    return [
        Residual([linear_over_time([[1, -1]], dilation=2**power), Activation("relu")]) for power in range(first, last)
    ]


def delay(frames: int) -> Conv1d:
    return linear_over_time([[1, 0]], dilation=frames)


def gate(labels: int) -> Sequential:
    """For each label the gate, from the levels now and before the word, the loudest of the word and the floor."""
    return Sequential([
        linear([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, -1]], [0, 0, 0, -BELOW_DB]),
        Activation("relu"),  # what the word's level, less `BELOW_DB`, is above the floor
        linear([[1, 0, -1, -1], [0, 1, -1, -1]]),
        Activation("relu"),  # what is louder than quiet
        linear([[-PER_DB, -PER_DB]], 1 - LEAST_GATE),
        Activation("relu"),
        linear([[1]] * labels, LEAST_GATE),
    ])  # fmt: skip


def linear(weights: npt.ArrayLike, bias: npt.ArrayLike = 0.0) -> Conv1d:
    """A layer of given weights, (outputs, inputs)."""
    matrix = np.asarray(weights, np.float32)
    made = Conv1d(matrix.shape[1], len(matrix), 1)
    shifts = np.asarray(bias, np.float32) + np.zeros(len(matrix), np.float32)
    made.load_state_dict({"weight": matrix[:, :, np.newaxis], "bias": shifts})
    return made


def linear_over_time(weights: npt.ArrayLike, bias: float = 0.0, stride: int = 1, dilation: int = 1) -> Conv1d:
    """A layer with one output, of given weights (inputs, frames), the oldest first."""
    matrix = np.asarray(weights, np.float32)
    made = Conv1d(len(matrix), 1, matrix.shape[1], stride=stride, dilation=dilation)
    made.load_state_dict({"weight": matrix[np.newaxis], "bias": np.array([bias], np.float32)})
    return made
