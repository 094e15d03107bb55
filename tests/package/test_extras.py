"""The core needs NumPy, soundfile, soxr and tqdm; what needs an extra says so in one line, with the command to type."""

import json
import re
import subprocess
import sys
import tomllib

import pytest
from places import ROOT

CORE = {"numpy", "soundfile", "soxr", "tqdm"}
BLOCKED = """
import sys
sys.path[:] = {path!r}
CORE = {core!r} | {{"_soundfile", "_soundfile_data", "cffi", "_cffi_backend", "pycparser",
                  "typing_extensions", "wavenetlite"}}


class OnlyTheCore:
    '''Hides every package but those of a core install.'''

    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package not in CORE and package not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, OnlyTheCore())
"""

IMPORTS = """
import importlib, pkgutil, wavenetlite
from wavenetlite import kernels
foreign = {f"wavenetlite.kernels._{isa}" for isa in {"avx2", "avx512", "vnni"} - set(kernels.available())}
for module in pkgutil.walk_packages(wavenetlite.__path__, "wavenetlite."):
    if not module.name.endswith("__main__") and module.name not in foreign:
        importlib.import_module(module.name)
"""

USES = """
import sys
import numpy as np, wavenetlite as wl
from wavenetlite import train
from wavenetlite.cli import main

rng = np.random.default_rng(0)
y = rng.uniform(-0.5, 0.5, 24000).astype(np.float32)
wl.audio.write("a.flac", y, 24000)
heard = wl.audio.read("a.flac")
assert len(wl.audio.resample(heard.y if hasattr(heard, "y") else heard[0], 24000, 16000)) == 16000
clf = wl.load("speech-commands-12")
clf.pool(2)
assert main(["classify", "a.flac", "--resample", "--events"]) == 0
for spec in (wl.LogMel(), wl.MFCC(lifter=22), wl.PCEN(), wl.Spectrogram(window="blackman"), wl.MuLaw()):
    stream = spec.stream()
    assert (np.concatenate([stream.process(y[:999]), stream.process(y[999:]), stream.flush()]) == spec(y)).all()
model = wl.TCN(4, 2, channels=4, dilations=[1, 2])
x = rng.standard_normal((8, 20, 4), dtype=np.float32)
masks = train.augment.SpecAugment(time_masks=1, most_frames=3, frequency_masks=0, most_bins=0)
train.fit(model, (train.Augment([masks])(x, rng), rng.integers(2, size=8)), epochs=1, batch_size=4)
clf.save("c.safetensors")
wl.load("c.safetensors")
wl.verify_stream(model)
wl.receptive_field.analyse(model)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

ASKED = """
import contextlib, io, json
from pathlib import Path
import numpy as np, wavenetlite as wl
from wavenetlite import figures
from wavenetlite.cli import main
from wavenetlite.formats.tensors import LEGACY
from wavenetlite.train import augment

y = np.zeros((2, 1000), np.float32)
Path("x.pt").write_bytes(LEGACY + b"network.0.net.0.bias network.0.conv2.bias")
Path("x.parquet").write_bytes(b"PAR1")
Path("x.h5").write_bytes(b"\\x89HDF\\r\\n\\x1a\\n" + bytes(100))
for label in ("yes", "no"):
    Path("data", label).mkdir(parents=True)
    for number in range(3):
        wl.audio.write(f"data/{label}/{number}.wav", np.zeros(8000, np.float32), 8000)
noise = np.random.default_rng(0)

FUNCTIONS = {
    "librosa": lambda: wl.Librosa("rms"),
    "a spec of librosa": lambda: wl.features.from_config({"type": "Librosa", "name": "rms", "sr": 16000}),
    "window": lambda: wl.LogMel(window="chebwin"),
    "speed": lambda: augment.Speed(0.9, 1.1)(y, noise),
    "band limit": lambda: augment.BandLimit(sr=8000)(y, noise),
    "equaliser": lambda: augment.Equalise(6)(y, noise),
    "room": lambda: augment.Reverb(sr=8000)(y, noise),
    "noise": lambda: augment.BackgroundNoise()(y, noise),
    "figure": lambda: figures.confusion_matrix(np.eye(2, dtype=int), ["a", "b"], "a.png"),
    "extract": lambda: wl.pipeline.extract("data", "out"),
    "source elsewhere": lambda: wl.pipeline.listed("memory://corpus"),
    "table": lambda: wl.pipeline.listed("x.parquet"),
    "set in a table": lambda: wl.pipeline.open("x.parquet"),
    "torch module": lambda: wl.from_torch(object()),
    "torch file": lambda: wl.load("x.pt"),
    "keras file": lambda: wl.load("x.h5"),
    "microphone": lambda: wl.audio.Microphone().__enter__(),
    "to_torch": lambda: wl.nn.Linear(2, 2).to_torch(),
    "estimator": lambda: wl.sklearn.SpeechClassifier(),
    "hub": lambda: wl.load("hf://owner/name"),
    "push": lambda: wl.hub.push(wl.nn.Linear(2, 2), "owner/name"),
    "tensorboard": lambda: wl.train.TensorBoard("runs"),
    "mlflow": lambda: wl.train.MLflow(),
}
COMMANDS = {
    "train": ["train", "data", "--out", "trained"],
    "features": ["features", "data", "out", "--quiet"],
    "processes": ["features", "data", "out", "--quiet", "--processes"],
    "listen": ["listen"],
    "plot": ["info", "speech-commands-12", "--plot", "tree.png"],
    "figure of evaluate": ["evaluate", "none", "none", "--figure", "a.png"],
    "figure of detections": ["detections", "none", "none", "--figure", "a.png"],
    "plot of features": ["features", "none", "none", "--plot", "a.png"],
    "convert": ["convert", "x.h5", "x.safetensors"],
}
said = {}
for name, function in FUNCTIONS.items():
    try:
        function()
        said[name] = "nothing"
    except wl.WavenetliteError as error:
        said[name] = str(error)
for name, words in COMMANDS.items():
    with contextlib.redirect_stderr(io.StringIO()) as stderr, contextlib.redirect_stdout(io.StringIO()):
        status = main(words)
    said[name] = stderr.getvalue().removesuffix("\\n") if status == 1 else f"status {status}"
said["left"] = sorted(path.name for path in Path.cwd().iterdir())
print(json.dumps(said))
"""

NEEDS = {
    "librosa": ("librosa", "librosa"),
    "a spec of librosa": ("librosa", "librosa"),
    "window": ("scipy", "librosa"),
    "speed": ("scipy", "train"),
    "band limit": ("scipy", "train"),
    "equaliser": ("scipy", "train"),
    "room": ("scipy", "train"),
    "noise": ("scipy", "train"),
    "figure": ("matplotlib", "figures"),
    "extract": ("joblib", "pipeline"),
    "source elsewhere": ("fsspec", "remote"),
    "table": ("pyarrow", "arrow"),
    "set in a table": ("pyarrow", "arrow"),
    "torch module": ("torch", "torch"),
    "torch file": ("torch", "torch"),
    "keras file": ("h5py", "keras"),
    "microphone": ("sounddevice", "microphone"),
    "to_torch": ("torch", "torch"),
    "estimator": ("sklearn", "sklearn"),
    "hub": ("huggingface_hub", "hub"),
    "push": ("huggingface_hub", "hub"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "mlflow": ("mlflow", "mlflow"),
    "train": ("scipy", "train"),
    "features": ("joblib", "pipeline"),
    "processes": ("joblib", "pipeline"),
    "listen": ("sounddevice", "microphone"),
    "plot": ("matplotlib", "figures"),
    "figure of evaluate": ("matplotlib", "figures"),
    "figure of detections": ("matplotlib", "figures"),
    "plot of features": ("matplotlib", "figures"),
    "convert": ("h5py", "keras"),
}


def run_with_the_core_alone(code, folder):
    program = BLOCKED.format(path=sys.path, core=CORE) + code
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_imports_with_the_core_alone(tmp_path):
    run_with_the_core_alone(IMPORTS, tmp_path)


@pytest.mark.slow
def test_the_core_hears_streams_trains_and_saves(tmp_path):
    loaded = set(run_with_the_core_alone(USES, tmp_path).splitlines()[-1].split())
    assert loaded >= {"numpy", "soundfile", "soxr"}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return json.loads(run_with_the_core_alone(ASKED, tmp_path_factory.mktemp("asked")))


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_extra_is_one_line_with_the_command(said, name):
    package, extra = NEEDS[name]
    line = f" needs? the package {package}, which is not installed: pip install 'wavenetlite\\[{extra}\\]'"
    assert re.search(line + "$", said[name]), said[name]
    assert "\n" not in said[name]


def test_nothing_is_half_written(said):
    assert said["left"] == ["data", "x.h5", "x.parquet", "x.pt"]


def test_the_extras_are_those_that_the_lines_name():
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("pyproject.toml does not lie beside the tests")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.match(r"[\w.-]+", one)[0] for one in project["dependencies"]}
    assert named == CORE
    brought = {extra: {re.match(r"[\w.-]+", one)[0] for one in packages}
               for extra, packages in project["optional-dependencies"].items()}  # fmt: skip
    others = {("scipy", "librosa"), ("sklearn", "sklearn"), ("mlflow", "mlflow")}
    """Brought by librosa; the modules of scikit-learn and mlflow-skinny."""
    for package, extra in NEEDS.values():
        assert package in brought[extra] or (package, extra) in others
