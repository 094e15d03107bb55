"""Recipes: from a corpus to a model in one call."""

from wavenetlite.recipes.recipe import DEVELOPMENT, Recipe, default_recipe, recipes, train_classifier
from wavenetlite.recipes.spotting import SpottingRecipe, cross_validate, train_spotter
from wavenetlite.recipes.voice_activity import VoiceActivityRecipe, read_talk, train_voice_activity

__all__ = [
    "DEVELOPMENT", "Recipe", "SpottingRecipe", "VoiceActivityRecipe", "cross_validate", "default_recipe", "read_talk",
    "recipes", "train_classifier", "train_spotter", "train_voice_activity",
]  # fmt: skip
