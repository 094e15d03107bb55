"""Our own files, and the tensors of any of our models as safetensors: see :mod:`wavenetlite.storage.files`."""

from __future__ import annotations

from wavenetlite.formats.format import Format
from wavenetlite.storage import files


def sniff(ends: bytes) -> bool:
    return ends[8:9] == b"{" and b'"format":"wavenetlite"' in ends


FORMAT = Format("wavenetlite", "our own: safetensors", (".safetensors",), sniff, files.read, files.write)
