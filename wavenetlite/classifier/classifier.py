"""AudioClassifier: features, network and labels combined, for whole signals and for streams."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, overload

from numpy.typing import NDArray

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.classifier.checks import (
    BACKGROUND,
    checked_background,
    checked_features,
    checked_labels,
    checked_model,
    checked_priors,
)
from wavenetlite.classifier.decision import DECISIONS, OUTPUTS, DecisionName, OutputName, Prediction
from wavenetlite.classifier.design import Design
from wavenetlite.classifier.gated import GatedClassifier
from wavenetlite.classifier.pool import ClassifierPool
from wavenetlite.classifier.signals import Signal, Signals, holds_signals, is_file, signal_from, signal_of_file
from wavenetlite.classifier.stream import ClassifierStream
from wavenetlite.classifier.timing import Timing
from wavenetlite.detection.detector import Detector
from wavenetlite.detection.gate import Gate
from wavenetlite.features import Features
from wavenetlite.features._frames import checked_samples
from wavenetlite.nn import Activation, Module
from wavenetlite.storage.files import save
from wavenetlite.support.arrays import Floats, NonFinite
from wavenetlite.support.checks import count, flag, number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.html import html
from wavenetlite.support.threads import in_threads

MOST_CLIP_S = 600.0
SLICE_SAMPLES = 2**20
"""Samples of a long signal processed at a time: a call can be interrupted between two slices."""

TABLES, WEIGHTS = "features.", "model."
"""Prefixes of the array names of features and network."""


class AudioClassifier:
    """Features, a network and labels: classifies whole signals, or detects events in a running one.

    Immutable in use and safe to share between threads; every stream has its own state. There is one execution path:
    `predict` feeds the whole signal to a fresh stream and flushes it, so probabilities, decisions and events are
    bit-identical for any partition of a signal into blocks.

    Parameters
    ----------
    features
        A spec that streams, such as ``wl.LogMel(...)``.
    model
        A network without conditioning that maps the spec's channels to one logit per label and frame, or see
        `outputs`. It may have strides and latency.
    labels
        Labels of the network's output channels: unique, non-empty strings.
    decision
        How a prediction is computed: "last", the softmax of the newest frame; "mean", the mean log-softmax of all
        frames so far, normalised to sum to 1; or "peak", the softmax of the frame in which any non-background label
        is most probable, among all frames from the last one of a clip of `clip_s` on: it finds a word in a longer
        signal.
    clip_s
        Length of the training clips, seconds: a signal that ends earlier is padded with silence to that length,
        offline and in a stream. None: no padding.
    background
        Labels that never trigger events, though they can be predicted. The two in `BACKGROUND` need not be in `labels`.
    priors
        By label, how much more frequent it is among the signals that are predicted than it was in training, 1 for those
        that are not named: a prediction's probabilities are multiplied by it, and divided by their sum. 0: no
        prediction has this label. Frames of probabilities and events stay as they are.
    detector
        How probabilities become events; None: ``Detector()``.
    outputs
        What the network gives: "logits", of which the softmax is taken; or "probabilities", for each label but the
        last, from 0 to 1 and independent of each other, as wake words have them that end with a sigmoid. The last label
        is then the rest: its probability is 1 less the greatest of the others.
    info
        JSON-serialisable notes saved with the classifier: recipe, data, measured accuracy, attribution.

    Attributes
    ----------
    features, model, decision, background, priors, detector, outputs
        As given.
    timing
        Positions of the frames of probabilities in a signal.
    info
        The notes; may be modified.

    Raises
    ------
    ParameterError, ArrayTypeError
        The parts are incompatible, or the features cannot stream.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.AudioClassifier(
    ...     features=wl.LogMel(sr=16000, n_mels=40),
    ...     model=wl.TCN(40, 3, channels=16, dilations=[1, 2, 4]),
    ...     labels=["yes", "no", "_unknown_"],
    ... )
    >>> y = np.random.default_rng(0).standard_normal(16000, dtype=np.float32)
    >>> p = clf.predict(y, sr=16000)
    >>> p.probabilities.shape, p.label in clf.labels
    ((3,), True)
    >>> stream = clf.stream(sr=16000)
    >>> for block in np.array_split(y, 100):
    ...     events = stream.process(block)
    >>> events = stream.flush()
    >>> bool((stream.prediction().probabilities == p.probabilities).all())
    True
    """

    def __init__(
        self,
        features: Features,
        model: Module,
        labels: Sequence[str],
        *,
        decision: DecisionName = "last",
        clip_s: float | None = None,
        background: Iterable[str] = BACKGROUND,
        priors: Mapping[str, float] | None = None,
        detector: Detector | None = None,
        outputs: OutputName = "logits",
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.features = checked_features(features)
        self.model = checked_model(model, features)
        self._labels = checked_labels(labels)
        self.decision: DecisionName = one_of("decision", decision, DECISIONS)  # type: ignore[assignment]
        self.outputs: OutputName = one_of("outputs", outputs, OUTPUTS)  # type: ignore[assignment]
        if outputs == "probabilities" and decision == "mean":
            raise ParameterError(
                "decision='mean' needs logits; with outputs='probabilities' it must be 'last' or 'peak'"
            )
        if info is not None and not isinstance(info, Mapping):
            raise ArrayTypeError(f"info is a {type(info).__name__}; it must be a dict")
        self.info: dict[str, Any] = copy.deepcopy(dict(info or {}))
        self._softmax = Activation("softmax")
        self._design: Design | None = None
        output = model.graph(features.out_channels)
        needed = output.channels + (outputs == "probabilities")
        if len(self._labels) != needed:
            which = "the model's out_channels" + (" and one for the rest" if outputs == "probabilities" else "")
            raise ParameterError(f"labels has {len(self._labels)} entries; it must have {needed}, {which}")
        self.background = checked_background(background, self._labels)
        self._priors = checked_priors(priors, self._labels)
        self.detector = Detector() if detector is None else detector
        if not isinstance(self.detector, Detector):
            raise ArrayTypeError(f"detector is a {type(detector).__name__}; it must be a Detector or None")
        self.clip_s = None if clip_s is None else number("clip_s", clip_s, least=0.0)
        if self.clip_s is not None and self.clip_s > MOST_CLIP_S:
            raise ParameterError(f"clip_s={clip_s} must be at most {MOST_CLIP_S}")
        self.timing = Timing.of(features, output, self._labels, self.clip_s or 0.0)
        self.detector.limits(self._labels, self.frame_rate, self.background)  # raises if it does not fit

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_design": None}

    # Properties

    @property
    def priors(self) -> dict[str, float]:
        """The factors by label, a copy."""
        return dict(self._priors)

    @property
    def labels(self) -> list[str]:
        """Labels of the probabilities, in order."""
        return list(self._labels)

    @property
    def output_labels(self) -> list[str]:
        """Labels of the network's output channels: all, but of probabilities without the last, the rest."""
        return self.labels if self.outputs == "logits" else self.labels[:-1]

    @property
    def sr(self) -> int:
        """Sample rate, Hz."""
        return self.features.sr

    @property
    def frame_rate(self) -> float:
        """Frames of probabilities per second."""
        return self.timing.frame_rate

    @property
    def latency_s(self) -> float:
        """Seconds of audio needed after the end of a frame before its probabilities are available; 0: causal."""
        return self.timing.ahead / self.sr

    @property
    def least_samples(self) -> int:
        """Length of the shortest signal that can be predicted, samples."""
        return self.timing.least

    def frame_time_s(self, frame: int) -> float:
        """The end of the audio that a frame of probabilities covers, seconds from the first sample.

        That is the end of the feature frame at the same point in time: strides are accounted for, and the lookahead
        of features and network is subtracted. (With centred features, the last frames of a signal reach
        into the padding: a stream gives the signal's end for them.)

        Examples
        --------
        >>> import wavenetlite as wl
        >>> spec = wl.LogMel(sr=16000, n_fft=512, hop_length=160)
        >>> clf = wl.AudioClassifier(spec, wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
        >>> clf.frame_time_s(0), clf.frame_time_s(100)
        (0.032, 1.032)
        """
        return self.timing.end_s(count("frame", frame))

    def __repr__(self) -> str:
        return (
            f"AudioClassifier({len(self._labels)} labels, {self.features!r}, {type(self.model).__name__},"
            f" decision={self.decision!r})"
        )

    def _repr_html_(self) -> str:
        """Labels, features, network and latency, for notebooks."""
        return html("AudioClassifier", {
            "labels": ", ".join(self._labels),
            "background": ", ".join(self.background) or "none",
            "features": repr(self.features),
            "network": f"{type(self.model).__name__}, {self.model.parameter_count:,} parameters",
            "sample rate": f"{self.sr} Hz",
            "frame rate": f"{self.frame_rate:g} Hz",
            "latency": f"{1000 * self.latency_s:g} ms",
            "decision": self.decision,
            **({"priors": str(self.priors)} if self._priors else {}),
            "outputs": self.outputs,
            "detector": repr(self.detector),
        })  # fmt: skip

    # Another detector or network

    def _with(self, model: Module, detector: Detector) -> AudioClassifier:
        return AudioClassifier(
            self.features,
            model,
            self._labels,
            decision=self.decision,
            clip_s=self.clip_s,
            background=self.background,
            priors=self.priors,
            detector=detector,
            outputs=self.outputs,
            info=self.info,
        )

    def with_model(self, model: Module) -> AudioClassifier:
        """A classifier with the same features, labels, detector and notes, and another network: a quantised one.

        Raises
        ------
        ParameterError, ArrayTypeError
            It is no `Module`, or does not fit the features or labels.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> clf = wl.load("speech-commands-12")
        >>> y = 0.1 * np.random.default_rng(0).standard_normal(32000, dtype=np.float32)
        >>> small = clf.with_model(wl.quantize(clf.model, calibration=clf.features(y)))
        >>> small.predict(y).label == clf.predict(y).label
        True
        """
        return self._with(model, self.detector)

    def with_detector(self, detector: Detector) -> AudioClassifier:
        """A classifier with the same features, network, labels and notes, and another detector, saved with it.

        Raises
        ------
        ParameterError, ArrayTypeError
            It is no `Detector`, or does not fit the labels.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> clf = wl.load("speech-commands-12")
        >>> strict = clf.with_detector(wl.Detector(0.9, smoothing_ms=50, thresholds={"stop": 0.5}))
        >>> strict.detector.thresholds, strict.model is clf.model
        ({'stop': 0.5}, True)
        """
        if not isinstance(detector, Detector):
            raise ArrayTypeError(f"detector is a {type(detector).__name__}; it must be a Detector")
        return self._with(self.model, detector)

    def with_threshold(self, threshold: float) -> AudioClassifier:
        """`with_detector`, with one threshold for all labels; see :meth:`Detector.with_threshold`.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.load("speech-commands-12").with_threshold(0.9).detector.threshold
        0.9
        """
        return self.with_detector(self.detector.with_threshold(threshold))

    # Use

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str is a sequence of str, and one signal
        self,
        y: Signal,
        *,
        sr: int | None = None,
        resample: bool = False,
        on_nonfinite: NonFinite = "raise",
        threads: int = 1,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        y: Signals,
        *,
        sr: int | None = None,
        resample: bool = False,
        on_nonfinite: NonFinite = "raise",
        threads: int = 1,
    ) -> list[Prediction]: ...

    def predict(
        self,
        y: Signal | Signals,
        *,
        sr: int | None = None,
        resample: bool = False,
        on_nonfinite: NonFinite = "raise",
        threads: int = 1,
    ) -> Prediction | list[Prediction]:
        """Classify a whole signal, or each of several signals.

        Parameters
        ----------
        y
            A signal: (samples,) float32 or float64 in -1..1, or int16, which is divided by 32768; a list of numbers; or
            the path of an audio file. Several: a list of signals, or (signals, samples).
        sr
            Sample rate of `y`, Hz; if given, it must be the classifier's unless `resample`. Files have their own.
        resample
            Whether to convert signals of another rate; False: they are refused, nothing is resampled silently.
        on_nonfinite
            What to do with infinities and NaN in `y`: "raise", or "zero" to replace them.
        threads
            Number of signals processed in parallel.

        Returns
        -------
        A `Prediction`; for several signals a list, each bit-identical to its single prediction.

        Raises
        ------
        ParameterError, ArrayTypeError, AudioFileError
            Wrong shape, dtype, values or sample rate, or fewer samples than one frame of probabilities needs.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> clf = wl.load("speech-commands-12")
        >>> clf.predict(np.zeros(8000, np.int16), sr=8000, resample=True).label
        '_silence_'
        """
        if not flag("resample", resample):
            self.check_rate(sr)
        elif sr is not None:
            positive_int("sr", sr)
        positive_int("threads", threads, 1024)

        def checked(signal: Any, name: str) -> Floats:
            return self.checked(signal, name, on_nonfinite, sr, resample)

        if holds_signals(y) or self.features.signals_in(y):
            several = cast("Sequence[Any]", y)
            signals = [checked(signal, f"y[{index}]") for index, signal in enumerate(several)]
            if threads == 1 or len(signals) < 2:
                return [self.predict_checked(signal) for signal in signals]
            return list(in_threads(self.predict_checked, signals, threads))
        return self.predict_checked(checked(y, "y"))

    def check_rate(self, sr: int | None) -> None:
        if sr is not None and sr != self.sr:
            raise ParameterError(
                f"sr={sr} must be {self.sr}, the classifier's rate; or pass resample=True to predict,"
                " or use wavenetlite.audio.Resampler before a stream"
            )

    def checked(self, y: Any, name: str, on_nonfinite: str, sr: int | None = None, resample: bool = False) -> Floats:
        """The signal at the classifier's rate if it can be predicted; otherwise raises."""
        zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        if is_file(y):
            name, signal = audio.shown(y), signal_of_file(y, self.sr, sr, resample, on_nonfinite)
        else:
            signal = checked_samples(signal_from(y, name), 0, zero, name)
        if problem := scale_problem(signal):
            raise ParameterError(f"{name} {problem}")
        if not is_file(y) and sr not in (None, self.sr):
            signal = audio.resample(signal, sr, self.sr)
        if len(signal) < self.least_samples:
            needed = self.timing.first_frames
            frames = "one frame" if needed == 1 else f"{needed} frames"
            raise ParameterError(
                f"{name} has {len(signal)} samples; at least {self.least_samples} ({frames}) are needed"
            )
        return signal

    def predict_checked(self, y: Floats) -> Prediction:
        stream = self.stream()
        for first in range(0, len(y), SLICE_SAMPLES):
            stream.process(y[first : first + SLICE_SAMPLES])
        stream.end()
        return stream.prediction()

    def stream(self, *, sr: int | None = None, on_nonfinite: NonFinite = "raise") -> ClassifierStream:
        """A new stream; see :class:`ClassifierStream`.

        Parameters
        ----------
        sr
            Sample rate of the input, Hz; if given, it must be the classifier's.
        on_nonfinite
            What to do with infinities and NaN in the samples: "raise", or "zero" to replace them.
        """
        self.check_rate(sr)
        one_of("on_nonfinite", on_nonfinite, ("raise", "zero"))
        return ClassifierStream(self.design(), on_nonfinite=on_nonfinite)

    def design(self) -> Design:
        """What streams and pools share, with the current weights of the model."""
        made = Design(
            self.features,
            self.model.plan(self.features.out_channels),
            self._softmax.plan(len(self._labels)) if self.outputs == "logits" else None,
            self.timing,
            self.decision,
            self.background,
            self._priors,
            self.detector,
        )
        if self._design is None or not made.same_as(self._design):
            self._design = made
        return self._design

    def pool(
        self, capacity: int, *, sr: int | None = None, threads: int = 1, on_nonfinite: NonFinite = "raise"
    ) -> ClassifierPool:
        """A new pool for many signals at once; see :class:`wavenetlite.classifier.pool.ClassifierPool`.

        Parameters
        ----------
        capacity
            Signals that can be open at the same time.
        sr
            Sample rate of the input, Hz; if given, it must be the classifier's.
        threads
            Threads that share the network's work in a call; results do not depend on it.
        on_nonfinite
            What to do with infinities and NaN in the samples: "raise", or "zero" to replace them.
        """
        self.check_rate(sr)
        return ClassifierPool(self.design(), capacity, threads=threads, on_nonfinite=on_nonfinite)

    def gated(self, vad: AudioClassifier, gate: Gate | None = None) -> GatedClassifier:
        """This classifier, run only where another one hears speech; see :class:`GatedClassifier`.

        Parameters
        ----------
        vad
            ``wl.load("voice-activity")``, a file of silero-vad, or any classifier with background labels.
        gate
            When speech begins and ends; None: by the thresholds of the vad's own detector.
        """
        if not isinstance(vad, AudioClassifier):
            raise ArrayTypeError(f"vad is a {type(vad).__name__}; it must be an AudioClassifier")
        return GatedClassifier(self, vad, gate)

    # Serialisation

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file; see :func:`wavenetlite.load`.

        The feature tables, and the versions of the packages that computed them, are in the file: loaded, it gives the
        same bits whatever is installed.

        Raises
        ------
        ParameterError
            A part cannot be reconstructed from its configuration, or `info` is not JSON-serialisable.
        OSError
            The file cannot be written.

        Examples
        --------
        >>> import os, tempfile, wavenetlite as wl
        >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
        >>> clf.info["data"] = "none"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "classifier.safetensors")
        ...     clf.save(path)
        ...     again = wl.load(path)
        >>> again.labels, again.info
        (['yes', 'no'], {'data': 'none'})
        """
        save(self, path)

    def config(self) -> dict[str, Any]:
        """The configuration as JSON-serialisable data, without weights and tables."""
        return {
            "type": "AudioClassifier",
            "labels": self.labels,
            "decision": self.decision,
            "clip_s": self.clip_s,
            "background": list(self.background),
            **({"priors": self.priors} if self._priors else {}),
            "detector": self.detector.config(),
            **({"outputs": self.outputs} if self.outputs != "logits" else {}),
            "features": self.features.stored_config(),
            "model": self.model.config(),
            "info": self.info,
        }

    def state_dict(self) -> dict[str, Floats]:
        """Copies of all tables (``features.*``) and weights (``model.*``) by name."""
        return {
            **{TABLES + name: table for name, table in self.features.state_dict().items()},
            **{WEIGHTS + name: weight for name, weight in self.model.state_dict().items()},
        }

    def stored_arrays(self) -> dict[str, NDArray[Any]]:
        """What a file has of these: not the tables that are computed again when it is loaded."""
        return {
            **{TABLES + name: table for name, table in self.features.stored_tables().items()},
            **{WEIGHTS + name: weight for name, weight in self.model.stored_arrays().items()},
        }

    def layer_types(self) -> list[tuple[str, type]]:
        """The network's layer types; see :meth:`wavenetlite.nn.Module.layer_types`."""
        return self.model.layer_types()
