"""Tensors by name in files of PyTorch's and of safetensors, and layers made of them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.layers import as_float32
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.pointwise import BatchNorm
from wavenetlite.storage.safetensors import checked_tensors, read_header, read_tensors
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError
from wavenetlite.support.optional import optional

NESTED = ("state_dict", "model_state_dict", "model")
"""Names under which training programs save a state_dict beside other things."""

WRAPPERS = "module.", "_orig_mod.", "model."
"""What DataParallel, torch.compile and Lightning put before all names."""

LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of ``torch.save`` began before PyTorch 1.6."""

MOST_TENSORS = 20_000
MOST_PICKLE_BYTES = 16 * 2**20
WEIGHT_NORM = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))
"""Scale and direction, as the old and the new weight normalisation of PyTorch name them."""


def is_torch(ends: bytes) -> bool:
    """Whether a file may be one that ``torch.save`` wrote."""
    return (ends[:4] == b"PK\x03\x04" and b"/data.pkl" in ends[:1024]) or ends.startswith(LEGACY)


def is_safetensors(ends: bytes) -> bool:
    return ends[8:9] == b"{" and b'"data_offsets"' in ends and b'"format":"wavenetlite"' not in ends


def may_hold(ends: bytes) -> bool:
    """Whether a file may have tensors, by its first and last bytes."""
    return is_torch(ends) or is_safetensors(ends)


def read(file: BinaryIO, size: int) -> dict[str, Floats]:
    """All tensors of a file, as float32; of ``torch.save`` only dictionaries of tensors, without running any code."""
    begin = file.read(1024)
    file.seek(0)
    tensors = read_torch(file, size) if is_torch(begin) else read_safetensors(file, size)
    if not tensors:
        raise ModelFileError("it has no tensors")
    tensors = without_wrappers(tensors)
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ModelFileError(f"tensor {name!r} has numbers that are not finite in float32")
    return tensors


def without_wrappers(tensors: Mapping[str, Floats]) -> dict[str, Floats]:
    """Tensors without the names that all of them begin with because the network was wrapped."""
    found = dict(tensors)
    while prefix := next((one for one in WRAPPERS if all(name.startswith(one) for name in found)), ""):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


# safetensors


def read_safetensors(file: BinaryIO, size: int) -> dict[str, Floats]:
    entries, data_bytes = read_header(file, size)
    entries.pop("__metadata__", None)
    return read_tensors(file, checked_tensors(entries, data_bytes))


# torch.save


def read_torch(file: BinaryIO, size: int) -> dict[str, Floats]:
    """Tensors of a dictionary that ``torch.save`` wrote, by ``torch.load(weights_only=True)``."""
    if file.read(len(LEGACY)) != LEGACY:
        check_archive(file, size)
    file.seek(0)
    torch = optional("torch", "torch", "a file of torch.save", ModelFileError)
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever bytes do to it
        reason = str(error).strip().splitlines()
        raise ModelFileError(
            f"it holds more than tensors, or is damaged: {reason[0][:200] if reason else ''}"
        ) from None
    if isinstance(found, Mapping):
        found = next((found[name] for name in NESTED if isinstance(found.get(name), Mapping)), found)
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise ModelFileError("it is no state_dict, which is a dictionary of tensors")
    if len(found) > MOST_TENSORS:
        raise ModelFileError(f"it has {len(found)} tensors; it must have at most {MOST_TENSORS}")
    if sum(value.numel() for value in found.values()) > size:  # one that repeats itself without any bytes
        raise ModelFileError("its tensors have more elements than the file has bytes")
    return {str(name): as_float32(tensor(str(name), value)) for name, value in found.items()}


def check_archive(file: BinaryIO, size: int) -> None:
    """Refuse what would take more memory than the file is large."""
    try:
        entries = zipfile.ZipFile(file).infolist()
    except Exception as error:  # whatever bytes do to it
        raise ModelFileError(f"its archive is damaged: {error}") from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(e.file_size for e in entries) > size:
        raise ModelFileError(
            "its archive has parts that are compressed, or larger than the file: torch.save writes none"
        )
    if any(entry.filename.endswith("/data.pkl") and entry.file_size > MOST_PICKLE_BYTES for entry in entries):
        raise ModelFileError(f"its list of tensors has more than {MOST_PICKLE_BYTES} bytes")
    file.seek(0)


def tensor(name: str, value: Any) -> np.ndarray:
    """A tensor of PyTorch as an array."""
    if value.is_complex() or value.is_quantized or value.is_sparse or value.is_meta:
        raise ModelFileError(f"tensor {name!r} is complex, quantised, sparse or without data")
    result: np.ndarray = value.detach().cpu().double().numpy()
    return result


# Layers of tensors


class Weights:
    """Tensors by name, out of which layers are made; what nobody has asked for is found at the end.

    What is missing, or does not fit, raises a `ModelFileError` with the tensor's name.
    """

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        self.tensors = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
        self.taken: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self.tensors

    def any(self, prefix: str) -> bool:
        """Whether there is a tensor whose name begins so."""
        return any(name.startswith(prefix) for name in self.tensors)

    def numbers(self, prefix: str) -> int:
        """How many of ``prefix.0``, ``prefix.1``, ... there are."""
        found = {
            name.removeprefix(prefix + ".").split(".")[0] for name in self.tensors if name.startswith(prefix + ".")
        }
        count = 0
        while str(count) in found:
            count += 1
        return count

    def take(self, name: str, dimensions: int) -> Floats:
        if name not in self.tensors:
            raise ModelFileError(f"it lacks the tensor {name!r}")
        value = self.tensors[name]
        if value.ndim != dimensions or not value.size:
            raise ModelFileError(f"tensor {name!r} has the shape {value.shape}; it must have {dimensions} dimensions")
        self.taken.add(name)
        return value

    def weight(self, prefix: str, dimensions: int = 3) -> Floats:
        """A weight; weight normalisation, ``weight_g * weight_v / |weight_v|``, is folded into it.

        Salimans and Kingma, "Weight Normalization", 2016.
        """
        for g_name, v_name in WEIGHT_NORM:
            if self.has(f"{prefix}.{g_name}"):
                g, v = (self.take(f"{prefix}.{name}", dimensions).astype(np.float64) for name in (g_name, v_name))
                if any(a not in (1, b) for a, b in zip(g.shape, v.shape, strict=True)):
                    raise ModelFileError(
                        f"tensor {prefix + '.' + g_name!r} has the shape {g.shape}, which is not of a norm"
                    )
                axes = tuple(axis for axis, length in enumerate(g.shape) if length == 1)
                norm = np.sqrt(np.square(v).sum(axis=axes, keepdims=True))
                if not norm.all():
                    raise ModelFileError(f"tensor {prefix + '.' + v_name!r} has a norm of zero")
                return as_float32(g * v / norm)
        return self.take(f"{prefix}.weight", dimensions)

    def bias(self, prefix: str) -> Floats | None:
        """The bias, if there is one."""
        return self.take(f"{prefix}.bias", 1) if self.has(f"{prefix}.bias") else None

    def conv(self, prefix: str, *, depthwise: bool = False, **options: Any) -> Conv1d:
        """A convolution; `options` are those of `Conv1d`."""
        weight = self.weight(prefix)
        return layers.conv1d(weight, self.bias(prefix), groups=len(weight) if depthwise else 1, **options)

    def linear(self, prefix: str) -> Linear:
        return layers.linear(self.weight(prefix, 2), self.bias(prefix))

    def batch_norm(self, prefix: str, eps: float = 1e-5) -> BatchNorm:
        names = ("weight", "bias", "running_mean", "running_var")
        return layers.batch_norm(*(self.take(f"{prefix}.{name}", 1) for name in names), eps=eps)

    def all_taken(self, ignored: Iterable[str] = ()) -> None:
        """Raise where a tensor is left over, but for names that end as those `ignored`: it may matter."""
        for name in self.tensors:
            if name not in self.taken and not name.endswith(tuple(ignored)):
                raise ModelFileError(f"it has a tensor {name!r}, which is of no part that is known here")
