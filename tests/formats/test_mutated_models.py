"""Random damage to model files of every format and to snapshots: they are loaded and run, or refused in one line."""

import mutated_models
import pytest

MISSING = {"keras": "h5py", "h5": "h5py", "pt": "torch", "pt before 1.6": "torch"}
KINDS = [
    *mutated_models.TEXT,
    "own",
    "classifier",
    "locuslab",
    "onnx",
    "tflite",
    "tflite with state",
    "tflite of integers",
    "speech embedding",
    "word with a verifier",
    *MISSING,
    *mutated_models.SNAPSHOTS,
]


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    return mutated_models.originals(tmp_path_factory.mktemp("originals"))


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_one_line(originals, kind, tmp_path):
    if kind not in originals[0] and kind not in originals[1]:
        pytest.skip(f"needs {MISSING[kind]}, to write a file")
    said = [mutated_models.outcome(originals, kind, seed, tmp_path) for seed in range(40)]
    assert not [line for line in said if line.startswith("WRONG")]
    assert any(line.startswith("refused") for line in said)


def test_what_is_not_damaged_is_read(originals, tmp_path):
    for kind, data in originals[0].items():
        mutated_models.read_file(mutated_models.place_of(kind, tmp_path), data)
