"""Every example in a docstring runs and says the truth."""

import doctest
import importlib
import pkgutil

import pytest

import wavenetlite

MODULES = [
    module.name
    for module in pkgutil.walk_packages(wavenetlite.__path__, "wavenetlite.")
    if not module.name.startswith("wavenetlite.kernels._")
]
NEEDS = {"wavenetlite.formats.torch_modules": "torch", "wavenetlite.sklearn.speech_classifier": "sklearn",
         "wavenetlite.serve.server": "aiohttp"}  # fmt: skip
"""Optional packages that examples use."""


@pytest.mark.parametrize("name", ["wavenetlite", *MODULES])
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"needs {NEEDS[name]}")
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_the_main_examples_are_really_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test.name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert {
        "wavenetlite.engine.stream.Stream",
        "wavenetlite.nn.convolution.Conv1d",
        "wavenetlite.evaluation.self_check.verify_stream",
    } <= set(found)
