"""wavenetlite: the networks of `benchmarks.models` built from its own layers."""

import os

import numpy as np

from benchmarks.contenders import TOLERANCE, Calls, UnavailableError
from benchmarks.models import KEYWORD_OPTIONS, VOICE_OPTIONS, Network


def amp_modeler(network: Network):
    """A: a Module of our own, see `benchmarks.ours_amp`."""
    # it imports wavenetlite, so not before the instruction set is chosen
    from benchmarks.ours_amp import AmpModeler

    return _loaded(AmpModeler(), network)


def deep_voice(network: Network):
    """B: ``wl.WaveNet`` and a softmax."""
    import wavenetlite as wl

    model = wl.Sequential([wl.WaveNet(**VOICE_OPTIONS), wl.nn.Activation("softmax")])
    return _loaded(model, network)


def keyword_tcn(network: Network):
    """C: ``wl.TCN``."""
    import wavenetlite as wl

    return _loaded(wl.TCN(**KEYWORD_OPTIONS), network)


def one_layer(network: Network):
    """One 1x1 convolution of one channel."""
    import wavenetlite as wl

    return _loaded(wl.Sequential([wl.nn.Conv1d(1, 1, 1)]), network)


BUILDERS = {"A": amp_modeler, "B": deep_voice, "C": keyword_tcn, "call": one_layer}


def _loaded(model, network: Network):
    """Load the network's weights by their order, which is the order of the layers; names are each library's own."""
    keys = list(model.state_dict())
    if len(keys) != len(network.weights):
        raise ValueError(f"model {network.key} has {len(keys)} tensors, {len(network.weights)} expected: {keys}")
    model.load_state_dict(dict(zip(keys, network.weights.values(), strict=True)))
    return model


class StreamRunner(Calls):
    """A stream fed in blocks into a buffer of its own."""

    def __init__(self, model, network: Network, frames: int):
        super().__init__(frames)
        self._stream = model.stream()
        self._x = np.zeros((frames, network.in_channels), np.float32)
        self._y = np.zeros((frames, network.out_channels), np.float32)

    def feed(self, block):
        self._x[:] = block
        self.run(1)
        return self._y.copy()

    def run(self, calls):
        process, x, y = self._stream.process, self._x, self._y
        for _ in range(calls):
            process(x, out=y)


class WholeRunner(Calls):
    """The model called on a whole signal, or on several."""

    def __init__(self, model, frames: int, clips: int):
        super().__init__(frames, clips)
        self._model = model
        self._x = None

    def feed(self, block):
        self._x = block
        return self._model(block)

    def run(self, calls):
        model, x = self._model, self._x
        for _ in range(calls):
            model(x)


class Wavenetlite:
    """The contender, with one instruction set."""

    tolerance = TOLERANCE

    def __init__(self, version: str):
        self.version = version

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1):
        model = BUILDERS[network.key](network)
        return StreamRunner(model, network, frames) if streaming else WholeRunner(model, frames, clips)

    def fma_peak(self, seconds: float) -> float:
        """GFLOP/s of independent FMAs with the vectors of this instruction set, measured now."""
        from wavenetlite import kernels

        return kernels.fma_peak(seconds=seconds)


def open_contender(instruction_set: str) -> Wavenetlite:
    """Import wavenetlite with `instruction_set` forced.

    Raises
    ------
    UnavailableError
        When this CPU or this build does not have it.
    """
    os.environ["WAVENETLITE_ISA"] = instruction_set
    try:
        import wavenetlite as wl

        chosen = wl.isa()
    except Exception as error:  # whatever goes wrong in a package under construction, the peers are still measured
        raise UnavailableError(f"{type(error).__name__}: {error}") from error
    if chosen != instruction_set:
        raise UnavailableError(f"WAVENETLITE_ISA={instruction_set} gave {chosen}")
    return Wavenetlite(f"wavenetlite {getattr(wl, '__version__', '')}".strip())
