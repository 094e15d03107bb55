"""Module: base of all layers, blocks and networks. Configuration and weights, without the state of a signal."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from wavenetlite import graph, nodes
from wavenetlite.engine.generation import GenerationPlan
from wavenetlite.engine.generator import Generator
from wavenetlite.engine.generator_pool import GeneratorPool
from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_batch, run_offline
from wavenetlite.engine.plan import Plan
from wavenetlite.engine.pool import StreamPool
from wavenetlite.engine.stream import Stream
from wavenetlite.graph import MOST_CHANNELS, Node
from wavenetlite.kernels.bf16 import are_bf16, upper_halves
from wavenetlite.nn.summary import HEAD, Row, parameter_text, summary_rows, summary_text
from wavenetlite.nn.torch_twin import twin_of
from wavenetlite.storage.files import save
from wavenetlite.support.arrays import Floats, is_array, is_masked
from wavenetlite.support.checks import channels_error, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.html import html
from wavenetlite.support.options import option_defaults, option_names

FLOAT = "float32"
"""The type of parameters, unless a module says otherwise."""

ANY_CHANNELS = 64
"""Channels used to inspect a module that accepts any number of them."""


class Traced(NamedTuple):
    """A module's use in a graph: what it reads, with `c` None if it has no conditioning, and what it gives."""

    module: Module
    x: Node
    out: Node
    c: Node | None


Trace = list[Traced]
_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)

is_training: ContextVar[bool] = ContextVar("is_training", default=False)
"""Whether the graph under construction is for training, which changes some layers."""


Types: TypeAlias = Mapping[str, Callable[..., "Module"]]
"""Constructors by type name in configurations."""


class _Changes:
    """A token that changes whenever parameters of any module are replaced: until then, cached plans are valid.

    The lock is held while parameters are replaced, and while they are read: nobody sees some old and some new ones.
    """

    token = object()
    lock = threading.RLock()


_changes = _Changes()


class Module:
    """Base of all layers, blocks and networks.

    A module is immutable in use and may be shared between threads: calling it feeds a fresh stream, so the result is
    bit-identical to that of its streams. Subclasses define their parameters (`parameter_shapes`), children (`children`)
    and graph (`build`); the arguments of their constructor are attributes of the same names, from which they are
    serialised (`options`).

    Attributes
    ----------
    in_channels, out_channels
        Channels of a frame (for `Conv2d`: of a bin, as in PyTorch; `in_width` is that of the frame); None: any number,
        which is kept.
    seed
        Seed of the initial weights, which are drawn when first needed.
    """

    registry: ClassVar[dict[str, type[Module]]] = {}
    terse: ClassVar[bool] = False
    """Whether options that have their defaults are left out of configurations: those of integers are long."""
    rounds_frames: ClassVar[bool] = False
    """Whether everything inside rounds its frames to numbers of bf16."""

    in_channels: int | None = None
    out_channels: int | None = None
    seed: int = 0

    def __init_subclass__(cls, *, abstract: bool = False, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        taken = Module.registry.setdefault(cls.__name__, cls) if not abstract else None
        # A user's layer may have the name of one of ours, but files must get ours. A class that is redefined, as in a
        # notebook, replaces itself.
        if taken is not None and (taken.__module__, taken.__qualname__) == (cls.__module__, cls.__qualname__):
            Module.registry[cls.__name__] = cls

    @property
    def in_width(self) -> int | None:
        """Channels of a whole input frame, including all its bins."""
        return self.in_channels

    @property
    def out_width(self) -> int | None:
        """Channels of a whole output frame."""
        return self.out_channels

    # What a subclass defines

    def build(self, x: Node, c: Node | None) -> Node:
        """Extend the graph after `x`; `c` is the conditioning, if any."""
        raise ParameterError(f"{type(self).__name__} defines no build(); it must, to run")

    def children(self) -> dict[str, Module]:
        """Submodules by the prefix of their parameters' names."""
        return {}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the module's own parameters."""
        return {}

    def parameter_dtypes(self) -> dict[str, str]:
        """NumPy's names of the types of the module's own parameters that are not float32."""
        return {}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draw the initial value of the module's own parameter `name`."""
        raise ParameterError(f"{type(self).__name__} defines no draw(); it must, to have the parameter {name!r}")

    @property
    def condition_channels_needed(self) -> int:
        """Channels of the conditioning that the module or a submodule reads; 0: none."""
        own = getattr(self, "condition_channels", 0)
        return max([own, *(child.condition_channels_needed for child in self.children().values())])

    @property
    def prewarmed(self) -> bool:
        """Whether streams start in the steady state of endless zeros: see :class:`wavenetlite.nn.Prewarmed`."""
        return any(child.prewarmed for child in self.children().values())

    @property
    def declared_output(self) -> str | None:
        """What a module or submodule says that the network puts out: see `wavenetlite.nn.Output`; None: nothing."""
        declared = (child.declared_output for child in self.children().values())
        return next((one for one in declared if one is not None), None)

    @property
    def condition_period(self) -> int:
        """Input frames per frame of local conditioning, which comes with the first of them."""
        return max([1, *(child.condition_period for child in self.children().values())])

    # Weights

    def _own(self) -> dict[str, Floats]:
        own: dict[str, Floats] = self.__dict__.setdefault("_parameters", {})
        return own

    def modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all submodules, with the prefixes of their parameters' names."""
        yield prefix, self
        for name, child in self.children().items():
            yield from child.modules(f"{prefix}{name}.")

    def layer_types(self) -> list[tuple[str, type]]:
        """The types of this module and all submodules, with their prefixes."""
        return [(path, type(module)) for path, module in self.modules()]

    def all_parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all parameters, in the order of `state_dict`, without allocating them."""
        return {
            path + name: shape for path, module in self.modules() for name, shape in module.parameter_shapes().items()
        }

    def all_parameter_dtypes(self) -> dict[str, str]:
        """Types of all parameters that are not float32."""
        return {
            path + name: dtype for path, module in self.modules() for name, dtype in module.parameter_dtypes().items()
        }

    def bf16_names(self) -> set[str]:
        """Names of the parameters that are numbers of bf16: float32 here, and half as large in a file."""
        return {f"{name}.{inner}" for name, child in self.children().items() for inner in child.bf16_names()}

    def stored_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file has of the parameters: of those of bf16 the upper halves."""
        halved = self.bf16_names()
        return {name: checked_halves(name, one) if name in halved else one for name, one in self.state_dict().items()}

    def initialise(self) -> None:
        """Draw all missing parameters, in order, from one generator seeded with `seed`."""
        rng = np.random.default_rng(self.seed)
        for _, module in self.modules():
            own = module._own()
            for name, shape in module.parameter_shapes().items():
                dtype = module.parameter_dtypes().get(name, FLOAT)
                own.setdefault(name, frozen(np.ascontiguousarray(module.draw(name, shape, rng), dtype)))
        _changes.token = object()

    def parameter(self, name: str) -> Floats:
        """The module's own parameter; read-only."""
        if name not in self._own():
            self.initialise()
        return self._own()[name]

    def state_dict(self) -> dict[str, Floats]:
        """Copies of all parameters by name, with PyTorch's names and layouts: (out, in / groups, kernel)."""
        self.initialise_missing()
        with _changes.lock:
            return {
                path + name: module._own()[name].copy()
                for path, module in self.modules()
                for name in module.parameter_shapes()
            }

    def initialise_missing(self) -> None:
        if any(name not in module._own() for _, module in self.modules() for name in module.parameter_shapes()):
            self.initialise()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace all parameters at once. Open streams keep the old ones; a new one has all old or all new ones.

        Parameters
        ----------
        state
            All names of `state_dict()` with arrays (or anything NumPy converts to one, such as a CPU tensor) of the
            same types, mostly float32, and shapes. PyTorch's ``num_batches_tracked`` is ignored.

        Raises
        ------
        ParameterError
            A name is missing or unexpected, a shape differs, or a value is not finite; nothing has been replaced.
        """
        if not isinstance(state, Mapping):
            raise ArrayTypeError(f"state_dict is a {type(state).__name__}; it must be a mapping of names to arrays")
        shapes = self.all_parameter_shapes()
        given = {str(name): value for name, value in state.items() if not str(name).endswith("num_batches_tracked")}
        for name in [*shapes, *given]:
            if name not in given:
                raise ParameterError(f"missing key {name!r} in state_dict, shape {shapes[name]}")
            if name not in shapes:
                raise ParameterError(f"unexpected key {name!r} in state_dict")
        new: dict[tuple[int, str], Floats] = {}
        for path, module in self.modules():
            for name, shape in module.parameter_shapes().items():
                dtype = module.parameter_dtypes().get(name, FLOAT)
                value = checked_parameter(path + name, given[path + name], shape, dtype)
                if not np.array_equal(new.setdefault((id(module), name), value), value):
                    raise ParameterError(f"state_dict[{path + name!r}] must equal its other names: the layer is shared")
        with _changes.lock:
            for _, module in self.modules():
                for name in module.parameter_shapes():
                    module._own()[name] = new[id(module), name]
            _changes.token = object()

    @property
    def parameter_count(self) -> int:
        """Number of trainable values, without running statistics."""
        once = {id(module): module for _, module in self.modules()}.values()
        shapes = [item for module in once for item in module.parameter_shapes().items()]
        return sum(math.prod(shape) for name, shape in shapes if "running_" not in name)

    @property
    def bf16_count(self) -> int:
        """Number of values that are of bf16."""
        shapes = self.all_parameter_shapes()
        return sum(math.prod(shapes[name]) for name in self.bf16_names())

    def __getstate__(self) -> dict[str, Any]:
        """Copy configuration and weights, but not compiled plans."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_plans")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for value in self._own().values():
            frozen(value)

    # Configuration

    def config(self) -> dict[str, Any]:
        """The module as JSON-serialisable data, without weights; `from_config` restores it."""
        implied = option_defaults(type(self)) if self.terse else {}
        options = {name: encoded(value) for name, value in self.options().items()}
        return {"type": type(self).__name__, **{
            name: value for name, value in options.items() if name not in implied or value != encoded(implied[name])
        }}  # fmt: skip

    def options(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in option_names(type(self))}

    def save(self, path: str | Path) -> None:
        """Save configuration and weights to a safetensors file; see :func:`wavenetlite.load`."""
        save(self, path)

    # Running

    def connect(self, x: Node, c: Node | None = None) -> Node:
        """`build`, after checking the channels of `x`."""
        if self.in_width is not None and x.channels != self.in_width:
            raise ParameterError(
                f"{type(self).__name__} has in_channels={self.in_width} but is given {x.channels} channels"
            )
        return self.traced(x, self.build(x, c), c)

    def checked_condition(self, c: Node | None, channels: int) -> Node:
        """The conditioning, which must have this number of channels."""
        if c is None or c.channels != channels:
            given = "none" if c is None else f"{c.channels} channels"
            raise ParameterError(f"condition_channels={channels} but the conditioning given has {given}")
        return c

    def traced(self, x: Node, out: Node, c: Node | None = None) -> Node:
        """`out`, recorded as this module's output for `x` and `c` while a summary is made."""
        trace = _trace.get()
        if trace is not None:
            trace.append(Traced(self, x, out, c if self.condition_channels_needed else None))
        return out

    def graph(self, channels: int | None = None, *, training: bool = False) -> Node:
        """The network's graph; `channels` of the input are needed only if the module accepts any number."""
        channels = self.in_width if channels is None else positive_int("channels", channels, MOST_CHANNELS)
        if channels is None:
            raise ParameterError(f"{type(self).__name__} accepts any number of channels; pass channels=...")
        self.initialise_missing()
        x = nodes.Input((), channels, graph.Clock(), "x")
        wanted, clock = self.condition_channels_needed, graph.Clock(rate=self.condition_period)
        token = is_training.set(training)
        try:
            out = self.connect(x, nodes.Input((), wanted, clock, "c") if wanted else None)
        finally:
            is_training.reset(token)
        if out.quantization is not None:
            raise ParameterError(f"{type(self).__name__} gives integers of {out.quantization}; a network must give "
                                 "float32: put a Dequantize at its end")  # fmt: skip
        return out

    def plan(self, channels: int | None = None) -> Plan:
        """The compiled network, cached until the weights change."""
        key = self.in_width if channels is None else positive_int("channels", channels, MOST_CHANNELS)
        plan: Plan = self._cached(key, lambda: Plan(lower(self.graph(channels), prewarmed=self.prewarmed)))
        return plan

    def _cached(self, key: object, make: Callable[[], Any]) -> Any:
        """What is made of the graph, cached under a key until the weights change."""
        as_of: object
        plans: dict[object, Any]
        as_of, _, plans = self.__dict__.get("_plans", (None, [], {}))
        if as_of is _changes.token and key in plans:  # no weights of any module have changed since
            return plans[key]
        with self.__dict__.setdefault("_lock", threading.Lock()):
            self.initialise_missing()
            with _changes.lock:
                token = _changes.token  # before the weights, and these before the graph: detects a concurrent change
                weights: list[Floats]
                as_of, weights, plans = self.__dict__.get("_plans", (None, [], {}))
                if as_of is not token:
                    now = [value for _, module in self.modules() for value in module._own().values()]
                    if len(now) != len(weights) or any(a is not b for a, b in zip(now, weights, strict=True)):
                        weights, plans = now, {}
                if key not in plans:
                    plans[key] = make()
                self.__dict__["_plans"] = (token, weights, plans)
                return plans[key]

    def __call__(
        self, x: Floats, c: Floats | None = None, *, on_nonfinite: Literal["raise", "zero"] = "raise"
    ) -> Floats:
        """Run the network over whole sequences.

        Parameters
        ----------
        x
            float32, (frames, in_channels) or (batch, frames, in_channels).
        c
            Conditioning, if the network has it: float32, (frames, condition_channels), or (condition_channels,) for all
            frames; with a batch, (batch, ...) of either. One frame per `condition_period` frames of `x`.
        on_nonfinite
            What to do with infinities and NaN in `x` or `c`: "raise", or "zero" to replace them.

        Returns
        -------
        (frames out, out_channels) or (batch, frames out, out_channels), float32. A causal network without strides keeps
        the number of frames.
        """
        if not is_array(x):
            raise ArrayTypeError(f"x is a {type(x).__name__}; it must be a NumPy array")
        if x.ndim not in (2, 3):
            raise ParameterError(f"x has shape {x.shape}; it must have 2 or 3 dimensions ([batch,] frames, channels)")
        width = self.in_width
        if width not in (None, x.shape[-1]):
            raise channels_error("x", x.shape, width)
        plan = self.plan(x.shape[-1] if width is None else None)
        if x.ndim == 2:
            return run_offline(plan, x, c, on_nonfinite, "x")
        if c is not None and (not is_array(c) or c.ndim not in (2, 3) or len(c) != len(x)):
            raise ParameterError(
                f"c has shape {np.shape(c)}; it must be ({len(x)}, [frames,] channels), one per item of the batch"
            )
        return run_batch(plan, x, c, on_nonfinite)

    def stream(
        self, c: Floats | None = None, *, channels: int | None = None, on_nonfinite: Literal["raise", "zero"] = "raise"
    ) -> Stream:
        """A new stream; see :class:`wavenetlite.Stream`.

        Parameters
        ----------
        c
            Constant conditioning, float32, (condition_channels,); local conditioning is passed to ``process``.
        channels
            Channels of the input, if the module accepts any number.
        on_nonfinite
            "raise", or "zero" to replace infinities and NaN with zeros.
        """
        return Stream(self.plan(channels), c, on_nonfinite=on_nonfinite)

    def pool(
        self,
        capacity: int,
        *,
        threads: int = 1,
        channels: int | None = None,
        on_nonfinite: Literal["raise", "zero"] = "raise",
    ) -> StreamPool:
        """A new pool for many streams at once; see :class:`wavenetlite.StreamPool`.

        Parameters
        ----------
        capacity
            Maximum number of open streams.
        threads
            Threads that share the work of a call, including the caller's; results do not depend on it.
        channels
            Channels of the input, if the module accepts any number.
        on_nonfinite
            "raise", or "zero" to replace infinities and NaN with zeros.
        """
        return StreamPool(self.plan(channels), capacity, threads=threads, on_nonfinite=on_nonfinite)

    def generator(
        self,
        c: Floats | None = None,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        top_p: float = 1.0,
        initial: float | None = None,
        output: str | None = None,
    ) -> Generator:
        """A new generator, which draws samples block by block; see :class:`wavenetlite.Generator`.

        Parameters
        ----------
        c
            Constant conditioning, float32, (condition_channels,); local conditioning is passed to ``process``.
        seed, temperature, top_p, initial, output
            As of :func:`wavenetlite.generate`.
        """
        pool = self.generator_pool(1, output=output)
        return Generator(pool, pool.open(c, seed=seed, temperature=temperature, top_p=top_p, initial=initial))

    def generator_pool(self, capacity: int, *, output: str | None = None) -> GeneratorPool:
        """A new pool of generators, for many voices at once; see :class:`wavenetlite.GeneratorPool`.

        Parameters
        ----------
        capacity
            Maximum number of open voices.
        output
            As of :func:`wavenetlite.generate`.
        """
        wanted = self.declared_output if output is None else output

        def make() -> GenerationPlan:
            return GenerationPlan(self.graph(), wanted, self.condition_period, self.prewarmed)

        plan: GenerationPlan = self._cached(("generation", wanted), make)
        return plan.pool(capacity)

    # PyTorch

    def to_torch(self) -> Any:
        """The network as a module of PyTorch, in ``eval()``, with copies of the weights.

        It takes and gives (batch, frames, channels), as here; its `state_dict` has the same names and layouts, so what
        is trained there comes back by `load_state_dict`. Values and gradients are the same but for rounding; it is
        compared with the network on random signals before it is returned.

        Raises
        ------
        ParameterError
            A layer has no counterpart, or the network has conditioning or starts in a steady state.
        MissingPackageError
            PyTorch is not installed.

        Examples
        --------
        ``optimiser = torch.optim.AdamW(model.to_torch().parameters())``
        """
        if self.condition_channels_needed:
            raise ParameterError(f"{type(self).__name__} has conditioning; to_torch needs a network without")
        self.initialise_missing()  # as a whole: layers alone would draw other weights
        return twin_of(self, self.in_width or ANY_CHANNELS)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        """What the layer computes, in PyTorch: of x, (batch, frames, channels), with the parameters of `twin`."""
        raise ParameterError(f"{type(self).__name__} has no counterpart in PyTorch")

    # Properties

    @property
    def receptive_field(self) -> float:
        """Input frames that one output frame depends on; `math.inf` with a pool over all frames so far."""
        return self.graph(self.in_width or ANY_CHANNELS).clock.receptive_field

    @property
    def latency(self) -> int:
        """Input frames of lookahead before output frame n is returned; 0: causal."""
        return self.graph(self.in_width or ANY_CHANNELS).clock.latency

    @property
    def macs_per_frame(self) -> float:
        """Multiply-adds of the convolutions per input frame."""
        return math.fsum(row.multiply_adds for row in self._rows())

    def summary(self) -> str:
        """A table of the layers: shapes, parameters, multiply-adds per frame, receptive field, latency, state."""
        return summary_text(*self._summary())

    def _summary(self) -> tuple[str, list[Row], dict[str, str]]:
        """Title, layers and facts of the summary."""
        plan = self.plan(self.in_width or ANY_CHANNELS)
        rows = self._rows()
        return f"{type(self).__name__}: {self.in_width or 'any'} -> {plan.out_channels} channels", rows, {
            "parameters": parameter_text(self.parameter_count, self.bf16_count),
            "MACs per frame": f"{sum(row.multiply_adds for row in rows):,.10g}",
            "receptive field": f"{self.receptive_field:,} frames",
            "latency": f"{self.latency:,} frames",
            "state": f"{plan.state_bytes:,} bytes per stream, and {plan.workspace_bytes:,} bytes of scratch memory",
        }  # fmt: skip

    def _rows(self) -> list[Row]:
        _, trace = recorded(self, self.in_width or ANY_CHANNELS)
        in_bf16 = {id(one) for _, module in self.modules() if module.rounds_frames for _, one in module.modules()}
        return summary_rows(self.modules(), trace, in_bf16)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({arguments})"

    def _repr_html_(self) -> str:
        """The summary, for notebooks; the plain `repr` of a module that does not run by itself."""
        try:
            title, rows, facts = self._summary()
        except ParameterError:
            return html(repr(self))
        return html(title, facts, head=HEAD, rows=[row.cells for row in rows])


def frozen(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


def checked_parameter(name: str, value: Any, shape: tuple[int, ...], dtype: str) -> Floats:
    """A read-only copy of a parameter's new value, checked."""
    if is_masked(value):
        raise ArrayTypeError(f"state_dict[{name!r}] is a MaskedArray; it must be a {dtype} array")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ArrayTypeError(f"state_dict[{name!r}] is not an array; it must be a {dtype} array") from None
    if array.dtype != dtype:
        raise ArrayTypeError(f"state_dict[{name!r}] has dtype {array.dtype}; it must be {dtype}")
    if array.shape != shape:
        raise ParameterError(f"state_dict[{name!r}] has shape {array.shape}; it must be {shape}")
    if not np.isfinite(array).all():
        raise ParameterError(f"state_dict[{name!r}] has infinities or NaN; it must be finite")
    return frozen(np.array(array, dtype, order="C"))


def checked_halves(name: str, value: Floats) -> npt.NDArray[Any]:
    """The upper halves of numbers of bf16."""
    if not are_bf16(value):
        raise ParameterError(f"{name!r} has values that are not bf16, as its layer says they are: they cannot be saved")
    return upper_halves(value)


def encoded(value: Any) -> Any:
    """An option as JSON-serialisable data."""
    if isinstance(value, Module):
        return value.config()
    if isinstance(value, list | tuple):
        return [encoded(item) for item in value]
    return value


def decoded(value: Any, types: Types) -> Any:
    if isinstance(value, dict):
        return from_config(value, types)
    if isinstance(value, list):
        return [decoded(item, types) for item in value]
    return value


def from_config(config: Mapping[str, Any], types: Types | None = None) -> Module:
    """Restore a module from its `config()`, with initial weights.

    Parameters
    ----------
    config
        The result of `config()`.
    types
        Constructors of further types, which override ``Module.registry``.

    Raises
    ------
    ParameterError
        The type is unknown, or an option is missing, unknown or invalid.
    """
    name = config.get("type") if isinstance(config, Mapping) else None
    types = types or {}
    kind = types.get(name, Module.registry.get(name)) if isinstance(name, str) else None
    if kind is None or getattr(kind, "build", None) is Module.build:  # a helper inside a network
        raise ParameterError(f"type={name!r} is not a known layer")
    given = {option: decoded(value, types) for option, value in config.items() if option != "type"}
    try:
        return kind(**given)
    except TypeError as error:
        if isinstance(error, ArrayTypeError):
            raise
        raise ParameterError(f"options of {name} are {', '.join(map(str, given))}: {error}") from None


def recorded(module: Module, channels: int) -> tuple[Node, Trace]:
    """The graph, and the input and output node of each module in it."""
    token = _trace.set([])
    try:
        output = module.graph(channels)
        return output, _trace.get() or []
    finally:
        _trace.reset(token)
