"""Random damage to archives, manifests and feature sets: they are read or refused in one line, and quickly."""

import mutated_sources
import pytest


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return mutated_sources.Originals(tmp_path_factory.mktemp("mutated") / "data")


@pytest.mark.parametrize("kind", mutated_sources.KINDS)
def test_damage_is_one_line(originals, kind):
    said = [mutated_sources.outcome(originals, kind, seed) for seed in range(60)]
    assert not [line for line in said if line.startswith("WRONG")]
    assert any(line.startswith("refused") for line in said)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip", "csv", "tsv", "jsonl", "json"])
def test_what_is_not_damaged_is_read(originals, kind):
    mutated_sources.read_source(originals, kind, originals.data[kind], whole=True)
