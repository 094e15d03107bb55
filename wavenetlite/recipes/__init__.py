"""Recipes: from a corpus to a model in one call."""

from wavenetlite.recipes.recipe import DEVELOPMENT, Recipe, default_recipe, recipes, train_classifier
from wavenetlite.recipes.spotting import SpottingRecipe, cross_validate, train_spotter

__all__ = [
    "DEVELOPMENT", "Recipe", "SpottingRecipe", "cross_validate", "default_recipe", "recipes", "train_classifier",
    "train_spotter",
]  # fmt: skip
