"""Every instruction set of this machine, each in its own process: the same bits with FMA, 1e-6 without."""

import numpy as np
import pytest
from catalogue import INTEGERS
from instruction_sets import NEEDED, X86, cpu_has, run_python
from places import SUPPORT

import wavenetlite as wl
from wavenetlite.kernels import available

WORKER = SUPPORT / "isa_worker.py"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Instruction set -> the arrays that isa_worker.py computes with it."""

    def compute(isa):
        if isa not in known:
            if not cpu_has(isa):
                pytest.skip(f"this machine has no {isa}")
            path = tmp_path_factory.mktemp("isa") / f"{isa}.npz"
            done = run_python([str(WORKER), str(path)], isa)
            assert done.returncode == 0, done.stderr
            known[isa] = dict(np.load(path))
        return known[isa]

    known = {}
    return compute


@pytest.mark.parametrize("isa", NEEDED)
def test_the_variable_forces_an_instruction_set(outputs, isa):
    assert outputs(isa)["isa"] == isa


@pytest.mark.parametrize("isa", ["avx512", "vnni"])
def test_avx2_and_avx512_give_the_same_bits(outputs, isa):
    avx2, avx512 = outputs("avx2"), outputs(isa)
    different = [name for name in avx2 if name != "isa" and avx2[name].tobytes() != avx512[name].tobytes()]
    assert avx2.keys() == avx512.keys()
    assert not different


def test_integers_are_the_same_bits_everywhere(outputs):
    sse2, avx2 = outputs("sse2"), outputs("avx2")
    names = [name for name in avx2 if name.split("/")[0] in INTEGERS]
    assert len(names) == 2 * len(INTEGERS)
    assert not [name for name in names if sse2[name].tobytes() != avx2[name].tobytes()]


def test_sse2_is_close(outputs):
    sse2, avx2 = outputs("sse2"), outputs("avx2")
    assert sse2.keys() == avx2.keys()
    for name in sse2.keys() - {"isa"}:
        scale = np.abs(avx2[name]).max()
        assert np.abs(sse2[name] - avx2[name]).max() <= 1e-6 * scale, name


def test_integers_have_the_same_bits_under_sse2(outputs):
    sse2, avx2 = outputs("sse2")["micro front end"], outputs("avx2")["micro front end"]
    assert sse2.any()
    assert sse2.tobytes() == avx2.tobytes()


@pytest.mark.parametrize("isa", NEEDED)
def test_streams_equal_offline_on_every_instruction_set(outputs, isa):
    outputs(isa)
    code = "import test_isa; test_isa.verify_some_models()"
    done = run_python(["-c", code], isa)
    assert done.returncode == 0, done.stderr


def verify_some_models():
    """What the processes of the test above do."""
    from catalogue import CATALOGUE

    for name in ("nested", "wavenet", "tcn", "strides", "add latencies", "pool of same"):
        wl.verify_stream(CATALOGUE[name].model())


def test_without_the_variable_the_best_runs():
    done = run_python(["-c", "import wavenetlite as wl; print(wl.isa())"], None)
    assert done.returncode == 0, done.stderr
    available = [isa for isa in NEEDED if cpu_has(isa)]
    assert done.stdout.strip() == (available[-1] if available else "neon")


@pytest.mark.parametrize("value", ["avx1024", "AVX 2", "sse2,avx2", "neon" if X86 else "avx2"])
def test_an_unknown_instruction_set_is_a_clear_error(value):
    done = run_python(["-c", "import wavenetlite"], value)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "WAVENETLITE_ISA" in last
    assert value in last
    assert all(isa in last for isa in available())
