"""Spectrogram: powers of the short-time Fourier transform, the base of all spectral features."""

from __future__ import annotations

import warnings
from dataclasses import InitVar, dataclass
from typing import Any, ClassVar

import numpy as np

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._frames import FrameStream, SpectralFrontEnd
from wavenetlite.features.c_spectrum import MAGNITUDES, POWERS, TAKE, WINDOWED
from wavenetlite.features.filter_banks import Tables
from wavenetlite.features.spec import Features
from wavenetlite.features.windows import needs_scipy, window_named
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.c_builder import CBuilder
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.fourier import roots_of_unity


@dataclass(kw_only=True, eq=False, repr=False)
class Spectrogram(Features):
    """Magnitude of the short-time Fourier transform, raised to a power.

    Parameters
    ----------
    sr
        Sample rate, Hz.
    n_fft
        Samples per frame.
    hop_length
        Samples between two frames.
    win_length
        Length of the window, which is centred in the frame, samples; None: n_fft.
    window
        Name of a window, or a tuple of name and parameters, as `scipy.signal.get_window` takes it: "hann", "hamming",
        ("kaiser", 8.0), ...; a few rare ones ("dpss", "chebwin", "taylor", ...) need SciPy.
    center
        False: frame t covers samples ``[t * hop_length, t * hop_length + n_fft)``. True: the signal is padded with
        n_fft // 2 zeros on both sides.
    power
        Exponent of the magnitude: 1 amplitude, 2 power.
    tables
        The result of `state_dict` for these parameters; None: they are computed.

    Notes
    -----
    ``abs(librosa.stft(y, ...)) ** power``, transposed: (frames, n_fft // 2 + 1), within 1e-5 relative.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.Spectrogram(sr=16000, n_fft=512, hop_length=160)(np.zeros(16000, np.float32)).shape
    (97, 257)
    """

    definition: ClassVar[int] = 2  # the transform is our own; definition 1: NumPy's

    sr: int = 16000
    n_fft: int = 512
    hop_length: int = 160
    win_length: int | None = None
    window: str | tuple[Any, ...] = "hann"
    center: bool = False
    power: float = 2.0
    tables: InitVar[Tables | str | None] = None

    def __post_init__(self, tables: Tables | str | None) -> None:
        """Use the given tables, or compute them; then make the front end. A digest: of those to compute."""
        self.check_parameters()
        if isinstance(tables, str):
            self._tables, self.versions = self.computed_tables(tables), {}
        elif tables is None:
            self._tables = self.compute_tables()
            self.versions = tabular.versions(*(["scipy"] if needs_scipy(self.window) else []))
        else:
            self._tables = tabular.checked(tables, self.table_shapes())
            self.versions = {}
        self._front = self.make_front()

    def check_parameters(self) -> None:
        """Check the parameters, and convert them to the types that are serialised."""
        self.sr = positive_int("sr", self.sr)
        self.n_fft = positive_int("n_fft", self.n_fft, 2**24)
        if self.n_fft < 2:
            raise ParameterError(f"n_fft={self.n_fft} must be at least 2")
        self.hop_length = positive_int("hop_length", self.hop_length)
        self.win_length = None if self.win_length is None else positive_int("win_length", self.win_length)
        if self.win_length is not None and self.win_length > self.n_fft:
            raise ParameterError(f"win_length={self.win_length} must be at most n_fft={self.n_fft}")
        self.window = checked_window(self.window)
        self.center = flag("center", self.center)
        power, self.power = self.power, number("power", self.power)
        if power <= 0:
            raise ParameterError(f"power={power} must be positive")
        self.frame_length = self.n_fft
        self.left_pad = self.n_fft // 2 if self.center else 0

    def computed_tables(self, expected: str) -> dict[str, Floats]:
        """The tables of a spec that was saved without them, whose digest was this."""
        shapes = self.table_shapes()
        if tabular.size_of(shapes) > tabular.MOST_COMPUTED or needs_scipy(self.window):
            raise ParameterError(f"tables of {type(self).__name__} are missing: {', '.join(shapes)}")
        tables = self.compute_tables()
        if tabular.digest(tables) != expected:
            warnings.warn(
                f"tables of {type(self).__name__} differ from those it was saved with: its config has been changed, or "
                "the C library of this machine rounds otherwise and values may differ in the last digit", stacklevel=2
            )  # fmt: skip
        return tables

    @property
    def computes_tables(self) -> bool:
        if tabular.size_of(self.table_shapes()) > tabular.MOST_COMPUTED or needs_scipy(self.window):
            return False
        with warnings.catch_warnings():  # about bands that are always silent
            warnings.simplefilter("ignore")
            return tabular.digest(self.compute_tables()) == tabular.digest(self._tables)

    def compute_tables(self) -> dict[str, Floats]:
        return {"window": tabular.split(self.padded_window())}

    def padded_window(self) -> Doubles:
        """The window centred in a frame."""
        length = self.win_length or self.n_fft
        before = (self.n_fft - length) // 2
        return np.pad(window_named(self.window, length), (before, self.n_fft - length - before))

    def table_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"window": (2, self.n_fft)}

    def own_tables(self) -> dict[str, Floats]:
        return self._tables

    def make_front(self) -> SpectralFrontEnd:
        return SpectralFrontEnd(
            tabular.join(self._tables["window"]),
            hop_length=self.hop_length,
            left_pad=self.left_pad,
            power=self.power,
            **self.reduction(),
        )

    def reduction(self) -> dict[str, Any]:
        """Arguments of `SpectralFrontEnd` that say how it reduces a frame's powers."""
        return {}

    @property
    def front_channels(self) -> int:
        return self._front.channels

    def c(self, write: CBuilder) -> None:
        for name, value, rule in (
            ("n_fft", self.n_fft, "a power of two" if self.n_fft & (self.n_fft - 1) else ""),
            ("power", self.power, "1 or 2" if self.power not in (1, 2) else ""),
            ("center", self.center, "False" if self.center else ""),
        ):
            if rule:
                raise ParameterError(f"{name}={value} of {type(self).__name__} must be {rule} to be exported to C")
        lines, root = self.n_fft // 2 + 1, roots_of_unity(self.n_fft)[: self.n_fft // 2 + 1]
        z, power = write.kept("$real", max(self.n_fft, self.front_channels)), write.kept("$real", lines)
        window = write.array(tabular.join(self._tables["window"]))
        write.call(WINDOWED, z, "samples", window, str(self.n_fft))
        write.call(POWERS, power, z, str(self.n_fft), write.array(root))
        if self.power == 1:
            write.call(MAGNITUDES, power, str(lines))
        self.c_reduction(write, z, power)

    def c_reduction(self, write: CBuilder, free: str, power: str) -> None:
        """Append C that makes the frame `y` of the powers; `free`: n_fft values to use."""
        write.call(TAKE, "y", power, str(self.front_channels))

    def front(self, streams: int, on_nonfinite: str, name: str) -> FrameStream:
        return FrameStream(self._front, streams=streams, on_nonfinite=on_nonfinite, name=name)


def checked_window(window: Any) -> str | tuple[Any, ...]:
    """A window's name, or a tuple of name and numbers (JSON has lists for them)."""
    if isinstance(window, str):
        return window
    if isinstance(window, tuple | list) and window and isinstance(window[0], str):
        return (window[0], *(number("window", value) for value in window[1:]))
    raise ArrayTypeError(f"window={window!r} must be a name, or a tuple of a name and numbers")
