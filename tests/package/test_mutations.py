"""The list of mistakes in .ci/mutations, by which the tests are tested, fits the code."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "mutations"


@pytest.fixture(scope="module")
def script():
    if not SCRIPT.exists():
        pytest.skip("an sdist has no .ci")
    return runpy.run_path(str(SCRIPT))


def test_every_mistake_can_be_made(script):
    problems = [script["problem_of"](*entry) for entry in script["MUTATIONS"]]
    assert not list(filter(None, problems))
    assert len(set(script["MUTATIONS"])) == len(problems) >= 60


@pytest.mark.parametrize(
    ("name", "there", "instead", "tests", "problem"),
    [
        ("setup.py", "there is no such text", "x", "package", "must be there once, not 0 times"),
        ("setup.py", "import", "x", "package", "must be there once"),
        ("no_such_file.py", "import", "x", "package", "not 0 times"),
        ("setup.py", "from Cython import Tempita", "from Cython import Tempita", "package", "and change"),
        ("setup.py", "from Cython import Tempita", "x", "package no_such_room", "there is no tests/no_such_room"),
    ],
)
def test_a_stale_mistake_is_reported(script, name, there, instead, tests, problem):
    assert problem in script["problem_of"](name, there, instead, tests)
