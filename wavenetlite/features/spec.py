"""Features: base of all feature specs. Configuration and tables, without the state of a signal."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, ClassVar, Literal

import numpy as np

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features.filter_banks import Tables, digest
from wavenetlite.features.front import Front
from wavenetlite.features.map_batch import map_batch
from wavenetlite.features.steps import CausalStep, FrameStep, step_from_config
from wavenetlite.features.stream import FeatureStream
from wavenetlite.support.arrays import Floats, Samples
from wavenetlite.support.blake2 import blake2b
from wavenetlite.support.c_builder import CBuilder
from wavenetlite.support.checks import count, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.html import html
from wavenetlite.support.options import option_names

NOT_OPTIONS = ("type", "definition", "steps", "versions", "computed")


class Features:
    """Base of all feature specs.

    A spec is immutable and may be shared between threads: calling it feeds the whole signal to a fresh stream, so the
    result is bit-identical to that of its streams. It can be serialised: `config` is JSON-serialisable, `state_dict`
    holds its tables, and :func:`wavenetlite.features.from_config` restores the spec from both.

    Attributes
    ----------
    sr
        Sample rate, Hz.
    hop_length
        Samples between two frames.
    frame_length
        Samples covered by a frame.
    reach
        How many frames before it a frame of the front end depends on, besides its own samples.
    steps
        Steps applied to the frames after the front end; see `then`.
    versions
        Versions of the packages that computed the tables, this one among them.
    """

    registry: ClassVar[dict[str, type[Features]]] = {}
    definition: ClassVar[int] = 1
    """Counts the changes of a feature's arithmetic: equal ones give equal bits."""

    exact_in_c: ClassVar[bool] = False
    """Whether its values in C are the same, bit for bit."""

    sr: int
    hop_length: int
    frame_length: int
    left_pad: int = 0
    reach: float = 0
    steps: tuple[FrameStep, ...] = ()
    versions: Mapping[str, str]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not cls.__name__.startswith("_"):
            Features.registry[cls.__name__] = cls

    # What a subclass defines

    def front(self, streams: int, on_nonfinite: str, name: str) -> Front:
        """A new front end, which turns samples into frames."""
        raise NotImplementedError

    @property
    def front_channels(self) -> int:
        """Channels of the front end's frames."""
        raise NotImplementedError

    def own_steps(self) -> tuple[FrameStep, ...]:
        """Steps that belong to the definition of the feature."""
        return ()

    def own_tables(self) -> dict[str, Floats]:
        """Tables of the feature itself."""
        return {}

    @property
    def computes_tables(self) -> bool:
        """Whether formulas of ours give the tables of the feature itself again, bit by bit."""
        return False

    def c(self, write: CBuilder) -> None:
        """Append C that makes the frame `y` of `samples`, before the steps."""
        raise ParameterError(f"features of type {type(self).__name__} cannot be exported to C: leave out features=True "
                             "(--with-features), and feed the network with frames")  # fmt: skip

    # Use

    def __call__(
        self, y: Samples, *, sr: int | None = None, on_nonfinite: Literal["raise", "zero"] = "raise"
    ) -> Floats:
        """The frames of a whole signal, or of several of the same length.

        Parameters
        ----------
        y
            float32, (samples,), or (streams, samples) for several signals; :class:`MicroFrontend` takes int16, too.
        sr
            Sample rate of `y`, Hz; if given, it must be the spec's: nothing is resampled silently.
        on_nonfinite
            What to do with infinities and NaN in `y`: "raise", or "zero" to replace them.

        Returns
        -------
        (frames, out_channels) or (streams, frames, out_channels), float32. A signal shorter than a frame has none.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype, values or sample rate.
        """
        self.check_rate(sr)
        streams = self.signals_in(y)
        causal = list(takewhile(lambda step: isinstance(step, CausalStep) and not step.cannot_stream, self.all_steps))
        whole = self.open(causal, streams, on_nonfinite, "y")
        parts = [whole.process(y), whole.flush()]
        frames: Floats = np.concatenate(parts, axis=-2) if parts[1].shape[-2] else parts[0]
        x = frames if streams else frames[np.newaxis]
        for step in self.all_steps[len(causal) :]:
            x = step.apply(x)
        return x if streams else x[0]

    def map_batch(self, batch: Any) -> Any:
        """The features of a batch of recordings, as Ray Data, `datasets` and Spark call a function.

        Parameters
        ----------
        batch
            Columns by name. ``audio``: recordings, each (samples,), in -1..1, float32; float64 and lists become that.
            Or ``{"array": ..., "sampling_rate": ...}``, as `datasets` decodes them. ``sr``: their sample rate, Hz, one
            for all or one for each. Further columns stay. Or a batch of Arrow; or an iterator of such, as Spark has it,
            whose columns of features are then lists of lists.

        Returns
        -------
        The columns with ``features``, a list of (frames, out_channels), float32, in place of ``audio`` and ``sr``;
        of an iterator an iterator.

        Raises
        ------
        ParameterError, ArrayTypeError
            A recording has another shape, dtype or sample rate: nothing is resampled silently.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> spec = wl.LogMel(sr=16000)
        >>> made = spec.map_batch({"audio": [np.zeros(16000, np.float32)], "sr": 16000, "label": ["silence"]})
        >>> made["features"][0].shape, made["label"]
        ((97, 40), ['silence'])

        ``ray.data.Dataset.map_batches(spec.map_batch)``, ``datasets.Dataset.map(spec.map_batch, batched=True)`` and
        ``pyspark.sql.DataFrame.mapInArrow(spec.map_batch, schema)`` take it as it is.
        """
        return map_batch(batch, lambda y, sr: self(y, sr=sr))

    def stream(self, *, streams: int | None = None, on_nonfinite: Literal["raise", "zero"] = "raise") -> FeatureStream:
        """A new stream; see :class:`wavenetlite.features.FeatureStream`.

        Parameters
        ----------
        streams
            None for one signal, fed as (samples,); or the number of signals fed in lockstep, as (streams, samples).
        on_nonfinite
            "raise", or "zero" to replace infinities and NaN with zeros.

        Raises
        ------
        ParameterError
            A step needs the whole signal; the message names a streaming alternative.
        """
        signals = 1 if streams is None else positive_int("streams", streams)
        for step in self.all_steps:
            if step.cannot_stream:
                raise ParameterError(step.cannot_stream)
        return self.open(self.all_steps, signals if streams else 0, on_nonfinite, "samples")

    def open(
        self, steps: Sequence[FrameStep], streams: int, on_nonfinite: Literal["raise", "zero"], name: str
    ) -> FeatureStream:
        """A new stream through the front end and `steps`; `name` is that of a block in messages."""
        states, channels = [], self.front_channels
        for step in steps:
            states.append(step.open(max(streams, 1), channels))
            channels = step.out_channels(channels)
        return FeatureStream(self, self.front(streams, on_nonfinite, name), states, streams, on_nonfinite)

    def then(self, *steps: FrameStep) -> Features:
        """A copy of the spec with further steps, such as normalisation or deltas.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> spec = wl.LogMel(n_mels=40).then(wl.features.RunningCMVN(window_frames=300), wl.features.Deltas(width=5))
        >>> spec.out_channels, spec.latency
        (80, 2)
        """
        for step in steps:
            if not isinstance(step, FrameStep):
                raise ArrayTypeError(f"step is a {type(step).__name__}; it must be a FrameStep of wavenetlite.features")
        twin = copy.copy(self)
        twin.steps = (*self.steps, *steps)
        twin.check_steps()
        return twin

    # Properties

    @property
    def all_steps(self) -> tuple[FrameStep, ...]:
        return (*self.own_steps(), *self.steps)

    @property
    def out_channels(self) -> int:
        """Channels of a frame."""
        return self.check_steps()

    @property
    def causal(self) -> bool:
        """Whether the spec can stream."""
        return not any(step.cannot_stream for step in self.all_steps)

    @property
    def latency(self) -> int:
        """Frames of lookahead before frame n is returned; 0 without centred deltas."""
        return sum(step.latency for step in self.all_steps)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sr / self.hop_length

    def frames(self, samples: int) -> int:
        """Frames of a signal of `samples` samples.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.LogMel(n_fft=512, hop_length=160).frames(16000)
        97
        """
        length = count("samples", samples) + (2 * self.left_pad if samples else 0)
        return 0 if length < self.frame_length else 1 + (length - self.frame_length) // self.hop_length

    def frame_span(self, frame: int) -> tuple[int, int]:
        """The half-open range of samples that frame `frame` covers; before 0 is padding."""
        start = count("frame", frame) * self.hop_length - self.left_pad
        return start, start + self.frame_length

    def available_at(self, frame: int) -> int:
        """Number of samples a stream must be fed to return frame `frame`: its span's end plus the latency."""
        return self.frame_span(frame)[1] + self.latency * self.hop_length

    def least_samples(self, frame: int) -> int:
        """Samples of the shortest signal that has frame `frame`."""
        return max(1, self.frame_length + count("frame", frame) * self.hop_length - 2 * self.left_pad)

    def __repr__(self) -> str:
        own = f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.arguments().items())})"
        return own + (f".then({', '.join(map(repr, self.steps))})" if self.steps else "")

    def _repr_html_(self) -> str:
        """Options and frames, for notebooks."""
        options = {name: value for name, value in self.arguments().items() if value is not None}
        facts = {
            "frame": f"{1000 * self.frame_length / self.sr:g} ms every {1000 * self.hop_length / self.sr:g} ms",
            "channels": self.out_channels,
            "latency": f"{self.latency} frames" if self.causal else "needs the whole signal",
        }
        steps = {"then": ", ".join(map(repr, self.steps))} if self.steps else {}
        return html(type(self).__name__, {**facts, **options, **steps})

    # Serialisation

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, except the tables."""
        return {name: getattr(self, name) for name in option_names(type(self)) if name != "tables"}

    def config(self) -> dict[str, Any]:
        """The spec as JSON-serialisable data, without its tables."""
        return {
            "type": type(self).__name__,
            "definition": self.definition,
            **{name: jsonable(value) for name, value in self.arguments().items()},
            "steps": [step.config() for step in self.steps],
            "versions": dict(self.versions),
        }

    def state_dict(self) -> dict[str, Floats]:
        """Copies of all tables by name, float32; the names of step i begin with ``steps.i.``."""
        named = dict(self.own_tables())
        for index, step in enumerate(self.steps):
            named.update({f"steps.{index}.{name}": value for name, value in step.tables().items()})
        return {name: value.copy() for name, value in named.items()}

    def stored_tables(self) -> dict[str, Floats]:
        """The tables that a file needs: those of the feature itself are computed again if that gives the same bits."""
        own = self.own_tables() if self.computes_tables else {}
        return {name: table for name, table in self.state_dict().items() if name not in own}

    def stored_config(self) -> dict[str, Any]:
        """`config` for a file with `stored_tables`: with a digest of those that are not among them."""
        return {**self.config(), **({"computed": digest(self.own_tables())} if self.computes_tables else {})}

    @property
    def fingerprint(self) -> bytes:
        """A 16-byte hash of configuration and tables, which ties snapshots to the spec."""
        known: bytes
        steps, known = self.__dict__.get("_fingerprint", (None, b""))
        if steps is not self.steps:
            config = {name: value for name, value in self.config().items() if name != "versions"}
            digest = blake2b(json.dumps(config, sort_keys=True).encode(), digest_size=16, person=b"wavenetlite spec")
            for name, table in sorted(self.state_dict().items()):
                digest.update(f"{name}{table.shape}".encode() + table.tobytes())
            known = digest.digest()
            self.__dict__["_fingerprint"] = (self.steps, known)
        return bytes(known)

    # Checks

    def check_steps(self) -> int:
        channels = self.front_channels
        for step in self.all_steps:
            channels = step.out_channels(channels)
        return channels

    def __reduce__(self) -> Any:
        """Copied and pickled as it is saved, with the tables."""
        return from_config, (self.config(), self.state_dict())

    def check_rate(self, sr: int | None) -> None:
        if sr is not None and sr != self.sr:
            raise ParameterError(f"sr={sr} must be {self.sr}, the features' rate; see wavenetlite.audio.resample")

    def signals_in(self, y: Any) -> int:
        """Number of signals in `y`: 0 for (samples,), else the rows of (streams, samples)."""
        if not isinstance(y, np.ndarray) or y.ndim != 2:
            return 0  # the front end reports other errors
        if len(y) == 0 or (y.shape[1] < len(y) and y.shape[1] < self.frame_length and y.shape[1]):
            raise ParameterError(
                f"y has shape {y.shape}; it must be (samples,) or (streams, samples)"
                "; select a channel or their mean with wavenetlite.audio.to_mono"
            )
        return len(y)


def from_config(config: Mapping[str, Any], tables: Tables | None = None) -> Features:
    """Restore a spec from its `config` and tables.

    Parameters
    ----------
    config
        The result of `Features.config`, also via JSON.
    tables
        The result of `Features.state_dict`; then the features are bit-identical whatever versions of any package are
        installed. None: recompute them.

    Raises
    ------
    ParameterError, ArrayTypeError
        The configuration is invalid, or the tables do not match it.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> spec = wl.LogMel(n_mels=20)
    >>> again = wl.features.from_config(spec.config(), spec.state_dict())
    >>> again.out_channels
    20
    """
    if not isinstance(config, Mapping):
        raise ArrayTypeError(f"config is a {type(config).__name__}; it must be a dict")
    if not isinstance(config.get("steps", []), list) or not isinstance(config.get("versions", {}), Mapping):
        raise ParameterError("config must have a list of steps and an object of versions")
    options = {name: value for name, value in config.items() if name not in NOT_OPTIONS}
    kind = one_of("type", config.get("type"), tuple(Features.registry))
    check_definition(kind, config.get("definition", 1))
    own, of_steps = split_tables(tables, len(config.get("steps", ())))
    spec = construct(kind, options, str(config["computed"]) if own == {} and "computed" in config else own)
    if tables is not None:
        spec.versions = {str(name): str(version) for name, version in config.get("versions", {}).items()}
    steps = [step_from_config(step, given) for step, given in zip(config.get("steps", ()), of_steps, strict=True)]
    return spec.then(*steps) if steps else spec


def check_definition(kind: str, saved: Any) -> None:
    """Say that features were saved with an older definition; refuse a newer one."""
    known = Features.registry[kind].definition
    if saved == known:
        return
    if count("definition", saved) > known:
        raise ParameterError(
            f"definition={saved} of {kind} is newer than this version of wavenetlite; it knows {known}"
        )
    warnings.warn(
        f"{kind} was saved with definition {saved} of its arithmetic and is computed with definition {known}:"
        " values may differ in the last digit of float32; save it again to keep the new one",
        stacklevel=2,
    )


def construct(kind: str, options: dict[str, Any], own: dict[str, Floats] | str | None) -> Features:
    """A spec with these tables; or with those of its formulas, which should have this digest."""
    has_tables = "tables" in option_names(Features.registry[kind])
    arguments = options if own is None or not has_tables else {**options, "tables": own}
    if isinstance(own, dict) and own and not has_tables:
        tabular.checked(own, {})
    try:
        return Features.registry[kind](**arguments)
    except TypeError as error:
        if isinstance(error, ArrayTypeError):
            raise
        raise ParameterError(f"config of {kind} is invalid: {error}") from error


def split_tables(tables: Tables | None, steps: int) -> tuple[dict[str, Floats] | None, list[dict[str, Floats]]]:
    """The tables of the feature itself, and those of each step."""
    of_steps: list[dict[str, Floats]] = [{} for _ in range(steps)]
    if tables is None:
        return None, of_steps
    own = {}
    for name, value in tables.items():
        head, _, rest = name.removeprefix("steps.").partition(".")
        if name.startswith("steps.") and rest and head.isdecimal() and int(head) < steps:
            of_steps[int(head)][rest] = value
        else:
            own[name] = value
    return own, of_steps


def jsonable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
