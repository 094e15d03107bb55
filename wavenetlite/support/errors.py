"""The errors that wavenetlite raises: one base class, each also a builtin error of the fitting kind."""


class WavenetliteError(Exception):
    """Base of every error that wavenetlite raises on purpose."""


class ParameterError(WavenetliteError, ValueError):
    """A value breaks its rule; the message names the parameter, the value and the rule."""


class ArrayTypeError(WavenetliteError, TypeError):
    """An argument is of the wrong type or dtype; nothing is cast silently."""


class StreamStateError(WavenetliteError, RuntimeError):
    """A stream cannot do this now: it is in use by another thread, or it was flushed."""


class ModelFileError(WavenetliteError, ValueError):
    """A model file is truncated, foreign, newer than this version or tampered with."""


class SnapshotError(WavenetliteError, ValueError):
    """A snapshot is foreign, truncated, damaged, of another format, or of another model."""


class TrainingError(WavenetliteError, RuntimeError):
    """A training cannot go on: its loss or its weights are no longer finite."""


class StreamMismatchError(WavenetliteError, RuntimeError):
    """A streamed output differs from the offline output: found by :func:`wavenetlite.verify_stream`."""
