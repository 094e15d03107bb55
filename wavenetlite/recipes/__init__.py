"""Recipes: from a corpus to a model in one call."""

from wavenetlite.recipes.background_steps import DEVELOPMENT
from wavenetlite.recipes.classifier_training import train_classifier
from wavenetlite.recipes.magnitude_vocoder import VocoderRecipe
from wavenetlite.recipes.recipe import Recipe, default_recipe, recipes
from wavenetlite.recipes.said_labels import with_voices
from wavenetlite.recipes.spotting import SpottingRecipe, cross_validate, train_spotter
from wavenetlite.recipes.vocoder import recordings_of, train_vocoder
from wavenetlite.recipes.voice_activity import VoiceActivityRecipe, read_noise, read_talk, train_voice_activity
from wavenetlite.recipes.wake import WakeWord, train_wake_word
from wavenetlite.recipes.wavenet_vocoder import WaveNetVocoderRecipe

__all__ = [
    "DEVELOPMENT", "Recipe", "SpottingRecipe", "VocoderRecipe", "VoiceActivityRecipe", "WakeWord",
    "WaveNetVocoderRecipe", "cross_validate", "default_recipe", "read_noise", "read_talk", "recipes", "recordings_of",
    "train_classifier", "train_spotter", "train_vocoder", "train_voice_activity", "train_wake_word", "with_voices",
]  # fmt: skip
