"""What renders audio block by block, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.commands.voice import Voice
from wavenetlite.nn import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.vocoder import Vocoder


class CopySynthesis:
    """A vocoder for each channel, of frames of its own audio; the output is as long as the input."""

    def __init__(self, vocoder: Vocoder, channels: int, voice: Voice) -> None:
        self.channels, self.hop = channels, vocoder.features.hop_length
        self.features = [vocoder.features.stream() for _ in range(channels)]
        self.voices = [vocoder.stream(**voice) for _ in range(channels)]
        self.begun, self.given = 0, 0
        after = vocoder.features.frame_length - self.hop - vocoder.lead
        self.silence = np.zeros((after, channels), np.float32)
        for features in self.features:
            features.process(np.zeros(vocoder.lead, np.float32))  # which completes no frame

    def process(self, block: Floats) -> Floats:
        """(samples,) or (samples, channels) -> (samples that are complete, channels)."""
        rows = block.reshape(len(block), self.channels)
        self.begun += len(rows)
        made = [
            stream.process(features.process(np.ascontiguousarray(column)))
            for stream, features, column in zip(self.voices, self.features, rows.T, strict=True)
        ]
        self.given += len(made[0])
        return np.stack(made, axis=1)

    def flush(self) -> Floats:
        """The rest, which is made of frames that reach into the silence after the end."""
        begun, given = self.begun, self.given
        rest = self.process(np.concatenate([np.zeros((-begun % self.hop, self.channels), np.float32), self.silence]))
        owed = np.stack([voice.flush() for voice in self.voices], axis=1)
        return np.concatenate([rest, owed])[: begun - given]


class Renderer:
    """The streams of the channels: one for all, or one for each."""

    def __init__(self, model: Module, channels: int) -> None:
        together = model.in_width == channels
        self.streams = [model.stream() for _ in range(1 if together else channels)]
        self.width = channels // len(self.streams)
        self.channels = len(self.streams) * model.plan().out_channels
        if not together and model.plan().out_channels != 1:
            made = model.plan().out_channels
            raise ParameterError(f"the model gives {made} channels for one; IN must have one channel (--mono)")

    def process(self, block: Floats) -> Floats:
        """(samples,) or (samples, channels) -> (samples, channels out)."""
        rows = block.reshape(len(block), self.width * len(self.streams))
        parts = [np.ascontiguousarray(rows[:, i * self.width : (i + 1) * self.width]) for i in range(len(self.streams))]
        return np.concatenate([stream.process(x) for stream, x in zip(self.streams, parts, strict=True)], axis=1)

    def flush(self) -> Floats:
        """The remaining output of a network with latency."""
        return np.concatenate([stream.flush() for stream in self.streams], axis=1)


class Chain:
    """Renderers one after the other."""

    def __init__(self, renderers: Sequence[CopySynthesis | Renderer], channels: int) -> None:
        self.renderers, self.channels_in = renderers, channels
        self.channels = renderers[-1].channels

    def process(self, block: Floats) -> Floats:
        for renderer in self.renderers:
            block = renderer.process(block)
        return block

    def flush(self) -> Floats:
        """The remaining output of what has latency."""
        rest: Floats = np.zeros((0, self.channels_in), np.float32)
        for renderer in self.renderers:
            rest = np.concatenate([renderer.process(rest), renderer.flush()])
        return rest
