"""What training is held against: a network in training mode by its float64 definition, derivatives by differences.

In training mode a `BatchNorm` takes the moments of the whole batch and a `Dropout` multiplies by a mask. Definitions in
reference.py go clip by clip, so moments are found one layer after the other: a clip stops at the first `BatchNorm`
whose moments are not known, until all clips have come there.
"""

import math
import zlib
from contextlib import contextmanager

import numpy as np
import reference
from catalogue import CATALOGUE, Case

import wavenetlite as wl
from wavenetlite.nodes.dropout import DropoutBatchStep
from wavenetlite.train import Parameters, Tape


class WaitingError(Exception):
    """A clip has come to a BatchNorm whose moments are not known."""


def mask_values(shape):
    """Numbers in [0, 1) that depend on clip, frame and channel only: a mask that two computations can agree on."""
    grid = np.meshgrid(*map(np.arange, shape), indexing="ij", sparse=True)
    mixed = sum((axis + 1) * step for axis, step in zip(grid, (0.7548776662, 0.5698402910, 0.3819660113), strict=True))
    return np.asarray(np.modf(mixed * 7.1327)[0], np.float32)


class SameMask:
    """In place of a random generator: `mask_values`."""

    def random(self, shape, dtype):
        return mask_values(shape)


def fix_dropout(tape):
    for step in tape.steps:
        if isinstance(step, DropoutBatchStep):
            step.rng = SameMask()


@contextmanager
def definitions(**functions):
    """Other definitions of some modules for a while."""
    before = dict(reference.DEFINITIONS)
    reference.DEFINITIONS.update(functions)
    try:
        yield
    finally:
        reference.DEFINITIONS.update(before)


def evaluate(model, state, x, c=None):
    """(output, moments) of a batch (clips, frames, channels) with the weights `state`, in training mode, in float64."""
    moments, met = [], {}

    def norm(layer, weights, signal, _):
        number = met["norms"]
        met["norms"] += 1
        met["values"] = signal.values
        if number == len(moments):
            raise WaitingError
        mean, variance = (np.concatenate([one] * layer.bins) for one in moments[number][:2])
        weight, bias = (np.concatenate([weights[name]] * layer.bins) for name in ("weight", "bias"))
        met["layer"] = layer
        return signal.map(lambda v: reference.batch_norm(v, weight, bias, mean, variance, layer.eps))

    def dropout(layer, weights, signal, _):
        if layer.p == 0:
            return signal
        frames, channels = signal.values.shape
        shape = (len(x), 1 if layer.whole_channels else frames, channels)
        kept = mask_values(shape)[met["clip"]] >= layer.p
        return signal.map(lambda v: v * kept / (1 - layer.p))

    def one(clip):
        met.update(clip=clip, norms=0)
        frames = reference.Frames(np.asarray(x[clip], np.float64))
        condition = None if c is None else reference.Frames(np.asarray(c[clip], np.float64), 0, model.condition_period)
        return reference.run_network(model, reference.Weights(state), frames, condition).values

    with definitions(BatchNorm=norm, Dropout=dropout):
        while True:
            outputs, waiting = [], []
            for clip in range(len(x)):
                try:
                    outputs.append(one(clip))
                except WaitingError:
                    waiting.append(met["values"])
            if not waiting:
                return np.stack(outputs), moments
            moments.append(moments_of(waiting, norms_of(model)[len(moments)].bins))


def norms_of(model):
    """The BatchNorm layers in the order in which they run; `modules` names a shared one once."""
    found = []

    def note(layer, weights, signal, _):
        found.append(layer)
        return signal

    channels = model.in_channels
    conditions = [c for c in (getattr(part, "condition_channels", 0) for _, part in model.modules()) if c]
    frames = reference.Frames(np.zeros((40, channels)))
    condition = reference.Frames(np.zeros((40, max(conditions)))) if conditions else None
    with definitions(BatchNorm=note):
        reference.run(model, reference.Weights(model.state_dict()), frames, condition)
    return found


def moments_of(values, bins):
    """Mean, biased variance and unbiased variance of each map over clips, frames and bins."""
    rows = np.concatenate([value.reshape(len(value) * bins, -1) for value in values])
    return rows.mean(axis=0), rows.var(axis=0), rows.var(axis=0, ddof=1) if len(rows) > 1 else rows.var(axis=0)


def state_at(parameters, values):
    """A state_dict, float64, for trained values (a vector in the layout of `Parameters`)."""
    return {
        name: values[start - 1 : start - 1 + math.prod(shape)].reshape(shape)
        for name, (start, shape) in parameters.places.items()
    } | {name: value.astype(np.float64) for name, value in parameters.statistics.items()}


class Check:
    """A network, a batch, and the loss ``sum(output * weight)``: its gradient from a tape and from the definition."""

    def __init__(self, model, clips, frames, condition_channels=0, seed=0):
        rng = np.random.default_rng([seed, 3])
        self.model = model
        self.x = rng.standard_normal((clips, frames, model.in_channels)).astype(np.float32)
        self.c = None
        if condition_channels:
            count = math.ceil(frames / model.condition_period)
            self.c = rng.standard_normal((clips, count, condition_channels)).astype(np.float32)
        self.parameters = Parameters(model)
        self.trained = self.parameters.values[1 : 1 + self.parameters.trained].astype(np.float64)
        self.tape = Tape(self.parameters, clips, frames)
        fix_dropout(self.tape)
        self.y = self.tape.forward(self.x, self.c)
        self.weight = rng.standard_normal(self.y.shape).astype(np.float32)
        self.gradient = self.tape.backward(self.weight).astype(np.float64)
        self.rng = rng

    def loss(self, values):
        y, _ = evaluate(self.model, state_at(self.parameters, values), self.x, self.c)
        return float((y * self.weight).sum())

    def slope(self, direction, step=1e-8):
        """The derivative of the loss in a direction; a step so small meets hardly any kink of a ReLU."""
        return (self.loss(self.trained + step * direction) - self.loss(self.trained - step * direction)) / (2 * step)

    def output(self, tolerance=2e-6):
        expected, _ = evaluate(self.model, state_at(self.parameters, self.trained), self.x, self.c)
        assert self.y.shape == expected.shape
        assert np.abs(self.y - expected).max() <= tolerance * max(1.0, np.abs(expected).max())

    def directions(self, count=2, tolerance=1e-4):
        """The gradient in random directions."""
        assert np.isfinite(self.gradient).all()
        for _ in range(count if self.parameters.trained else 0):
            direction = self.rng.standard_normal(len(self.trained))
            scale = max(1.0, float(np.linalg.norm(self.gradient)))
            slopes = np.array([self.slope(direction, step) for step in (1e-8, 1e-6)])
            assert np.abs(slopes - self.gradient @ direction).min() <= tolerance * scale

    def each(self, tolerance=1e-4):
        """The gradient of every parameter by itself."""
        slopes = np.array([self.slope(row) for row in np.eye(len(self.trained))])
        assert np.abs(slopes - self.gradient).max() <= tolerance * max(1.0, np.abs(slopes).max())


def trainable(name):
    """A case of the catalogue that knows its channels, behind a convolution: gradients of inputs are seen there."""
    case = CATALOGUE[name]
    model = wl.Sequential([wl.nn.Conv1d(case.in_channels, case.in_channels, 1), case.build()])
    return Case(lambda: model, case.in_channels, case.condition_channels)


def seed_of(name):
    return zlib.crc32(name.encode())
