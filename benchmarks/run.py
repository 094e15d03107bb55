"""The command: ``python -m benchmarks``.

Measures the networks of `benchmarks.models` in wavenetlite and its peers, one thread each, in turn in the same run;
with ``--all`` everything else too (`SCRIPTS`). What was measured can be written as a page, added to the recorded
history and compared with it. Whoever is missing is named and left out. Exit status: 0; 1 when some contender's output
was wrong, nobody could be measured, or a ratio fell; 2 for a command that cannot be carried out.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import circumstances, contenders, history, package, page, ratios, results, tables
from benchmarks.contenders import INSTRUCTION_SETS, PEERS, PROGRAMS, variable
from benchmarks.measure import Case, Effort, measure
from benchmarks.models import NETWORKS
from benchmarks.results import ResultsError, Row, Run
from benchmarks.worker import Worker, WorkerError

BLOCKS = (1, 16, 64, 256, 1024)
WHOLES = (1000, 10000)
BATCHES = ((32, 100),)
OVERHEAD = Case("call", 1, True)
OVERHEAD_PEERS = ("ort plain", "torch eager")
SCRIPTS = ("features", "classifier", "pool", "training", "speech", "ops", "interchange", "pipeline")
"""Measured with ``--all`` beside the networks, each by its own command: `benchmarks.side_by_side`."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line asks for; returns the exit status."""
    options = _parser().parse_args(arguments)
    _prepare(options)
    try:
        run = results.load(options.results) if options.results else _run(options)
        if not any(row.seconds for row in run.rows):
            print("nobody to measure")
            return 1
        status = _check(run, options) if options.check else 0  # against the last record, so before there is a new one
        return max(_keep(run, options), status)
    except (ResultsError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    about = "wavenetlite beside its peers, one thread each"
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    what = parser.add_argument_group("what is measured")
    models = [key for key in NETWORKS if key != OVERHEAD.model]
    what.add_argument("--all", action="store_true", help=f"the networks and {', '.join(SCRIPTS)}")
    what.add_argument("--models", nargs="+", choices=models, default=models, help="networks (default: all)")
    what.add_argument("--blocks", nargs="*", type=_frames, default=BLOCKS, help="frames a call of a stream")
    what.add_argument("--whole", nargs="*", type=_frames, default=WHOLES, help="frames of a whole signal")
    what.add_argument(
        "--batches", nargs="*", type=_batch, default=BATCHES, metavar="CLIPSxFRAMES", help="whole signals together"
    )
    what.add_argument("--isa", nargs="+", choices=INSTRUCTION_SETS, default=_likely_sets(), help="our kernels")
    what.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, metavar="PEER", help="; ".join(PEERS))
    what.add_argument("--no-peers", action="store_true", help="measure wavenetlite only")
    what.add_argument("--no-ours", action="store_true", help="measure the peers only")
    what.add_argument("--program", action="append", type=_program, default=[], metavar="PEER=PATH", help=_programs())
    what.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a measurement")
    what.add_argument("--core", type=int, help="run everything on this core (Linux)")
    what.add_argument("--results", type=Path, metavar="PATH", help="measure nothing: take what --json has written")
    then = parser.add_argument_group("what becomes of it")
    then.add_argument("--json", type=Path, metavar="PATH", help="write all results there")
    then.add_argument("--report", type=Path, metavar="FOLDER", help="write index.html and results.json there")
    then.add_argument("--record", action="store_true", help="add the ratios to the history")
    then.add_argument(
        "--check", action="store_true", help="say which ratio fell by more than 5 %% since the last record"
    )
    then.add_argument("--history", type=Path, metavar="PATH", default=history.FILE, help="(default: %(default)s)")
    return parser


def _frames(text: str) -> int:
    frames = int(text)
    if frames < 1:
        raise argparse.ArgumentTypeError(f"{frames} must be a positive number of frames")
    return frames


def _batch(text: str) -> tuple[int, int]:
    clips, _, frames = text.partition("x")
    if not (clips.isdecimal() and frames.isdecimal() and int(clips) > 1 and int(frames) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} must be CLIPSxFRAMES, two clips at least, such as 32x100")
    return int(clips), int(frames)


def _program(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if name not in PROGRAMS or not path:
        raise argparse.ArgumentTypeError(f"{text!r} must be PEER=PATH, and PEER one of {', '.join(PROGRAMS)}")
    return name, path


def _programs() -> str:
    return "program of " + ", ".join(f"{name} (or {variable(name)})" for name in PROGRAMS)


def _likely_sets() -> tuple[str, ...]:
    """Instruction sets of this machine's architecture; one that this CPU lacks is reported as missing."""
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return ("sse2", "avx2", "avx512")
    return ("neon",) if machine in ("arm64", "aarch64") else ("generic",)


def _prepare(options: argparse.Namespace) -> None:
    """Set what the workers inherit: one thread for every library, the core to stay on, the peers' programs."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    os.environ.update({variable(name): path for name, path in options.program})
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})


# --- measuring ---


def _run(options: argparse.Namespace, only: Collection[tuple[str, str]] | None = None) -> Run:
    """Measure what the options ask for, or of that `only` these (section, case) pairs."""
    run = Run(circumstances.machine(), circumstances.commit(), versions={}, missing={}, titles={}, rows=[])
    cases = [case for case in _cases(options) if only is None or (case.model, case.label) in only]
    if cases:
        _networks(run, cases, options)
    for script in SCRIPTS if options.all else ():
        if only is None or any(section == script for section, _ in only):
            _script(run, script, quick=options.quick)
    if only is None and not options.no_ours:
        run.package = package.costs()
        print("\n" + package.text(run.package))
    return run


def _cases(options: argparse.Namespace) -> list[Case]:
    lengths = [(frames, True, 1) for frames in options.blocks] + [(frames, False, 1) for frames in options.whole]
    lengths += [(frames, False, clips) for clips, frames in options.batches]
    return [*(Case(key, *length) for key in options.models for length in lengths), OVERHEAD]


def _networks(run: Run, cases: Sequence[Case], options: argparse.Namespace) -> None:
    """Measure cases with a process for each contender; prints the tables of a network when it is through."""
    ours = [] if options.no_ours else [f"ours {isa}" for isa in options.isa]
    workers = _open(run, ours + ([] if options.no_peers else list(options.peers)))
    try:
        for key in dict.fromkeys(case.model for case in cases):
            network = NETWORKS[key]()
            run.titles[key] = f"{key}: {network.title}, {network.macs:,} multiply-accumulates a frame"
            rows = [row for case in cases if case.model == key for row in _case(case, network.macs, workers, options)]
            if rows:
                print("\n" + tables.tables(run.titles[key], rows, speed=key != OVERHEAD.model), flush=True)
            run.rows += rows
    finally:
        for worker in workers.values():
            worker.close()


def _case(case: Case, macs: int, workers: dict[str, Worker], options: argparse.Namespace) -> list[Row]:
    if case == OVERHEAD:
        workers = {name: one for name, one in workers.items() if name not in PEERS or name in OVERHEAD_PEERS}
    effort = Effort(rounds=3, seconds=0.004) if options.quick else Effort(rounds=9, seconds=0.015)
    return measure(case, macs, workers, effort)


def _open(run: Run, names: Sequence[str]) -> dict[str, Worker]:
    """Start a worker for each contender; notes the versions of those that run, and why the others do not."""
    workers = {}
    for name in names:
        if reason := contenders.missing(name):
            run.missing[name] = reason
            continue
        worker = Worker(name)
        try:
            run.versions[name] = worker.ask("version")
            workers[name] = worker
        except WorkerError as error:
            run.missing[name] = str(error)
            worker.close()
    for name, reason in run.missing.items():
        print(f"{name}: not measured: {reason}")
    return workers


def _script(run: Run, script: str, *, quick: bool) -> None:
    """Run one of the scripts in a process of its own, with the instruction set that the ratios are taken to."""
    environment = os.environ | ({"WAVENETLITE_ISA": run.ours.removeprefix("ours ")} if run.ours else {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.json")
        command = [sys.executable, "-m", f"benchmarks.{script}", "--json", str(path)]
        print(flush=True)
        done = subprocess.run([*command, *(["--rounds", "5"] if quick else [])], env=environment, check=False)
        if done.returncode:
            run.missing[script] = f"benchmarks.{script} ended with status {done.returncode}"
            return
        found = results.load(path)
    run.versions.update(found.versions)
    run.missing.update(found.missing)
    run.titles.update(found.titles)
    run.rows += found.rows


# --- what becomes of it ---


def _keep(run: Run, options: argparse.Namespace) -> int:
    """Write what is asked for; the status tells of wrong outputs."""
    if options.json:
        results.save(run, options.json)
    if options.report:
        results.save(run, options.report / "results.json")
        (options.report / "index.html").write_text(page.page(run, history.read(options.history)))
        print(f"\n{options.report / 'index.html'}")
    if options.record:
        history.append(history.record(run), options.history)
        print(f"recorded in {options.history}")
    return int(any((row.failure or "").startswith("wrong output") for row in run.rows))


def _check(run: Run, options: argparse.Namespace) -> int:
    """Compare with the last record of the same kind of machine; what fell is measured again before it is said."""
    new = history.record(run)
    old = history.last_like(new, history.read(options.history))
    if old is None:
        kind = f"{new.machine['cpu']} with {new.machine['isa']}"
        print(f"{options.history} has no record of {kind} to compare with: make one by --record")
        return 2
    found = history.compare(old, new)
    if found.fallen and not options.results:
        print(f"\n{len(found.fallen)} of {len(new.ratios)} ratios fell: measured again")
        suspects = {(row.section, row.case) for row in run.rows if ratios.name(row) in found.fallen}
        again = history.record(_run(options, suspects))
        new = history.better(new, replace(again, versions=new.versions))
        found = history.compare(old, new)
    print("\n" + history.text(old, found))
    return int(bool(found.fallen))
