"""The rooms of the package: each imports from lower floors only. This list is the architecture."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("wavenetlite").origin).parent

FLOORS = [
    {"__main__"},
    {"__init__", "cli"},
    {"commands", "sklearn"},
    {"serve", "client"},
    {"recipes"},
    {"figures"},
    {"evaluation", "formats", "hub"},
    {"classifier", "vocoder"},
    {"train", "quantization", "receptive_field"},
    {"nn"},
    {"engine", "pipeline"},
    {"nodes", "corpora"},
    {"graph"},
    {"ops", "features", "detection", "audio", "storage"},
    {"models"},
    {"kernels", "support"},
]
"""From the top down. A room imports from lower floors only, never from another room of its own floor."""

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([.\w]+)\s+c?import\s+\(?([\w\s,*]*)|c?import\s+([\w., ]+))")


def room_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def sources():
    return sorted(path for suffix in ("py", "pyi", "pyx", "pxd") for path in PACKAGE.rglob(f"*.{suffix}"))


def python_imports(path):
    """(module, names) for every import of a Python file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module, [alias.name for alias in node.names]


def cython_imports(path):
    """The same for a Cython file, line by line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        match = CYTHON_IMPORT.match(line)
        if match and match[1]:
            yield match[1], re.findall(r"\w+", match[2])
        elif match:
            yield from ((name.split()[0], []) for name in match[3].split(",") if name.strip())


def imported_modules(path):
    """Full names of everything a file may import: `from a import b` counts as a and as a.b."""
    reader = python_imports if path.suffix in (".py", ".pyi") else cython_imports
    for module, names in reader(path):
        yield module
        yield from (f"{module}.{name}" for name in names)


def imported_rooms(path):
    ours = [module.split(".") for module in imported_modules(path) if module.split(".")[0] == "wavenetlite"]
    return {module[1] for module in ours if len(module) > 1 and module[1] in FLOOR_OF}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_from_lower_floors(path):
    room = room_of(path)
    above = {other for other in imported_rooms(path) - {room} if FLOOR_OF[other] <= FLOOR_OF[room]}
    assert not above, f"{room} imports {', '.join(sorted(above))}, which must lie on lower floors"
    if room != "cli" and room != "__init__":
        assert "commands" not in imported_rooms(path) - {room}


@pytest.mark.parametrize("path", [path for path in sources() if path.suffix in (".py", ".pyi")],
                         ids=lambda path: str(path.relative_to(PACKAGE)))  # fmt: skip
def test_our_own_modules_are_imported_at_the_top(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tried = [node for part in tree.body if isinstance(part, ast.Try) for node in part.body]
    top = {id(node) for node in [*tree.body, *tried]}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(name.split(".")[0] == "wavenetlite" for name in names), (
                f"line {node.lineno}: {ast.unparse(node)}"
            )


def test_no_circles_of_modules():
    """No module imports itself by way of others (the packages' faces aside, which name what lies in them)."""
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
               for path in sources() if path.suffix in (".py", ".pyx")}  # fmt: skip
    reads = {name: {other for other in imported_modules(path) if other in modules and other != name}
             for name, path in modules.items()}  # fmt: skip
    done, path_to_here = set(), []

    def walk(name):
        assert name not in path_to_here, " -> ".join([*path_to_here[path_to_here.index(name) :], name])
        if name not in done:
            path_to_here.append(name)
            for other in sorted(reads[name]):
                walk(other)
            done.add(path_to_here.pop())

    for name in sorted(modules):
        walk(name)


def test_every_room_has_a_floor():
    assert {room_of(path) for path in sources()} == set(FLOOR_OF)


def test_only_the_face_and_the_command_are_loose():
    assert {path.stem for path in sources() if path.parent == PACKAGE} == {"__init__", "__main__", "cli"}


def test_kernels_need_only_numpy():
    for path in sources():
        if room_of(path) == "kernels":
            foreign = {module.split(".")[0] for module in imported_modules(path)} - {"wavenetlite"}
            assert foreign <= {"__future__", "libc", "cython", "cpython", "numpy"} | sys.stdlib_module_names, path


def test_the_page_shows_these_floors():
    page = Path(__file__).parents[2] / "docs" / "architecture.md"
    picture = re.search(r"```\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[1]
    names = [line.split("  ")[0] for line in picture.splitlines() if not line.startswith(" ")]
    assert [set(line.split(", ")) for line in names] == FLOORS
