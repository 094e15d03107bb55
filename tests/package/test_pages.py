"""The code of the README, of the pages in docs/ and of the notebooks runs as it stands; what they link to is there."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest
from places import EXAMPLES, ROOT

import wavenetlite as wl

OPTIONAL = {"fsspec", "pyarrow", "sklearn", "torch"}
DOCS = ROOT / "docs"
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")), *sorted(DOCS.rglob("*.md"))]
NOTEBOOKS = sorted(DOCS.rglob("*.ipynb"))
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def text_of(page):
    if not page.exists():
        pytest.skip(f"{page.name} does not lie beside the tests")
    return page.read_text(encoding="utf-8")


def needs_what_is_lacking(code):
    """Whether it shows what can be done with a package that is not installed."""
    return not all(map(find_spec, OPTIONAL & set(re.findall(r"^(?:import|from) (\w+)", code, flags=re.MULTILINE))))


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A folder with the examples in it and a shell that finds the command, as one reads the pages in a clone."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, call in {"python": "", "wavenetlite": "-m wavenetlite"}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(clone)


def run_in_shell(code):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{code}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if not page.exists() or BLOCK.search(page.read_text("utf-8"))],
                         ids=name_of)  # fmt: skip
def test_blocks_run(page, reader):
    names: dict[str, object] = {"__name__": "__page__"}
    for language, code in BLOCK.findall(text_of(page)):
        if language == "sh":
            run_in_shell(code)
        elif needs_what_is_lacking(code):
            return  # what follows may build on it
        else:
            exec(compile(code, str(page), "exec"), names)


def test_most_pages_have_code():
    if not DOCS.is_dir():
        pytest.skip("docs does not lie beside the tests")
    with_code = {name_of(page) for page in PAGES if page.exists() and BLOCK.search(page.read_text("utf-8"))}
    assert {"README.md", "docs/tutorials/train-your-own.md", "docs/concepts/bits.md"} <= with_code
    assert len(with_code) > 15


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebooks_run(notebook, reader, monkeypatch):
    """Cell by cell; without IPython there is no `display`, and figures go nowhere."""
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, object] = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(text_of(notebook))["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{notebook.name}, cell {number}", "exec"), names)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebooks_are_kept_without_what_they_print(notebook):
    for cell in json.loads(text_of(notebook))["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None


def anchors(page):
    """The anchors that mkdocs gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), flags=re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page):
    """The pages of notebooks exist on the site only; `docs/contributing.md` and the like include files of the top."""
    for target, anchor in LINK.findall(text_of(page)):
        path = page.parent / target if target else page
        assert path.exists() or path.with_suffix(".ipynb").exists(), target
        if anchor and path.suffix == ".md":
            included = re.match(r'--8<-- "(.+)"', text_of(path))
            assert anchor in anchors(ROOT / included[1] if included else path), f"{target}#{anchor}"


def test_the_reference_shows_every_public_name():
    """By itself, or with the module that it lies in."""
    pages = "".join(text_of(page) for page in [*(DOCS / "reference" / "api").glob("*.md"), DOCS / "index.md"])
    shown = set(re.findall(r"^::: (wavenetlite\.[\w.]+)$", pages, flags=re.MULTILINE))
    for name in set(wl.__all__) - {"__version__"}:
        found = getattr(wl, name)
        home = found.__name__ if isinstance(found, ModuleType) else found.__module__
        above = {home.rsplit(".", depth)[0] for depth in range(home.count("."))}
        assert shown & {f"wavenetlite.{name}", *above}, name
