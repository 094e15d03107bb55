"""Models of the Hugging Face Hub, from a cache that the tests lay: nothing is fetched."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.hub import model_card, push
from wavenetlite.serve.models import bundled_classifiers

COMMIT = "0123456789" * 4


def classifier(info=None):
    model = wl.TCN(40, 2, channels=4, dilations=[1], seed=1)
    return wl.AudioClassifier(wl.LogMel(), model, ["yes", "n|o"], info=info)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with two revisions of me/words, as huggingface_hub lays it."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="without huggingface_hub")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--me--words"
    for commit, name in ((COMMIT, "main"), (COMMIT[::-1], "first")):
        files = repo / "snapshots" / commit
        (files / "other").mkdir(parents=True)
        classifier({"revision": name}).save(files / "model.safetensors")
        wl.nn.Linear(2, 3).save(files / "other" / "linear.safetensors")
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / name).write_text(commit)
    return repo


def test_a_model_of_the_cache(cache):
    clf = wl.load("hf://me/words")
    assert clf.info == {"revision": "main"}
    y = np.random.default_rng(0).standard_normal(16000, dtype=np.float32) * np.float32(0.1)
    assert clf.predict(y).probabilities.tobytes() == classifier().predict(y).probabilities.tobytes()
    assert wl.load("hf://me/words@first").info == {"revision": "first"}
    assert wl.load(f"hf://me/words@{COMMIT[::-1]}").info == {"revision": "first"}
    assert isinstance(wl.load("hf://me/words/other/linear.safetensors"), wl.nn.Linear)
    assert wl.formats.recognise("hf://me/words") == "wavenetlite"


def test_the_command_takes_addresses(cache, capsys):
    from wavenetlite.cli import main

    assert main(["info", "hf://me/words", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == ["yes", "n|o"]


@pytest.mark.parametrize("address", ["hf://me/none", "hf://me/words/none.onnx", "hf://me/words@none", "hf://m e/words",
                                     "hf://", "hf://me", "hf:///words", "hf://me/"])  # fmt: skip
def test_what_is_not_there_is_one_line(cache, address):
    with pytest.raises(wl.ModelFileError) as excinfo:
        wl.load(address)
    assert str(excinfo.value).startswith(address)
    assert "\n" not in str(excinfo.value)


def test_a_damaged_file_of_the_cache_is_named(cache):
    file = cache / "snapshots" / COMMIT / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(wl.ModelFileError, match=r"model\.safetensors: "):
        wl.load("hf://me/words")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: wl.load("hf://me/words"), lambda: push(classifier(), "me/words")):
        with pytest.raises(wl.MissingPackageError, match=r"pip install 'wavenetlite\[hub\]'"):
            call()


# Publishing


class Api:
    """In place of the Hub: keeps what it is sent."""

    made, files, error = [], {}, None

    def __init__(self, token=None):
        self.token = token

    def create_repo(self, *, repo_id, private, exist_ok):
        if Api.error:
            raise Api.error
        Api.made.append((repo_id, private, exist_ok, self.token))

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        Api.files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        Api.message = commit_message


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(HfApi=Api))
    monkeypatch.setattr(Api, "made", [])
    monkeypatch.setattr(Api, "files", {})
    monkeypatch.setattr(Api, "error", None)
    return Api


def test_a_model_is_published_with_its_card(hub, tmp_path):
    clf = classifier({"licence": "CC BY 4.0"})
    assert push(clf, "me/words", private=True, token="t", message="first") == "hf://me/words"
    assert hub.made == [("me/words", True, True, "t")]
    assert (sorted(hub.files), hub.message) == (["README.md", "model.safetensors"], "first")
    assert hub.files["README.md"].decode() == model_card(clf, "me/words")
    (tmp_path / "again.safetensors").write_bytes(hub.files["model.safetensors"])
    assert wl.load(tmp_path / "again.safetensors").labels == clf.labels
    push(clf.model, "me/network", card="mine")
    assert hub.files["README.md"] == b"mine"


def test_the_calls_fit_the_package():
    hub = pytest.importorskip("huggingface_hub", reason="without huggingface_hub")
    import inspect

    for name in ("create_repo", "upload_folder"):
        asked = {key for key in inspect.signature(getattr(Api, name)).parameters if key != "self"}
        assert asked <= set(inspect.signature(getattr(hub.HfApi, name)).parameters)


@pytest.mark.parametrize(("model", "repo", "said"), [
    (3, "me/words", "model is a int"),
    (classifier(), "words", "repo='words' must be owner/name"),
    (classifier(), "me/my words", "must be owner/name"),
    (classifier({"bad": {1, 2}}), "me/words", "cannot be saved"),
])  # fmt: skip
def test_what_cannot_be_published(hub, model, repo, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        push(model, repo)
    assert not hub.made


def test_a_hub_that_refuses_is_one_line(hub, monkeypatch):
    monkeypatch.setattr(Api, "error", OSError("401\nUnauthorised"))
    with pytest.raises(wl.TargetError, match="me/words: 401 Unauthorised"):
        push(classifier(), "me/words")


# Cards


def test_a_card_says_what_is_known():
    for name in bundled_classifiers():
        clf = wl.load(name)
        text = model_card(clf, f"me/{name}")
        assert text.startswith("---\nlibrary_name: wavenetlite\npipeline_tag: audio-classification\nlicense: other\n")
        assert f'clf = wl.load("hf://me/{name}")' in text
        for part in ("## Model", "## Data", "## Accuracy", "## Recipe", "## Licence", "CC BY", f"{clf.sr} Hz"):
            assert part in text
        assert clf.info["licence"] in text.replace("\\", "")
        assert clf.info["attribution"] in text.replace("\\", "")
    assert "at 1 false alarms an hour: 0.0365" not in text
    assert "false alarms an hour" in model_card(wl.load("wake-words-telephone"))


def test_a_card_of_little():
    text = model_card(wl.nn.Linear(3, 2))
    assert "Not stated." in text
    assert "pipeline_tag" not in text
    assert 'model = wl.load("hf://owner/name")' in text
    assert "## Data" not in text


def test_notes_are_no_markup():
    text = model_card(classifier({"licence": "a\n---\nb", "data": {"<b>": "| [x](y) `z`"}}))
    assert "n\\|o" in text
    assert "\\<b\\>: \\| \\[x\\](y) \\`z\\`" in text
    assert text.count("\n---\n") == 1
