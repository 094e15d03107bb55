"""Keras: Sequential and functional models of convolutions over time, and keras-tcn's TCN.

Neither Keras nor TensorFlow is needed, only h5py; and no code that a file has, such as that of a Lambda, is ever run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from wavenetlite.formats import keras_file, keras_import
from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import checked_network
from wavenetlite.formats.reading import read_json
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError


def load(
    file: BinaryIO, size: int, *, config: str | os.PathLike[str] | None = None, frames: int | None = None
) -> Module:
    """The network in a ``.keras`` file, a legacy ``.h5`` file, or a weights file with its `config`.

    Parameters
    ----------
    file, size
        An open file and its size.
    config
        Of a weights file, which does not say what its layers are: the path of a file with the text of Keras's
        ``model.to_json()``.
    frames
        Length of the signals that the model was made for, where it has strides with padding "same", which begins
        elsewhere for other lengths; None: as its input says.

    Returns
    -------
    A `Sequential` of the layers where they stand in a row, else a `Graph`. Where Keras gives one frame for a whole
    signal, ours gives one for each: theirs is the last; of a TCN with padding "same", the one in the middle (frames
    // 2).

    Raises
    ------
    ModelFileError
        The file is damaged, or it has a layer that cannot run here: it is named, with its class and the reason.
    ParameterError
        A weights file without `config`, or another file with it.
    """
    if frames is not None:
        positive_int("frames", frames)
    held = keras_file.read(file, size)
    if held.config is not None and config is not None:
        raise ParameterError("config is for weights files; this file says itself what its layers are")
    if held.config is None and config is None:
        raise ParameterError("config must be given, the path of a file of model.to_json(): weights do not say what "
                             "their layers are")  # fmt: skip
    return checked_network(keras_import.network, held, given(config) if held.config is None else held.config, frames)


def given(config: str | os.PathLike[str] | None) -> dict[str, object]:
    """The configuration in a file of its own."""
    if not isinstance(config, str | os.PathLike):
        raise ArrayTypeError(f"config is a {type(config).__name__}; it must be a string or a path")
    path = Path(config)
    try:
        with path.open("rb") as file:
            return read_json(file, path.stat().st_size)
    except OSError as error:
        raise ParameterError(f"config={os.fspath(config)!r} cannot be read: {error.strerror}") from None


FORMAT = Format(
    "keras", "Keras: .keras, .h5 and weights; convolutions over time and keras-tcn", (), keras_file.sniff, load
)
