"""Targets from teachers, for clips and for a background."""

import numpy as np
import pytest

from wavenetlite.recipes import Recipe
from wavenetlite.recipes.distillation import mean_and_label, mean_of, tempered
from wavenetlite.support.errors import ParameterError

SAID = np.array([[0.7, 0.2, 0.1]]), np.array([[0.1, 0.2, 0.7]])
LABEL = np.array([[0, 0, 1]], np.float32)


def teachers(*said):
    return [lambda x, temperature, p=p: tempered(np.repeat(p, len(x), axis=0), temperature) for p in said]


def test_clips_have_the_mean_of_the_teachers():
    x = np.zeros((2, 5, 4), np.float32)
    made = mean_of(teachers(*SAID), 1.0)(x, LABEL)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, [[0.4, 0.2, 0.4]] * 2, atol=1e-6)


def test_a_temperature_of_two_takes_roots():
    p = np.array([[0.64, 0.32, 0.04]])
    np.testing.assert_allclose(tempered(p, 2.0), np.sqrt(p) / np.sqrt(p).sum(), atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_a_background_has_the_mean_of_that_and_of_its_label(smoothing):
    made = mean_and_label(teachers(*SAID), 1.0, smoothing)(np.zeros((1, 5, 4), np.float32), LABEL)
    smoothed = (1 - smoothing) * LABEL + smoothing / 3
    np.testing.assert_allclose(made, (np.array([[0.4, 0.2, 0.4]]) + smoothed) / 2, atol=1e-6)
    warm = mean_and_label(teachers(*SAID), 2.0, smoothing)(np.zeros((1, 5, 4), np.float32), LABEL)
    np.testing.assert_allclose(warm, tempered(made, 2.0), atol=1e-6)


def test_what_is_certain_stays_finite():
    certain = np.array([[1.0, 0.0, 0.0]])
    assert np.isfinite(mean_and_label(teachers(certain), 2.0, 0.0)(np.zeros((1, 5, 4), np.float32), LABEL)).all()


def test_a_recipe_has_teachers_as_long_as_its_networks():
    live, commands = (Recipe.named(name) for name in ("live", "commands"))
    taught = live.taught_by(3)
    assert (taught.teachers, taught.teacher_epochs, taught.refining_epochs) == (3, live.epochs, 0)
    assert taught.plan(background=True) == (
        "recipe live trains 4 networks, one after the other: 3 teachers of 140 epochs, then one of 140 epochs that"
        " learns from them; it will hear words that stand alone"
    )
    assert commands.taught_by(1).teacher_epochs == commands.teacher_epochs
    with pytest.raises(ParameterError, match="teachers=0"):
        live.taught_by(0)
