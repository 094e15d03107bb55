"""Model A as a wavenetlite Module: what a user writes for a network that the package does not have."""

from functools import reduce

import wavenetlite as wl
from benchmarks.models import AMP_ARRAYS, AMP_DILATIONS, AMP_KERNEL_SIZE
from wavenetlite import nodes


class AmpArray(wl.nn.Module):
    """One array of ten ungated blocks between a 1x1 convolution in and one, the head, out."""

    def __init__(self, in_channels: int, channels: int, head_channels: int, *, head_bias: bool) -> None:
        self.input = wl.nn.Conv1d(in_channels, channels, 1, bias=False)
        self.blocks = [
            wl.nn.GatedResidualBlock(
                channels, kernel_size=AMP_KERNEL_SIZE, dilation=dilation, condition_channels=1, gated=False
            )
            for dilation in AMP_DILATIONS
        ]
        self.head = wl.nn.Conv1d(channels, head_channels, 1, bias=head_bias)
        self.in_channels, self.out_channels = in_channels, head_channels

    def children(self):
        blocks = {f"blocks.{i}": block for i, block in enumerate(self.blocks)}
        return {"input": self.input, **blocks, "head": self.head}

    def outputs(self, x, sample, heads):
        """Both outputs, residual and head; `heads` are added to the sum that the head convolution takes."""
        x = self.input.connect(x)
        for block in self.blocks:
            x, z = block.outputs(x, sample)
            heads = [*heads, z]
        return x, self.head.connect(reduce(nodes.add, heads))


class AmpModeler(wl.nn.Module):
    """Neural Amp Modeler's A1 standard WaveNet, two arrays conditioned on the sample itself."""

    in_channels = 1
    out_channels = 1
    condition_channels_needed = 0  # the blocks' conditioning is the input: callers give none

    def __init__(self) -> None:
        (channels, head), (last_channels, last_head) = AMP_ARRAYS
        self.first = AmpArray(1, channels, head, head_bias=False)
        self.second = AmpArray(channels, last_channels, last_head, head_bias=True)

    def children(self):
        return {"arrays.0": self.first, "arrays.1": self.second}

    def build(self, x, c):
        hidden, head = self.first.outputs(x, x, [])
        return self.second.outputs(hidden, x, [head])[1]
