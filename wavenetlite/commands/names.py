"""The names of the commands, and what each does."""

COMMANDS = {
    "train": "train a classifier on a folder of recordings",
    "evaluate": "measure a classifier on a folder of recordings",
    "detections": "measure how well a classifier detects words in running speech",
    "wake-word": "make a wake word from its text, with voices of programs",
    "classify": "classify audio files",
    "listen": "detect events from a microphone",
    "serve": "serve classifiers over the network",
    "features": "turn recordings into features for training",
    "info": "describe a model",
    "verify": "check that a model streams bit for bit",
    "bench": "measure how fast a model streams",
    "convert": "convert a model to another format",
    "quantize": "make a model that computes with integers of 8 bits",
    "render": "process audio with a network that makes audio",
    "speak": "make audio of log-mel features, by a vocoder",
    "play": "the same live, from an input to an output",
    "completion": "print what makes a shell complete this command",
}
"""Each is a module of this package, imported when the command line names it."""


def module_of(command: str) -> str:
    """The module of a command."""
    return f"wavenetlite.commands.{command.replace('-', '_')}"
