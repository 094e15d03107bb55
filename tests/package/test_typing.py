"""What type checkers and editors see is what there is."""

import ast
import importlib.util
import textwrap
from pathlib import Path

import pytest

import wavenetlite as wl

PACKAGE = Path(importlib.util.find_spec("wavenetlite").origin).parent


def stub():
    return ast.parse((PACKAGE / "__init__.pyi").read_text())


def test_the_stub_of_the_package_names_what_the_package_names():
    lists = [node.value for node in stub().body if isinstance(node, ast.Assign)]
    assert [ast.literal_eval(one) for one in lists] == [wl.__all__]
    imported = {alias.name for node in stub().body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(wl.__all__)


@pytest.mark.parametrize("name", wl.__all__)
def test_every_name_is_there(name):
    """And it is the same thing as where the stub says that it lies."""
    homes = {alias.name: node.module for node in stub().body if isinstance(node, ast.ImportFrom)
             for alias in node.names}  # fmt: skip
    thing = getattr(wl, name)
    home = importlib.import_module(homes[name])
    assert thing is getattr(home, name, None) or thing is importlib.import_module(f"wavenetlite.{name}")


def test_predictions_are_typed(tmp_path):
    api = pytest.importorskip("mypy.api", reason="without mypy")
    path = tmp_path / "use.py"
    path.write_text(
        textwrap.dedent("""
        import numpy as np
        import numpy.typing as npt
        import wavenetlite as wl

        def use(clf: wl.AudioClassifier, y: npt.NDArray[np.float32], pool: wl.ClassifierPool) -> None:
            reveal_type(clf.predict(y))
            reveal_type(clf.predict("yes.wav").label)
            reveal_type(clf.predict([0.0, 0.5]))
            reveal_type(clf.predict([y, y])[0].score)
            reveal_type(clf.predict(["yes.wav"]))
            reveal_type(clf.stream().process(y)[0].time_s)
            reveal_type(clf.with_threshold(0.5).detector)
            reveal_type(pool.process({1: y}))
            reveal_type(wl.Sequential([wl.nn.ReLU()])[0])
            reveal_type(wl.models.names())
        """)
    )
    out, error, _ = api.run(["--strict", "--cache-dir", str(tmp_path / "cache"), str(path)])
    seen = [line.split('"')[1].replace("builtins.", "") for line in out.splitlines() if "Revealed type" in line]
    prediction, event = "wavenetlite.classifier.decision.Prediction", "wavenetlite.classifier.event.Event"
    assert seen == [
        prediction, "str", prediction, "float", f"list[{prediction}]", "float",
        "wavenetlite.detection.detector.Detector", f"dict[int, list[{event}]]", "wavenetlite.nn.module.Module",
        "list[str]",
    ], out + error  # fmt: skip
