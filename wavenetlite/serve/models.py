"""The models of a server: one pool each, and after a reload the old one until its last stream has gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wavenetlite import models as bundled
from wavenetlite.classifier import AudioClassifier
from wavenetlite.formats.classifiers import load_classifier
from wavenetlite.serve.inbox import Inbox
from wavenetlite.serve.limits import RequestError
from wavenetlite.serve.session import Session
from wavenetlite.storage import files
from wavenetlite.support.errors import ParameterError

if TYPE_CHECKING:
    from typing import Any


class ServedModel:
    """A classifier, its pool, the streams in it, and those of them that a tick must look at."""

    def __init__(self, name: str, classifier: AudioClassifier, capacity: int) -> None:
        self.name = name
        self.classifier = classifier
        self.pool = classifier.pool(capacity)
        self.sessions: dict[int, Session] = {}
        self.listed: list[Inbox] = []

    @property
    def words(self) -> list[str]:
        """Labels that trigger events."""
        return [label for label in self.classifier.labels if label not in self.classifier.background]

    def describe(self) -> dict[str, Any]:
        clf = self.classifier
        return {"name": self.name, "labels": clf.labels, "words": self.words, "sr": clf.sr,
                "frame_rate": clf.frame_rate, "latency_s": clf.latency_s, "streams": len(self.sessions)}  # fmt: skip


def bundled_classifiers() -> list[str]:
    """The bundled models that can be served: not vocoders, which make audio."""
    return [name for name in bundled.names() if files.info(name).config["type"] == "AudioClassifier"]


class Models:
    """Models by name, loaded from files or by the names of bundled ones.

    Parameters
    ----------
    sources
        ``NAME``, ``FILE`` or ``NAME=FILE``; none: all bundled classifiers. The first is what a request without a name
        gets.
    capacity
        Streams that each can have.
    """

    def __init__(self, sources: Iterable[str], capacity: int) -> None:
        self.sources = dict(map(named_source, list(sources) or bundled_classifiers()))
        self.capacity = capacity
        self._newest = self._load()
        self._older: list[ServedModel] = []

    def __iter__(self) -> Iterator[ServedModel]:
        """All that have streams, or new ones could get."""
        return iter([*self._newest.values(), *self._older])

    @property
    def newest(self) -> list[ServedModel]:
        return list(self._newest.values())

    def find(self, name: str | None) -> ServedModel:
        """The newest of a name; None: the first model."""
        if name is None:
            return next(iter(self._newest.values()))
        if name not in self._newest:
            raise RequestError(404, f"model={name!r} must be one of {', '.join(self._newest)}")
        return self._newest[name]

    def versions(self, name: str) -> list[ServedModel]:
        """All of a name, the newest first."""
        return [self.find(name), *(old for old in reversed(self._older) if old.name == name)]

    def read(self) -> dict[str, AudioClassifier]:
        """The classifiers as their files are now; takes time, changes nothing, may run in a thread."""
        return {name: load_classifier(source) for name, source in self.sources.items()}

    def replace(self, classifiers: dict[str, AudioClassifier]) -> list[str]:
        """Give new streams these classifiers; returns the names of those that differ from before."""
        changed = []
        for name, classifier in classifiers.items():
            old = self._newest[name]
            if classifier.design().fingerprint != old.classifier.design().fingerprint:
                self._older.append(old)
                self._newest[name] = ServedModel(name, classifier, self.capacity)
                changed.append(name)
        self.sweep()
        return changed

    def sweep(self) -> None:
        """Let go of old models that have no stream any more."""
        self._older = [old for old in self._older if old.sessions]

    def _load(self) -> dict[str, ServedModel]:
        return {name: ServedModel(name, clf, self.capacity) for name, clf in self.read().items()}


def named_source(text: str) -> tuple[str, str]:
    """The name and the source of ``NAME``, ``FILE`` or ``NAME=FILE``."""
    name, equals, source = text.partition("=")
    if equals and name and source and "/" not in name:
        return name, source
    if text in bundled.names():
        return text, text
    stem = Path(text).stem
    if not stem:
        raise ParameterError(f"model={text!r} must be a bundled model, a file, or NAME=FILE")
    return stem, text
