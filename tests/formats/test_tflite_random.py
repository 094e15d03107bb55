"""A few of the random Keras models that `random_tflite.py` tries by the hundred."""

import pytest

pytest.importorskip("tensorflow", reason="TensorFlow, which converts the models, is not installed")
pytest.importorskip("ai_edge_litert", reason="LiteRT, the witness, is not installed (pip install ai-edge-litert)")

import random_tflite


@pytest.mark.slow
@pytest.mark.parametrize("kind", random_tflite.KINDS)
def test_random_models(kind, tmp_path):
    said = [random_tflite.outcome(seed, kind, tmp_path) for seed in range(6)]
    assert not [line for line in said if line.startswith("WRONG")]
    assert any(line.startswith("right") for line in said)
