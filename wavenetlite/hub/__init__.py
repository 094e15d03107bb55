"""Publishing on the Hugging Face Hub; ``wavenetlite.load("hf://owner/name")`` reads what is there."""

from wavenetlite.hub.card import model_card
from wavenetlite.hub.push import push

__all__ = ["model_card", "push"]
