"""The command: ``python -m benchmarks``.

Measures the networks of `benchmarks.models` in wavenetlite, ONNX Runtime and PyTorch, one thread each, in turn in the
same run. Whoever is missing is named and left out. Exit status: 0, or 1 when some contender's output was wrong or
nobody could be measured.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import package, report
from benchmarks.contenders import INSTRUCTION_SETS, PEERS
from benchmarks.measure import Case, Effort, Measured, measure
from benchmarks.models import NETWORKS
from benchmarks.worker import Worker, WorkerError

BLOCKS = (1, 16, 64, 256, 1024)
WHOLES = (1000, 10000)
OVERHEAD = Case("call", 1, True)
OVERHEAD_PEERS = ("ort plain", "torch eager")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line asks for; returns the exit status."""
    options = _parser().parse_args(arguments)
    _one_core(options.core)
    workers, missing = _open(_contenders(options))
    for name, reason in missing.items():
        print(f"{name}: not measured: {reason}")
    if not workers:
        print("nobody to measure")
        return 1
    versions = {name: worker.ask("version") for name, worker in workers.items()}
    try:
        measured = [m for key in options.models for m in _model(key, options, workers)]
        measured.append(_overhead(options, workers))
    finally:
        for worker in workers.values():
            worker.close()
    costs = {} if options.no_ours else package.costs()
    if costs:
        print(package.text(costs))
    if options.json:
        data = {"machine": _machine(), "versions": versions, "missing": missing, "package": costs}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(data | {"results": report.as_data(measured)}, indent=1) + "\n")
    return int(any((r.failure or "").startswith("wrong output") for m in measured for r in m.results.values()))


def _parser() -> argparse.ArgumentParser:
    about = "wavenetlite beside ONNX Runtime and PyTorch, one thread each"
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    models = [key for key in NETWORKS if key != OVERHEAD.model]
    parser.add_argument("--models", nargs="+", choices=models, default=models, help="networks (default: all)")
    parser.add_argument("--blocks", nargs="*", type=_frames, default=BLOCKS, help="frames a call of a stream")
    parser.add_argument("--whole", nargs="*", type=_frames, default=WHOLES, help="frames of a whole signal")
    parser.add_argument("--isa", nargs="+", choices=INSTRUCTION_SETS, default=_likely_sets(), help="our kernels")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, metavar="PEER", help="; ".join(PEERS))
    parser.add_argument("--no-peers", action="store_true", help="measure wavenetlite only")
    parser.add_argument("--no-ours", action="store_true", help="measure the peers only")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a measurement")
    parser.add_argument("--core", type=int, help="run everything on this core (Linux)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all results there")
    return parser


def _frames(text: str) -> int:
    frames = int(text)
    if frames < 1:
        raise argparse.ArgumentTypeError(f"{frames} must be a positive number of frames")
    return frames


def _likely_sets() -> tuple[str, ...]:
    """Instruction sets of this machine's architecture; one that this CPU lacks is reported as missing."""
    return ("neon",) if platform.machine().lower() in ("arm64", "aarch64") else ("sse2", "avx2", "avx512")


def _one_core(core: int | None) -> None:
    """Set what the workers inherit: one thread for every library, and the core to stay on."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    if core is not None:
        os.sched_setaffinity(0, {core})


def _contenders(options: argparse.Namespace) -> list[str]:
    ours = [] if options.no_ours else [f"ours {isa}" for isa in options.isa]
    return ours + ([] if options.no_peers else list(options.peers))


def _open(names: Sequence[str]) -> tuple[dict[str, Worker], dict[str, str]]:
    """Start a worker for each contender; returns those that run, and why the others do not."""
    workers, missing = {}, {}
    for name in names:
        worker = Worker(name)
        try:
            worker.ask("version")
            workers[name] = worker
        except WorkerError as error:
            missing[name] = str(error)
            worker.close()
    return workers, missing


def _model(key: str, options: argparse.Namespace, workers: dict[str, Worker]) -> list[Measured]:
    """Measure one network at every length and print its tables."""
    cases = [Case(key, n, True) for n in options.blocks] + [Case(key, n, False) for n in options.whole]
    network = NETWORKS[key]()
    measured = [measure(case, network.macs, workers, _effort(options)) for case in cases]
    if measured:
        print("\n" + report.tables(network, measured) + "\n", flush=True)
    return measured


def _overhead(options: argparse.Namespace, workers: dict[str, Worker]) -> Measured:
    """Measure the price of a call and print it."""
    chosen = {name: worker for name, worker in workers.items() if name not in PEERS or name in OVERHEAD_PEERS}
    measured = measure(OVERHEAD, NETWORKS[OVERHEAD.model]().macs, chosen, _effort(options))
    print("\n" + report.call_overhead(measured), flush=True)
    return measured


def _effort(options: argparse.Namespace) -> Effort:
    return Effort(rounds=3, seconds=0.004) if options.quick else Effort(rounds=9, seconds=0.015)


def _machine() -> dict:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
    }


def _cpu_name() -> str:
    """The CPU's name, where Linux gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
