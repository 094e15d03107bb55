"""Tape: a network prepared for batches of one shape, run forward and backward."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from wavenetlite.engine.lower import refuse_unsettled
from wavenetlite.engine.shared_gradients import shared_gradients
from wavenetlite.graph import Node, check_indices, index_counts, topological_order
from wavenetlite.graph.batch import BatchContext, BatchSequence, BatchStep, ParameterPositions
from wavenetlite.kernels.training import NoSubnormals
from wavenetlite.support.arrays import Doubles, Floats, is_array
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError
from wavenetlite.support.threads import check_stopped


class TrainedNetwork(ParameterPositions, Protocol):
    """A network's graph and its values in one vector; implemented by :class:`wavenetlite.train.Parameters`."""

    values: Floats
    trained: int

    @property
    def prewarmed(self) -> bool:
        """Whether signals start in the steady state of endless zeros."""

    def graph(self) -> Node:
        """The network's training graph."""


class Tape:
    """The steps of a network for batches of `clips` signals of `frames` frames, with the saved activations.

    A tape serves one thread at a time; tapes of the same `Parameters` can run in parallel.

    Parameters
    ----------
    parameters
        Parameters of the network.
    clips, frames
        Shape of a batch.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.train import Parameters, Tape
    >>> tape = Tape(Parameters(wl.nn.Linear(3, 2)), clips=4, frames=10)
    >>> y = tape.forward(np.ones((4, 10, 3), np.float32))
    >>> gradient = tape.backward(np.ones_like(y))           # of the sum of y
    >>> gradient.tolist()                                   # six weights and two biases
    [40.0, 40.0, 40.0, 40.0, 40.0, 40.0, 40.0, 40.0]
    """

    def __init__(self, parameters: TrainedNetwork, clips: int, frames: int) -> None:
        self.parameters = parameters
        self.clips, self.frames = positive_int("clips", clips), positive_int("frames", frames)
        self.has_run = False
        output = parameters.graph()
        order = topological_order(output)
        self.lead = lead_of(output, order) if parameters.prewarmed else 0
        self.sequences: dict[Node, BatchSequence] = {}
        for node in order:
            self.sequences[node] = BatchSequence(node.channels, self.frames_of(node))
        self.steps = make_steps(order, output, self.sequences, parameters)
        if parameters.prewarmed and any(step.takes_statistics for step in self.steps):
            raise ParameterError("a prewarmed network with batch normalisation cannot be trained: it averages zeros")
        self.index_counts = index_counts(output)
        self.inputs = {node.signal: self.sequences[node] for node in order if node.signal}
        self.output = self.sequences[output]
        self.dropped = self.lead // output.clock.rate
        if self.output.frames - self.dropped < 1:
            raise ParameterError(f"frames={self.frames} must be larger: the network gives no output for so few")
        for step in self.steps:
            step.out.wanted = True
            step.reach()
        for sequence in {*self.inputs.values(), *(step.out for step in self.steps)}:
            sequence.allocate(clips)
        for shared in shared_gradients(self.steps):
            BatchSequence.allocate_gradient(shared, clips)
        for step in self.steps:
            step.prepare()
        self.gradient: Floats = np.zeros(len(parameters.values), np.float32)

    def frames_of(self, node: Node) -> int:
        """Frames of a sequence after the end of its inputs."""
        if node.signal:
            return math.ceil(Fraction(self.frames + self.lead) / node.clock.rate)
        left = [self.sequences[edge.node].frames - edge.end_reach for edge in node.edges]
        return min(max(0, -(-one // edge.stride)) for one, edge in zip(left, node.edges, strict=True)) * node.phases

    @property
    def statistics(self) -> list[dict[str, Doubles]]:
        """Means and variances of the last batch by batch normalisation, under the names of the running statistics."""
        return [step.statistics for step in self.steps if step.statistics]

    def seed(self, *key: int) -> None:
        """Reseed dropout."""
        for step in self.steps:
            step.seed(*key, step.place)

    def forward(self, x: Floats, c: Floats | None = None) -> Floats:
        """The network's output for a batch, (clips, output frames, out_channels), with the current values.

        Parameters
        ----------
        x
            float32, (clips, frames, in_channels).
        c
            Conditioning, if the network has it: (clips, frames, condition_channels), with as many frames as the
            network takes for `x`; or (clips, condition_channels), the same for all frames.
        """
        if c is not None and "c" not in self.inputs:
            raise ParameterError("c must be None: the network has no conditioning")
        if c is None and "c" in self.inputs:
            channels = self.inputs["c"].channels
            raise ArrayTypeError(f"c is a NoneType; it must be float32: the network has {channels} condition_channels")
        for name, value in (("x", x), ("c", c)):
            if name in self.inputs:
                self.feed(name, value)
        self.has_run = True
        with NoSubnormals():
            for step in self.steps:
                check_stopped()
                step.pack(self.parameters.values)
                step.forward()
        return self.output.values[:, self.dropped :, : self.output.channels].copy()

    def feed(self, name: str, value: Floats | None) -> None:
        into = self.inputs[name]
        shape = (self.clips, into.frames - self.lead, into.channels)
        if name == "c" and is_array(value) and value.ndim == 2:
            value = checked(name, value, (self.clips, into.channels))[:, np.newaxis]
        else:
            value = checked(name, value, shape)
        into.values[:, self.lead :, : into.channels] = value
        if name in self.index_counts:
            check_indices(name, into.values[:, self.lead :, : into.channels], self.index_counts[name])

    def backward(self, gradient: Floats) -> Floats:
        """The gradient of the trained values, flat, given the gradient of the last `forward`'s output.

        The array belongs to the tape: the next `backward` overwrites it.
        """
        if not self.has_run:
            raise StreamStateError("backward called before forward")
        frames = self.output.frames - self.dropped
        gradient = checked("gradient", gradient, (self.clips, frames, self.output.channels))
        for sequence in self.sequences.values():
            sequence.has_gradient = False
        self.gradient[:] = 0.0
        self.output.first_gradient()
        self.output.gradient[:, : self.dropped] = 0.0
        self.output.gradient[:, self.dropped :, : self.output.channels] = gradient
        with NoSubnormals():
            for step in reversed(self.steps):
                check_stopped()
                if step.out.has_gradient:
                    step.backward(self.gradient)
        return self.gradient[1 : 1 + self.parameters.trained]


def lead_of(output: Node, order: list[Node]) -> int:
    """Frames of zeros that precede the signal of a prewarmed network, enough to fill its receptive field; their output
    is dropped."""
    refuse_unsettled(order)
    rate = int(output.clock.rate)  # a whole number without upsampling
    return -(int(output.clock.oldest) // rate) * rate


def checked(name: str, value: object, shape: tuple[int, ...]) -> Floats:
    """A float32 array of this shape."""
    if not is_array(value) or value.dtype != np.float32:
        raise ArrayTypeError(f"{name} is a {getattr(value, 'dtype', type(value).__name__)}; it must be float32")
    if value.shape != shape:
        raise ParameterError(f"{name} has shape {value.shape}; it must be {shape}")
    return value


def make_steps(order: list[Node], output: Node, sequences: dict[Node, BatchSequence],
               parameters: ParameterPositions) -> list[BatchStep[Any]]:  # fmt: skip
    """The steps in order. A ReLU, and then a sum, are fused into the step before, if it supports that and nothing else
    reads it."""
    readers: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for edge in node.edges:
            readers[edge.node].append(node)

    def after(node: Node) -> Node | None:
        return readers[node][0] if len(readers[node]) == 1 and node is not output else None

    steps: list[BatchStep[Any]] = []
    fused: set[Node] = set()
    postponed: dict[Node, BatchStep[Any]] = {}  # to the sum that a step has taken over: only then is the addend there
    places = itertools.count()
    for node in order:
        if node.signal or node in fused:
            continue
        place = next(places)
        if node in postponed:
            steps.append(postponed[node])
            continue
        inputs = [sequences[edge.node] for edge in node.edges]
        step = node.batch_step(BatchContext(sequences[node], inputs, parameters))
        step.place, last = place, node
        if (relu := after(node)) is not None and relu.is_relu and step.take_relu(sequences[relu]):
            fused.add(relu)
            last = relu
        total = after(last)
        if total is not None and total not in postponed and takes_sum(step, last, total, sequences):
            postponed[total] = step
        else:
            steps.append(step)
    return steps


def takes_sum(step: BatchStep[Any], last: Node, total: Node, sequences: dict[Node, BatchSequence]) -> bool:
    """Fuse `total`, if it adds something to every frame of `last`, which the step computes."""
    addend = total.addend(last)
    if addend is None or sequences[total].frames != sequences[last].frames:
        return False
    return step.take_sum(sequences[total], sequences[addend.node], addend.shift)
