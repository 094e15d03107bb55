"""What is measured: batches of clips, and the scripts that belong to ``--all``."""

from importlib import import_module

import numpy as np
import pytest

WHY = "the benchmarks do not lie beside the tests"
contenders, measure, models, ours, reference, run, side_by_side = (
    pytest.importorskip(f"benchmarks.{name}", reason=WHY)
    for name in ("contenders", "measure", "models", "ours", "reference", "run", "side_by_side")
)
CLIPS, FRAMES = 3, 12


def agrees(contender, key):
    network = models.NETWORKS[key]()
    runner = contender.prepare(network, FRAMES, streaming=False, clips=CLIPS)
    x = models.signal(network, FRAMES, CLIPS)
    y, expected = runner.render(x), reference.expected(network, FRAMES, CLIPS)
    assert y.shape == expected.shape == (CLIPS, FRAMES, network.out_channels)
    assert np.abs(y - expected).max() < contenders.TOLERANCE * np.abs(expected).max()


# ------------------------------------------------------------------------------------------------------------- batches
@pytest.mark.parametrize("key", ["A", "B", "C"])
def test_clips_together_are_what_they_are_alone(key):
    agrees(ours.Wavenetlite(""), key)
    network = models.NETWORKS[key]()
    x = models.signal(network, FRAMES, CLIPS)
    assert (x.reshape(CLIPS * FRAMES, -1) == models.signal(network, CLIPS * FRAMES)).all()


@pytest.mark.parametrize("key", ["A", "B", "C"])
@pytest.mark.parametrize("name", [name for name in contenders.PEERS if name.startswith("ort") and "int8" not in name])
def test_every_graph_of_onnx_runtime_takes_clips(name, key):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    agrees(contenders.open_contender(name), key)


def test_pytorch_takes_clips():
    pytest.importorskip("torch")
    agrees(contenders.open_contender("torch eager"), "C")


def test_a_batch_is_a_case_of_the_command():
    options = run._parser().parse_args(["--models", "C", "--blocks", "1", "--whole", "7", "--batches", "32x100"])
    cases = run._cases(options)
    assert [case.label for case in cases if case.model == "C"] == ["block 1", "whole 7", "whole 32 x 100"]
    assert measure.Case("C", 100, False, 32) in cases
    assert "whole 32 x 100" in [case.label for case in run._cases(run._parser().parse_args([]))]


@pytest.mark.parametrize("text", ["", "32", "x", "32x", "x100", "1x100", "32x0", "3x4x5", "a x b"])
def test_a_batch_of_another_form_is_refused(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        run.main(["--batches", text])
    assert "must be CLIPSxFRAMES" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------- scripts
class Clock:
    """Time that passes only in calls."""

    now = 0.0

    def __call__(self):
        return self.now

    def call(self, seconds):
        made = []

        def call():
            made.append(self.now)
            self.now += seconds

        return call, made


def test_a_short_call_is_made_often_and_a_long_one_once():
    clock = Clock()
    (short, shorts), (long, longs) = clock.call(1e-4), clock.call(0.1)
    rows = side_by_side.timed(
        side_by_side.Case("case", {"ours": short, "peer": long}, units=4, clock=clock), "section", 3
    )
    assert [row.seconds for row in rows] == [pytest.approx([1e-4 / 4] * 3), pytest.approx([0.1 / 4] * 3)]
    assert len(shorts) == 2 + 3 * (1 + 20)  # tables and its length; each round once for the caches and for 2 ms
    assert len(longs) == 2 + 3


@pytest.mark.parametrize("script", ["speech", "ops", "interchange", "pipeline"])
def test_scripts_of_all_are_sections_of_their_name_and_name_who_is_missing(script, monkeypatch):
    assert script in run.SCRIPTS
    module = import_module(f"benchmarks.{script}")
    monkeypatch.setattr(contenders.Library, "missing", lambda self: f"not installed: {self.pip}")
    if script == "pipeline":
        monkeypatch.setattr(module, "CLIPS", 3)
    section = module.section()
    assert section.name == script  # what `run` measures again when a ratio of it fell
    assert section.missing and all(reason.startswith("not installed") for reason in section.missing.values())
    for case in section.cases:
        (who,) = case.calls
        assert contenders.is_ours(who)
    if section.cases:
        section.cases[0].calls[who]()
