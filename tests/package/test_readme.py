"""The code of the README and of the pages in docs/ runs as it stands."""

import re
from importlib.util import find_spec

import pytest
from places import ROOT

import wavenetlite as wl
from wavenetlite.train.augment import Transform

OPTIONAL = {"sklearn", "torch"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    if not page.exists():
        pytest.skip(f"{page.name} does not lie beside the tests")
    monkeypatch.chdir(tmp_path)
    for base in (wl.nn.Module, Transform):  # what a page defines is forgotten after it
        monkeypatch.setattr(base, "registry", dict(base.registry))
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        if not all(map(find_spec, OPTIONAL & set(re.findall(r"^(?:import|from) (\w+)", block, flags=re.MULTILINE)))):
            continue  # it shows what can be done with a package that is not installed
        exec(compile(block, str(page), "exec"), names)
    if page.name in ("README.md", "streaming.md"):
        assert blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    if not page.exists():
        pytest.skip(f"{page.name} does not lie beside the tests")
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
