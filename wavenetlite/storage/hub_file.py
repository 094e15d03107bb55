"""Files of the Hugging Face Hub by their addresses, from its cache or downloaded into it."""

from __future__ import annotations

from pathlib import Path

from wavenetlite.support.errors import ModelFileError
from wavenetlite.support.optional import optional

SCHEME = "hf://"
MODEL = "model.safetensors"
"""The file of a repository that is meant where the address names none."""


def hub_file(address: str) -> Path:
    """The file at ``hf://owner/name[/file][@revision]``.

    The package huggingface_hub decides where it comes from: its cache, or the network unless ``HF_HUB_OFFLINE=1``.

    Raises
    ------
    ModelFileError
        The address is invalid, or there is no such file.
    MissingPackageError
        huggingface_hub is not installed.
    """
    place, _, revision = address.removeprefix(SCHEME).partition("@")
    owner, name, *path = [*place.split("/"), ""] if "/" not in place else place.split("/")
    if not owner or not name:
        raise ModelFileError(f"{address}: must be {SCHEME}owner/name[/file][@revision]")
    hub = optional("huggingface_hub", "hub", "a model of the Hugging Face Hub")
    try:
        return Path(hub.hf_hub_download(f"{owner}/{name}", "/".join(path) or MODEL, revision=revision or None))
    except (OSError, ValueError) as error:  # all of its errors are one of these
        raise ModelFileError(f"{address}: {' '.join(str(error).split())}") from None
