"""The directions of imports that the design fixes, and what `import wavenetlite` loads."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("wavenetlite").origin).parent
LEAVES = {"formats", "train", "pipeline", "cli", "commands"}
PARTS_ABOVE_NN = {"features", "classify", "classifier_pool", "detect", "_detect", "audio", "models"} | LEAVES

# part -> the parts of the package it may import; parts that are not named may import anything but the leaves
ALLOWED = {
    "errors": set(),
    "kernels": {"kernels"},
    "engine": {"engine", "kernels", "checks", "errors"},
    "ops": {"ops", "checks", "engine", "errors", "kernels"},
    "receptive_field": {"receptive_field", "nn", "engine", "canvas", "checks", "errors"},
    "canvas": {"errors"},
    "_detect": {"errors"},
    "_snapshot": {"errors"},
    "detect": {"_detect", "checks", "errors"},
    "classifier_pool": {"classify", "errors", "features", "nn", "pool", "stream", "engine"},
    "classify": {
        "_detect",
        "_snapshot",
        "checks",
        "classifier_pool",
        "detect",
        "engine",
        "errors",
        "features",
        "files",
        "nn",
        "stream",
    },
    "models": {"errors"},
}
FORBIDDEN = {
    "nn": PARTS_ABOVE_NN - {"formats"},
    "stream": PARTS_ABOVE_NN,
    "pool": PARTS_ABOVE_NN,
    "features": {"nn", "engine", "stream", "pool", "classify", "detect", "_detect"} | LEAVES,
    "audio": {"nn", "engine", "stream", "pool", "features", "classify", "detect", "_detect"} | LEAVES,
}
HEAVY = {"librosa", "scipy", "torch", "numba", "sklearn", "soundfile", "matplotlib", "pandas", "onnx", "onnxruntime",
         "h5py", "keras", "tensorflow"}  # fmt: skip
CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([.\w]+)\s+c?import\s+\(?([\w\s,*]*)|c?import\s+([\w., ]+))")


def part_of(path):
    """The part of the house a source file belongs to: "nn", "engine", "errors", ..."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def python_imports(path):
    """(module, names) for every import of a Python file, relative ones made absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield absolute(path, "." * node.level + (node.module or "")), [alias.name for alias in node.names]


def cython_imports(path):
    """The same for a Cython file, line by line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        match = CYTHON_IMPORT.match(line)
        if match and match[1]:
            yield absolute(path, match[1]), re.findall(r"\w+", match[2])
        elif match:
            yield from ((name.split()[0], []) for name in match[3].split(",") if name.strip())


def absolute(path, module):
    level = len(module) - len(module.lstrip("."))
    if level == 0:
        return module
    base = ["wavenetlite", *path.relative_to(PACKAGE).parts[:-1]]
    return ".".join([*base[: len(base) - level + 1], module.lstrip(".")]).rstrip(".")


def imported_modules(path):
    """Full names of everything a file may import: `from a import b` counts as a and as a.b."""
    reader = python_imports if path.suffix in (".py", ".pyi") else cython_imports
    for module, names in reader(path):
        yield module
        yield from (f"{module}.{name}" for name in names)


def imported_parts(path):
    """The parts of wavenetlite that a file imports."""
    ours = [module.split(".") for module in imported_modules(path) if module.split(".")[0] == "wavenetlite"]
    known = {part_of(source) for source in sources()}
    return {module[1] for module in ours if len(module) > 1 and module[1] in known}


def sources():
    return sorted(path for suffix in ("py", "pyi", "pyx", "pxd") for path in PACKAGE.rglob(f"*.{suffix}"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_directions_of_imports(path):
    part, imported = part_of(path), imported_parts(path)
    assert imported <= ALLOWED.get(part, imported)
    assert not imported & FORBIDDEN.get(part, set())
    if part not in LEAVES | {"__init__", "__main__"} and not (part == "nn" and imported & LEAVES == {"formats"}):
        assert not imported & LEAVES


def test_the_walk_sees_imports():
    assert {"nn", "kernels"} <= {part_of(path) for path in sources()}
    assert any("kernels" in imported_parts(path) for path in sources() if part_of(path) == "engine")
    assert "errors" in {part for path in sources() if part_of(path) == "nn" for part in imported_parts(path)}


def test_kernels_need_only_numpy():
    for path in sources():
        if part_of(path) == "kernels":
            foreign = {module.split(".")[0] for module in imported_modules(path)} - {"wavenetlite"}
            assert foreign <= {"libc", "cython", "cpython", "numpy"} | sys.stdlib_module_names, path


def run_python(code):
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_is_light():
    loaded = run_python("import wavenetlite; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert "wavenetlite" in loaded
    assert not HEAVY & set(loaded)


def test_running_a_model_is_light():
    code = """
import numpy as np, wavenetlite as wl
wl.TCN(3, 2, channels=4, dilations=[1, 2])(np.zeros((9, 3), np.float32))
print(*{name.split('.')[0] for name in sys.modules})"""
    assert not HEAVY & set(run_python(code).split())


def test_public_names():
    code = """
import wavenetlite as wl
for name in ("WaveNet TCN Sequential nn load verify_stream isa WavenetliteError ParameterError ArrayTypeError "
             "StreamStateError ModelFileError StreamMismatchError TrainingError AudioClassifier detect "
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
