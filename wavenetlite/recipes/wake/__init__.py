"""Wake words from their text: voices say them, and small networks learn to hear them."""

from wavenetlite.recipes.wake.settings import EFFORTS, Effort
from wavenetlite.recipes.wake.wake_word import WakeWord, train_wake_word

__all__ = ["EFFORTS", "Effort", "WakeWord", "train_wake_word"]
