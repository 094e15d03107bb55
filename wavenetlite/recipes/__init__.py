"""Recipes: from a corpus to a model in one call."""

from wavenetlite.recipes.recipe import DEVELOPMENT, Recipe, default_recipe, recipes, train_classifier
from wavenetlite.recipes.spotting import SpottingRecipe, cross_validate, train_spotter
from wavenetlite.recipes.wake import WakeWord, train_wake_word

__all__ = [
    "DEVELOPMENT", "Recipe", "SpottingRecipe", "WakeWord", "cross_validate", "default_recipe", "recipes",
    "train_classifier", "train_spotter", "train_wake_word",
]  # fmt: skip
