"""Silence cut off both ends: what is kept is in the index, and what is all silence is told."""

import json

import numpy as np
import pytest
from joblib import parallel_config
from pipeline_data import errors, lines, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.pipeline import EnergyTrim, VoiceTrim, extract, trimming
from wavenetlite.support.errors import ArrayTypeError, ParameterError

SR = 8000
LOUD = (1000, 2400)


def padded(number, before=LOUD[0], loud=LOUD[1] - LOUD[0], after=1600):
    """A tone between zeros."""
    return np.concatenate([np.zeros(before, np.float32), tone(number, loud), np.zeros(after, np.float32)])


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for label in ("no", "yes"):
        (folder / label).mkdir(parents=True)
        for i in range(3):
            audio.write(folder / label / f"{i}.wav", padded(i + 10 * (label == "yes")), SR)
    return folder


def test_what_is_kept_has_the_features_of_that_part(data, tmp_path):
    extract(data, tmp_path / "out", features=spec(), trim=EnergyTrim(margin_ms=20))
    items = wl.pipeline.open(tmp_path / "out")
    assert len(items) == 6
    for item in items:
        assert (item.trim_start, item.trim_end) == (800, 2560)  # 20 ms around 1000 to 2400, by blocks of 80
        y = audio.read(data / item.path)[0][item.trim_start : item.trim_end]
        assert np.array_equal(item.features, spec()(y))
        assert item.duration_s == len(y) / SR
        assert item.samples == 4000
    assert items.about["hours"] == pytest.approx(6 * 1760 / SR / 3600)
    assert items.about["reading"]["trim"] == {"type": "energy", "below_db": 40.0, "margin_ms": 20.0}


def test_parts_of_recordings_and_other_rates(tmp_path):
    pytest.importorskip("soxr", reason="soxr is not installed")
    (tmp_path / "data").mkdir()
    y = audio.resample(padded(3), SR, 2 * SR)
    audio.write(tmp_path / "data" / "a.wav", y / 2, 2 * SR)
    rows = [{"path": "a.wav", "start_s": 0.05, "end_s": 0.4}, {"path": "a.wav"}]
    (tmp_path / "data" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    extract(
        tmp_path / "data" / "rows.jsonl", tmp_path / "out", features=spec(), resample=True, trim=EnergyTrim(margin_ms=0)
    )
    for item in wl.pipeline.open(tmp_path / "out"):
        assert abs(item.trim_start - 2 * LOUD[0]) <= 160
        assert abs(item.trim_end - 2 * LOUD[1]) <= 160
        assert item.duration_s == (item.trim_end - item.trim_start) / (2 * SR)


def test_what_is_all_silence_is_kept_whole_and_told(data, tmp_path):
    audio.write(data / "no" / "zero.wav", np.zeros(4000, np.float32), SR)
    extract(data, tmp_path / "out", features=spec(), trim="energy")
    assert errors(tmp_path / "out") == {"no/zero.wav": "silent"}
    item = wl.pipeline.open(tmp_path / "out")["no/zero.wav"]
    assert (item.trim_start, item.trim_end, item.duration_s) == (0, 4000, 0.5)
    assert extract(data, tmp_path / "out", features=spec(), trim="energy", leave_out=["silent"]).items == 6


def test_energy_of_long_recordings_is_computed_in_blocks(monkeypatch):
    """The blocks are of whole frames, and the last frame is of 37 samples."""
    y = np.zeros(80 * 500 + 37, np.float32)
    y[80 * 123 : 80 * 400] = 0.1 * np.random.default_rng(0).standard_normal(80 * 277)
    y[-1] = 0.5
    for at_once in (1, 7, 500, 1 << 10):
        monkeypatch.setattr(trimming, "AT_ONCE", at_once)
        assert EnergyTrim(margin_ms=0).span(y, SR) == (80 * 123, len(y))
        assert EnergyTrim(margin_ms=0).span(y[:-1], SR) == (80 * 123, 80 * 400)
        assert EnergyTrim().span(y[:0], SR) is None


class Ears:
    """Hears speech in the samples that are above 0.1, in frames of 10 ms, as an AudioClassifier would say it."""

    sr, labels, background = SR, ("noise", "speech"), frozenset({"noise"})

    class timing:  # noqa: N801
        first_end, period = 80, 80

    def __init__(self, sr=SR):
        self.sr = sr

    def stream(self):
        return Hearing()

    def design(self):
        return type("Design", (), {"fingerprint": b"ears"})


class Hearing:
    """The last frames come when it is flushed, as of a network with latency."""

    def process(self, y):
        loud = np.abs(y[: len(y) // 80 * 80]).reshape(-1, 80).max(axis=1) > 0.1
        self.found = np.stack([~loud, loud], axis=1).astype(np.float32)
        self.probabilities = self.found[:-25]

    def flush(self):
        self.probabilities = self.found[-25:]


def test_a_classifier_says_where_speech_is(data, tmp_path):
    y = padded(50)
    y[:80] = 0.5  # a click of 10 ms is no speech
    audio.write(data / "no" / "click.wav", y, SR)
    audio.write(data / "no" / "soft.wav", np.full(4000, 0.05, np.float32), SR)
    extract(data, tmp_path / "out", features=spec(), trim=VoiceTrim(Ears(), margin_ms=30, least_ms=30), n_jobs=1)
    items = wl.pipeline.open(tmp_path / "out")
    assert (items["no/click.wav"].trim_start, items["no/click.wav"].trim_end) == (960 - 240, 2400 + 240)
    assert errors(tmp_path / "out") == {"no/soft.wav": "silent"}
    message = lines(tmp_path / "out" / "errors.jsonl")[0]["message"]
    assert message == "nothing but silence to trim: kept whole"


def test_the_bundled_detector_in_any_workers(data, tmp_path):
    vad = wl.load("voice-activity")
    if vad.sr != SR:
        pytest.importorskip("soxr", reason="soxr is not installed")
    extract(data, tmp_path / "one", features=spec(), trim=vad, n_jobs=1)
    with parallel_config(backend="loky", n_jobs=2):
        extract(data, tmp_path / "two", features=spec(), trim=vad)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    extract(data, tmp_path / "one", features=spec(), trim=VoiceTrim(vad, threshold=0.9))
    assert wl.pipeline.open(tmp_path / "one").about["reading"]["trim"]["threshold"] == 0.9


def test_copies_are_of_what_is_kept(data, tmp_path):
    pytest.importorskip("scipy", reason="SciPy is not installed (the extra train)")
    augment = wl.train.Augment([wl.train.augment.Gain(-6, 6)])
    extract(data, tmp_path / "out", features=spec(), trim="energy", copies=1, augment=augment)
    items = wl.pipeline.open(tmp_path / "out")
    assert items[0].frames == items[1].frames
    assert (items[0].trim_start, items[0].trim_end) == (items[1].trim_start, items[1].trim_end)


def test_other_forms_know_what_was_kept(data, tmp_path):
    extract(data, tmp_path / "out", features=spec(), trim="energy")
    items = wl.pipeline.open(tmp_path / "out")
    items.to_webdataset(tmp_path / "web")
    items.to_lhotse(tmp_path / "lhotse")
    assert wl.pipeline.open(tmp_path / "web")[2].trim_start == items[2].trim_start > 0
    assert lines(tmp_path / "lhotse" / "supervisions.jsonl")[2]["start"] == items[2].trim_start / SR
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    items.to_parquet(tmp_path / "set.parquet")
    assert wl.pipeline.open(tmp_path / "set.parquet")[2].trim_end == items[2].trim_end


@pytest.mark.parametrize(
    ("trim", "error", "message"),
    [
        ("vad", ParameterError, "trim='vad' must be 'energy'"),
        (3, ArrayTypeError, "trim is a int"),
        (wl.LogMel(), ArrayTypeError, "trim is a LogMel"),
    ],
)
def test_what_is_no_trim_is_refused(data, tmp_path, trim, error, message):
    with pytest.raises(error, match=message):
        extract(data, tmp_path / "out", features=spec(), trim=trim)
    assert not (tmp_path / "out").exists()


def test_options_of_trims():
    with pytest.raises(ArrayTypeError, match="classifier is a str"):
        VoiceTrim("voice-activity")
    with pytest.raises(ParameterError, match="threshold=2 must be at most 1"):
        VoiceTrim(Ears(), threshold=2)
    with pytest.raises(ParameterError, match="below_db"):
        EnergyTrim(below_db=-1)
    deaf = Ears()
    deaf.labels = ("noise",)
    with pytest.raises(ParameterError, match="all are background"):
        VoiceTrim(deaf)


def test_the_command(data, tmp_path, capsys):
    small = ["--n-fft", "128", "--hop-length", "64", "--n-mels", "8"]
    command = ["features", str(data), str(tmp_path / "out"), *small]
    assert main([*command, "--trim", "energy", "--trim-margin-ms", "20"]) == 0
    assert wl.pipeline.open(tmp_path / "out")[0].trim_start == 800
    assert main([*command, "--trim-margin-ms", "20"]) == 2
    assert main([*command, "--trim", "energy", "--trim-margin-ms", "-1"]) == 2
    assert "--trim-margin-ms -1 must be at least 0" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*command, "--trim", "no-such-model"]) != 0
    assert "no-such-model" in capsys.readouterr().err
