"""Publishing a model on the Hugging Face Hub."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.hub.card import model_card
from wavenetlite.nn.module import Module
from wavenetlite.storage.hub_file import MODEL
from wavenetlite.support.errors import ArrayTypeError, ParameterError, TargetError
from wavenetlite.support.optional import optional
from wavenetlite.vocoder import Vocoder


def push(
    model: Module | AudioClassifier,
    repo: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "A model of wavenetlite",
    card: str | None = None,
) -> str:
    """Publish a model with its card; `wavenetlite.load` reads it as ``hf://owner/name``.

    Parameters
    ----------
    model
        A network or a classifier.
    repo
        "owner/name"; created if there is none.
    private
        Whether a new repository is private.
    token
        Of the Hub; None: the one that huggingface_hub knows.
    message
        Of the commit.
    card
        The text of the model card; None: :func:`wavenetlite.hub.model_card`.

    Returns
    -------
    The model's address, ``hf://owner/name``.

    Raises
    ------
    ParameterError, ArrayTypeError
        It is no model, cannot be saved, or `repo` is no name.
    TargetError
        The Hub refuses, or cannot be reached.
    """
    if not isinstance(model, Module | AudioClassifier | Vocoder):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a network, a classifier or a vocoder")
    if not isinstance(repo, str) or not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise ParameterError(f"repo={repo!r} must be owner/name")
    hub = optional("huggingface_hub", "hub", "push")
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, MODEL))
        Path(folder, "README.md").write_text(model_card(model, repo) if card is None else card, encoding="utf-8")
        try:
            api = hub.HfApi(token=token)
            api.create_repo(repo_id=repo, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo, folder_path=folder, commit_message=message)
        except (OSError, ValueError) as error:
            raise TargetError(f"{repo}: {' '.join(str(error).split())}") from None
    return f"hf://{repo}"
