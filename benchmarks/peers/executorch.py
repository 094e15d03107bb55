"""ExecuTorch with XNNPACK: PyTorch's program with its caches in and out, exported and lowered, one thread."""

from importlib.metadata import version

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
from executorch.runtime import Runtime

from benchmarks.contenders import TOLERANCE, Calls
from benchmarks.models import Network
from benchmarks.peers.pytorch import Step, given, rows


class ExecuTorch:
    """The contender, in float32."""

    version = f"executorch {version('executorch')}"
    tolerance = TOLERANCE

    def __init__(self) -> None:
        torch.set_num_threads(1)
        _unsafe_reset_threadpool(1)

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> Calls:
        return ExecuTorchRunner(network, frames, clips, streaming=streaming)


class ExecuTorchRunner(Calls):
    """A loaded method, and its caches, which go from call to call."""

    def __init__(self, network: Network, frames: int, clips: int, *, streaming: bool):
        super().__init__(frames, clips)
        shapes = network.caches().values() if streaming else ()
        self._caches = [torch.zeros(1, channels, past) for channels, past in shapes]
        self._x = torch.zeros(clips, network.in_channels, frames)
        step = Step(network, streaming=streaming).eval()
        with torch.no_grad():
            program = torch.export.export(step, (self._x, *self._caches))
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
        self._program = Runtime.get().load_program(lowered.buffer)
        self._execute = self._program.load_method("forward").execute

    def feed(self, block):
        self._x = given(block)
        y, *self._caches = self._execute([self._x, *self._caches])
        return rows(y, block)

    def run(self, calls):
        execute, x, caches = self._execute, self._x, self._caches
        for _ in range(calls):
            _, *caches = execute([x, *caches])
        self._caches = caches


def open_contender(_: str) -> ExecuTorch:
    """Return ExecuTorch."""
    return ExecuTorch()
