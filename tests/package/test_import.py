"""What `import wavenetlite` loads, and what it offers."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("wavenetlite").origin).parent
HEAVY = {"librosa", "scipy", "torch", "numba", "sklearn", "soundfile", "matplotlib", "pandas", "onnx", "onnxruntime",
         "h5py", "keras", "tensorflow"}  # fmt: skip


def run_python(code):
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_is_light():
    loaded = run_python("import wavenetlite; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert "wavenetlite" in loaded
    assert not HEAVY & set(loaded)


def test_other_formats_are_imported_when_a_file_is_not_ours():
    code = """
import sys, wavenetlite as wl
wl.load("spoken-digits")
print(*(name for name in sys.modules if name.startswith("wavenetlite.formats.")))"""
    assert {name.rpartition(".")[2] for name in run_python(code).split()} <= {"format", "own"}


def test_a_classifier_is_imported_when_a_file_holds_one():
    code = """
import sys, wavenetlite as wl
rooms = {"wavenetlite.classifier", "wavenetlite.features", "wavenetlite.detection"}
assert not rooms & set(sys.modules)
wl.load("speech-commands-12")
assert rooms <= set(sys.modules)
"""
    run_python(code)


def test_running_a_model_is_light():
    code = """
import numpy as np, wavenetlite as wl
wl.TCN(3, 2, channels=4, dilations=[1, 2])(np.zeros((9, 3), np.float32))
print(*{name.split('.')[0] for name in sys.modules})"""
    assert not HEAVY & set(run_python(code).split())


def test_a_prediction_needs_no_masked_arrays():
    """NumPy imports them when they are first named; they would be a tenth of what this takes."""
    code = """
import sys, numpy as np, wavenetlite as wl
clf = wl.load("speech-commands-12")
clf.predict(np.zeros(16000, np.float32), sr=16000)
stream = clf.stream(sr=16000)
stream.process(np.zeros(16000, np.float32))
out = np.empty((9, 2), np.float32)
wl.TCN(3, 2, channels=4, dilations=[1, 2]).stream().process(np.zeros((9, 3), np.float32), out=out)
assert "numpy.ma" not in sys.modules
masked = np.ma.masked_array(np.zeros(160, np.float32), np.arange(160) == 3)
for call in (clf.predict, stream.process, clf.features.stream().process, clf.features):
    try:
        call(masked)
    except wl.ArrayTypeError as error:
        continue
    print(call)
"""
    assert run_python(code) == ""


def test_a_prediction_needs_little_of_the_standard_library():
    """Each of these takes a hundredth of the time from the start to a prediction, or more, and does nothing for it."""
    code = """
import sys, numpy as np
before = set(sys.modules)
import wavenetlite as wl
wl.load("speech-commands-12").predict(np.zeros((2, 16000), np.float32), threads=2)
print(*set(sys.modules) - before)
"""
    loaded = set(run_python(code).split())
    assert not {"concurrent.futures", "logging", "hashlib", "html", "html.entities", "asyncio"} & loaded
    assert "wavenetlite.evaluation.self_check" not in loaded


def test_the_features_of_a_corpus_need_no_networks(tmp_path):
    """They are 200 modules, and a fifth of the time of a run in which nothing has changed."""
    code = f"""
import sys, numpy as np
from wavenetlite import audio
from wavenetlite.cli import main
for name in ("a", "b"):
    audio.write({str(tmp_path)!r} + f"/{{name}}.wav", np.sin(np.arange(8000, dtype=np.float32)) / 2, 16000)
for _ in range(2):
    assert main(["features", {str(tmp_path)!r}, {str(tmp_path)!r} + "-features", "--quiet"]) == 0
print(*{{".".join(name.split(".")[:2]) for name in sys.modules}} & {{f"wavenetlite.{{room}}" for room in (
    "nn", "nodes", "graph", "engine", "formats", "classifier", "train", "recipes", "figures", "evaluation")}})"""
    assert run_python(code).split() == []


@pytest.mark.parametrize("model", [
    "wl.TCN(3, 2, channels=4, dilations=[1, 2])",
    "wl.AudioClassifier(features=wl.LogMel(n_mels=3), model=wl.TCN(3, 2, channels=4, dilations=[1]), labels=[*'ab'])",
])  # fmt: skip
def test_a_model_is_saved_by_whoever_has_loaded_none(tmp_path, model):
    run_python(f"import wavenetlite as wl; {model}.save({str(tmp_path / 'm.safetensors')!r})")
    run_python(f"import wavenetlite as wl; wl.load({str(tmp_path / 'm.safetensors')!r})")


def test_what_is_lazy_is_there():
    code = """
import wavenetlite as wl
from wavenetlite import nn, formats
assert wl.nn is nn and wl.formats is formats and wl.load is formats.load
assert wl.WaveNet is nn.WaveNet and wl.generate is nn.generation.generate
"""
    run_python(code)


def test_blake2_is_hashlibs():
    code = """
import hashlib
from wavenetlite.support.blake2 import blake2b
one, other = (make(b"a", digest_size=16, person=b"p").digest() for make in (blake2b, hashlib.blake2b))
assert one == other
"""
    run_python(code)


def test_public_names():
    code = """
import wavenetlite as wl
for name in ("WaveNet TCN Sequential nn load verify_stream isa WavenetliteError ParameterError ArrayTypeError "
             "StreamStateError ModelFileError StreamMismatchError TrainingError AudioClassifier detection "
             "__version__").split():
    getattr(wl, name)
assert set(wl.__all__) <= set(dir(wl)), set(wl.__all__) - set(dir(wl))
"""
    run_python(code)


def test_typing_information_is_shipped():
    assert (PACKAGE / "py.typed").exists()
    compiled = [path for path in PACKAGE.rglob("*.pyx") if not path.name.startswith("_")]
    assert all(path.with_suffix(".pyi").exists() for path in compiled)


def test_a_folder_that_is_not_built_names_the_remedy(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "wavenetlite", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    command = [sys.executable, "-c", "import wavenetlite"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    last = done.stderr.strip().split("\n")[-1]
    assert done.returncode == 1
    assert last.startswith(f"ImportError: wavenetlite is not built for Python 3.{sys.version_info[1]} in {tmp_path}")
    assert "`make demo`" in last and "`pip install -e .`" in last
