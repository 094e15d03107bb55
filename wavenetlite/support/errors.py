"""The errors that wavenetlite raises: one base class; each is also a subclass of the fitting builtin error."""


class WavenetliteError(Exception):
    """Base of every error that wavenetlite raises on purpose."""


class ParameterError(WavenetliteError, ValueError):
    """A value violates its rule; the message names the parameter, the value and the rule."""


class ArrayTypeError(WavenetliteError, TypeError):
    """An argument has the wrong type or dtype; nothing is cast silently."""


class StreamStateError(WavenetliteError, RuntimeError):
    """The operation is not possible in the stream's present state: in use by another thread, or flushed."""


class ModelFileError(WavenetliteError, ValueError):
    """A model file is truncated, foreign, newer than this version or tampered with."""


class SnapshotError(WavenetliteError, ValueError):
    """A snapshot is foreign, truncated, damaged, of another format, or of another model."""


class TrainingError(WavenetliteError, RuntimeError):
    """Training cannot continue: the loss or the weights are not finite."""


class StreamMismatchError(WavenetliteError, RuntimeError):
    """A streamed output differs from the offline output; raised by :func:`wavenetlite.verify_stream`."""


class MissingPackageError(WavenetliteError, ImportError):
    """A package that only some uses need is not installed; the message has the command that installs it."""
