"""Training."""

from wavenetlite.train.parameters import Parameters
from wavenetlite.train.tape import Tape

__all__ = ["Parameters", "Tape"]
