"""The model card of a network or a classifier: what is known of it, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.nn.module import Module
from wavenetlite.support.version import __version__
from wavenetlite.vocoder import Vocoder

SECTIONS = {"data": "Data", "accuracy": "Accuracy", "recipe": "Recipe", "init": "Began with"}
"""Notes with a section of their own, in order; the others come last, together."""
FIRST = ("attribution", "licence")


def model_card(model: Module | AudioClassifier | Vocoder, name: str = "") -> str:
    """The card of a model: how to use it, what it is, and the notes that it was saved with.

    Parameters
    ----------
    model
        A classifier, whose ``info`` tells of data, recipe, accuracy and licence, or a network.
    name
        Its repository, "owner/name", for the lines that show its use.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> print(wl.hub.model_card(wl.load("spoken-digits"), "me/digits").splitlines()[0])
    ---
    """
    info = dict(getattr(model, "info", {}))
    title = name or str(info.get("name") or type(model).__name__)
    lines = [*front_matter(model, info), "", f"# {plain(title)}", "", *usage(model, name)]
    lines += ["", "## Model", "", *table(facts(model))]
    for key, title in SECTIONS.items():
        if info.get(key):
            lines += ["", f"## {title}", "", *listing(info[key])]
    if more := {key: value for key, value in info.items() if key not in (*SECTIONS, *FIRST, "name")}:
        lines += ["", "## Notes", "", *listing(more)]
    lines += ["", "## Licence", "", plain(info.get("licence") or "Not stated."), *attribution(info)]
    return "\n".join(lines) + "\n"


def front_matter(model: Any, info: Mapping[str, Any]) -> list[str]:
    """The metadata that the Hub reads; JSON is YAML."""
    task = ["pipeline_tag: audio-classification"] if isinstance(model, AudioClassifier) else []
    licence = ["license: other", f"license_name: {json.dumps(info['licence'])}"] if info.get("licence") else []
    return ["---", "library_name: wavenetlite", *task, *licence, "tags: [audio, streaming, wavenetlite]", "---"]


def usage(model: Any, name: str) -> list[str]:
    """A block of code that loads and uses it."""
    use = "vocoder.speak(frames)" if isinstance(model, Vocoder) else "model.stream()"
    if isinstance(model, AudioClassifier):
        use = 'clf.predict("sound.wav").label'
    load = f'{use.partition(".")[0]} = wl.load("hf://{name or "owner/name"}")'
    return ["```python", "import wavenetlite as wl", "", load, use, "```"]


def facts(model: Any) -> dict[str, Any]:
    network = model if isinstance(model, Module) else model.model
    known: dict[str, Any] = {}
    if isinstance(model, AudioClassifier):
        known = {
            "labels": ", ".join(model.labels),
            "sample rate": f"{model.sr} Hz",
            "features": repr(model.features),
            "latency": f"{1000 * model.latency_s:g} ms",
            "decision": model.decision,
            **({"priors": model.priors} if model.priors else {}),
            "events": repr(model.detector),
        }
    elif isinstance(model, Vocoder):
        known = {"sample rate": f"{model.sr} Hz", "features": repr(model.features)}
    return {
        **known,
        "network": type(network).__name__,
        "parameters": f"{network.parameter_count:,}",
        "receptive field": f"{network.receptive_field:,} frames",
        "written by": f"wavenetlite {__version__}",
    }


def table(values: Mapping[str, Any]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {plain(name)} | {plain(value)} |" for name, value in values.items())]


def listing(value: Any, depth: int = 0) -> Iterator[str]:
    """Notes as a nested list; what is empty is left out."""
    if not isinstance(value, Mapping):
        yield f"{'  ' * depth}- {plain(value)}"
        return
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield f"{'  ' * depth}- {plain(name)}:"
            yield from listing(inner, depth + 1)
        elif inner not in (None, "", [], {}, ()):
            yield f"{'  ' * depth}- {plain(name)}: {plain(inner)}"


def attribution(info: Mapping[str, Any]) -> list[str]:
    return ["", f"Data: {plain(info['attribution'])}"] if info.get("attribution") else []


def plain(value: Any) -> str:
    """Text that is no markup, on one line."""
    text = " ".join((value if isinstance(value, str) else json.dumps(value, default=str)).split())
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>|" else one for one in text)
