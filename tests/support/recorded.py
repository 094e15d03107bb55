"""A run of the benchmarks as if it had been measured."""

import numpy as np

PEER, ROUNDS = "ort gemm", 9


def a_run(ratio=2.0, noise=0.01, *, cpu="a CPU", isa="avx2"):
    """One case, ours and a peer that takes `ratio` times as long; `noise` is the relative spread of a round."""
    from benchmarks.results import Row, Run

    spread = 1 + noise * np.random.default_rng(0).standard_normal(ROUNDS)
    spread /= np.median(spread)
    options = {"section": "C", "case": "block 1", "frames": 1, "macs": 1000, "peak": 100.0, "error": 1e-7}
    ours = Row(contender=f"ours {isa}", seconds=[1e-5] * ROUNDS, **options)
    peer = Row(contender=PEER, seconds=(1e-5 * ratio * spread).tolist(), **options)
    machine = {"time": "2026-11-29T00:00:00+00:00", "cpu": cpu, "cores": 2}
    versions = {ours.contender: "wavenetlite 1", PEER: "peer 1"}
    missing = {"ncnn fp32": "ncnn not installed: pip install ncnn"}
    return Run(machine, "abc1234", versions, missing, {"C": "C: a network"}, [ours, peer])
