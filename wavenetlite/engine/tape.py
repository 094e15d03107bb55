"""Tape: a network laid out for batches of one shape, run forward and backward."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from wavenetlite import nodes
from wavenetlite.engine.batch_steps import DropoutStep, NormStep, Sequence, Step, step_for
from wavenetlite.engine.lower import refuse_unsettled
from wavenetlite.graph import Node, topological_order
from wavenetlite.kernels.training import NoSubnormals
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError
from wavenetlite.train.parameters import Parameters


class Tape:
    """The steps of a network over batches of `clips` signals of `frames` frames, with all that must be kept in between.

    One thread runs a tape at a time; tapes of the same `Parameters` run side by side.

    Parameters
    ----------
    parameters
        Of the network.
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

    def __init__(self, parameters: Parameters, clips: int, frames: int) -> None:
        self.parameters = parameters
        self.clips, self.frames = positive_int("clips", clips), positive_int("frames", frames)
        self.has_run = False
        parameters.check_current()
        output = parameters.module.graph(training=True)
        order = topological_order(output)
        self.lead = lead_of(output, order) if parameters.module.prewarmed else 0
        frames = self.frames + self.lead
        self.sequences: dict[Node, Sequence] = {}
        for node in order:
            is_input = isinstance(node, nodes.Input)
            count = math.ceil(Fraction(frames) / node.clock.rate) if is_input else frames_of(node, self.sequences)
            self.sequences[node] = Sequence(node, count)
        self.steps = make_steps(order, output, self.sequences, parameters)
        self.inputs = {node.name: self.sequences[node] for node in order if isinstance(node, nodes.Input)}
        self.output = self.sequences[output]
        self.dropped = self.lead // output.clock.rate
        if self.output.frames - self.dropped < 1:
            raise ParameterError(f"frames={self.frames} must be more: the network gives no frame for so few")
        for step in self.steps:
            step.out.wanted = True
            step.reach()
        for sequence in {*self.inputs.values(), *(step.out for step in self.steps)}:
            sequence.allocate(clips)
        for step in self.steps:
            step.prepare()
        self.norms = [step for step in self.steps if isinstance(step, NormStep)]
        self.gradient: Floats = np.zeros(len(parameters.values), np.float32)

    def seed(self, *key: int) -> None:
        """Begin the random choices of dropout anew."""
        for index, step in enumerate(self.steps):
            if isinstance(step, DropoutStep):
                step.rng = np.random.default_rng([*key, index])

    def forward(self, x: Floats, c: Floats | None = None) -> Floats:
        """The network's output for a batch, (clips, output frames, out_channels), with the present values.

        Parameters
        ----------
        x
            float32, (clips, frames, in_channels).
        c
            Conditioning, for a network that has it: (clips, frames, condition_channels), with as many frames as
            `forward` of the network takes.
        """
        if c is not None and "c" not in self.inputs:
            raise ParameterError("c must be None: the network takes no conditioning")
        for name, value in (("x", x), ("c", c)):
            if name in self.inputs:
                self.feed(name, value)
        self.has_run = True
        with NoSubnormals():
            for step in self.steps:
                step.pack(self.parameters.values)
                step.forward()
        return self.output.values[:, self.dropped :, : self.output.channels].copy()

    def feed(self, name: str, value: Floats | None) -> None:
        into = self.inputs[name]
        shape = (self.clips, into.frames - self.lead, into.channels)
        into.values[:, self.lead :, : into.channels] = checked(name, value, shape)

    def backward(self, gradient: Floats) -> Floats:
        """The gradient of the trained values, flat, where that of the last `forward`'s output is `gradient`.

        The array is the tape's own: the next `backward` writes it again.
        """
        if not self.has_run:
            raise StreamStateError("backward goes back through a forward; there has been none")
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
                if step.out.has_gradient:
                    step.backward(self.gradient)
        return self.gradient[1 : 1 + self.parameters.trained]


def lead_of(output: Node, order: list[Node]) -> int:
    """Frames of zeros that come before the signal of a prewarmed network, so that it has seen nothing else for as long
    as it can remember; what it makes of them is dropped."""
    refuse_unsettled(order)
    if any(isinstance(node, nodes.Norm) for node in order):
        raise ParameterError("a prewarmed network with batch normalisation cannot be trained: it would count zeros")
    rate = int(output.clock.rate)  # a whole number without upsampling
    return -(int(output.clock.oldest) // rate) * rate


def checked(name: str, value: object, shape: tuple[int, ...]) -> Floats:
    """A float32 array of that shape."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float32:
        raise ArrayTypeError(f"{name} is a {getattr(value, 'dtype', type(value).__name__)}; it must be float32")
    if value.shape != shape:
        raise ParameterError(f"{name} has shape {value.shape}; it must be {shape}")
    return value


def frames_of(node: Node, sequences: dict[Node, Sequence]) -> int:
    """Frames of a sequence whose inputs have ended."""
    counts = []
    for edge in node.edges:
        left = sequences[edge.node].frames - edge.end_reach
        counts.append(-(-left // edge.stride) if left > 0 else 0)
    return min(counts) * node.phases


def make_steps(order: list[Node], output: Node, sequences: dict[Node, Sequence], parameters: Parameters) -> list[Step]:
    """The steps in order. A ReLU is taken along by the batch normalisation before it, if nothing else reads that."""
    readers: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for edge in node.edges:
            readers[edge.node].append(node)
    steps, done = [], set()
    for node in order:
        if isinstance(node, nodes.Input) or node in done:
            continue
        after = readers[node][0] if len(readers[node]) == 1 and node is not output else None
        relu = after if isinstance(after, nodes.Activate) and after.name == "relu" else None
        if isinstance(node, nodes.Norm) and relu is not None:
            done.add(relu)
        steps.append(step_for(node, relu, sequences, parameters))
    return steps
