"""Augmented copies: what each of them is, the same on any worker, and which problems are reported."""

import json
from collections import Counter

import numpy as np
import pytest
from joblib import parallel_config
from pipeline_data import corpus, errors, lines, small_chunks, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.pipeline import extract, work
from wavenetlite.pipeline.corpus_facts import corpus_facts
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.train import Augment
from wavenetlite.train.augment import BackgroundNoise, Gain, Reverb, SpecAugment, Speed

pytest.importorskip("scipy", reason="SciPy is not installed (the extra train)")


def changes(loudest=6.0):
    return Augment([Speed(0.9, 1.1), Reverb(sr=8000), BackgroundNoise(), Gain(-6.0, loudest)])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("copies") / "data", clips=5)


@pytest.fixture(scope="module")
def out(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies") / "set"
    extract(data, folder, features=spec(), copies=3, augment=changes(), seed=7)
    return folder


def test_each_recording_has_its_copies(data, out):
    items = wl.pipeline.open(out)
    assert len(items) == 40
    assert items.keys[:5] == [
        "no/s0_nohash_0.wav",
        *(f"no/s0_nohash_0.wav#copy{n}" for n in (1, 2, 3)),
        "no/s0_nohash_4.wav",
    ]
    extract(data, out.parent / "plain", features=spec())
    for item in wl.pipeline.open(out.parent / "plain"):
        assert np.array_equal(items[item.key].features, item.features)
        copies = [items[f"{item.key}#copy{n}"] for n in (1, 2, 3)]
        assert {(one.label, one.split, one.speaker, one.path) for one in copies} == {
            (item.label, item.split, item.speaker, item.path)
        }
        assert [one.copy for one in copies] == [1, 2, 3]
        assert len({one.feature_hash for one in [item, *copies]}) == 4
        assert all(one.frames == item.frames for one in copies)
    assert len(items.select(copy=0)) == 10
    assert {item.copy for item in items.select(copy=2)} == {2}
    assert items.about["reading"]["copies"]["seed"] == 7


def test_copies_count_where_work_is_divided(data, tmp_path, monkeypatch):
    small_chunks(monkeypatch, least=4, most=9)
    extract(data, tmp_path / "out", features=spec(), copies=3, augment=changes())
    in_shards = Counter(row["shard"] for row in lines(tmp_path / "out" / "index.jsonl"))
    assert sum(in_shards.values()) == 40
    assert max(in_shards.values()) < 9 + 4


def test_a_copy_is_what_the_transforms_make_of_it(tmp_path):
    data = corpus(tmp_path / "data", clips=1)
    extract(data, tmp_path / "out", features=spec(), copies=1, augment=Augment([Gain(6.0206, 6.0206)]))
    items = wl.pipeline.open(tmp_path / "out")
    y = audio.read(data / "no" / "s0_nohash_0.wav")[0]
    assert np.allclose(items["no/s0_nohash_0.wav#copy1"].features, spec()(2 * y), atol=1e-3)


def test_any_workers_and_engine_give_the_same_bytes(data, out, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    for n in (1, 3):
        extract(data, tmp_path / str(n), features=spec(), copies=3, augment=changes(), seed=7, n_jobs=n)
    with parallel_config(backend="loky", n_jobs=2):
        extract(data, tmp_path / "processes", features=spec(), copies=3, augment=changes(), seed=7)
    assert tree(tmp_path / "1") == tree(tmp_path / "3") == tree(tmp_path / "processes")
    assert [row["feature_hash"] for row in lines(out / "index.jsonl")] == [
        row["feature_hash"] for row in lines(tmp_path / "1" / "index.jsonl")
    ]


def test_seed_and_transforms_decide(data, out, tmp_path):
    def hashes(**options):
        extract(data, tmp_path / "out", features=spec(), **{"copies": 3, "augment": changes(), "seed": 7} | options)
        items = wl.pipeline.open(tmp_path / "out").select(copy=1)
        return [item.feature_hash for item in items]

    same = hashes()
    assert same == [item.feature_hash for item in wl.pipeline.open(out).select(copy=1)]
    assert not set(same) & set(hashes(seed=8))
    assert not set(same) & set(hashes(augment=changes(9.0)))
    assert hashes() == same


def test_more_copies_compute_only_the_new(data, tmp_path):
    extract(data, tmp_path / "out", features=spec(), copies=1, augment=changes())
    done = extract(data, tmp_path / "out", features=spec(), copies=3, augment=changes())
    assert (done.items, done.computed, done.copied) == (40, 20, 20)
    extract(data, tmp_path / "new", features=spec(), copies=3, augment=changes())
    assert tree(tmp_path / "out") == tree(tmp_path / "new")
    assert extract(data, tmp_path / "out", features=spec(), copies=3, augment=changes()).unchanged == 40


def test_copies_are_decoded_once(data, tmp_path, monkeypatch):
    opened, real = [], audio.opened
    monkeypatch.setattr(audio, "opened", lambda source: opened.append(source) or real(source))
    both = {"a": spec(), "b": wl.MFCC(sr=8000, n_fft=128)}
    extract(data, tmp_path / "out", features=both, copies=3, augment=changes(), n_jobs=1)
    assert len(opened) == 10
    assert len(wl.pipeline.open(tmp_path / "out")) == 40


def test_an_interrupted_extraction_resumes(data, out, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    finish, done = work.Lane.finish, []

    def stop(self):
        if len(done) == 1:
            raise KeyboardInterrupt
        finish(self)
        done.append(self.part.digest)

    monkeypatch.setattr(work.Lane, "finish", stop)
    with pytest.raises(KeyboardInterrupt):
        extract(data, tmp_path / "out", features=spec(), copies=3, augment=changes(), seed=7, n_jobs=1)
    monkeypatch.setattr(work.Lane, "finish", finish)
    again = extract(data, tmp_path / "out", features=spec(), copies=3, augment=changes(), seed=7, n_jobs=1)
    assert 0 < again.unchanged < 40
    extract(data, tmp_path / "whole", features=spec(), copies=3, augment=changes(), seed=7)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_what_cannot_be_used_is_told_once(tmp_path):
    data = corpus(tmp_path / "data", clips=2)
    audio.write(data / "no" / "other.wav", tone(5), 16000)
    audio.write(data / "no" / "zero.wav", np.zeros(600, np.float32), 8000)
    (data / "yes" / "twin.wav").write_bytes((data / "yes" / "s0_nohash_0.wav").read_bytes())
    extract(data, tmp_path / "out", features=spec(), copies=2, augment=changes())
    found = [(row["key"], row["reason"], row["kept"]) for row in lines(tmp_path / "out" / "errors.jsonl") if row["key"]]
    assert found == [
        ("no/other.wav", "rate", False),
        ("no/zero.wav", "silent", True),
        ("yes/twin.wav", "duplicate", True),
    ]
    assert "the same bytes as yes/s0_nohash_0.wav" in (tmp_path / "out" / "errors.jsonl").read_text()
    done = extract(
        data, tmp_path / "out", features=spec(), copies=2, augment=changes(), leave_out=["silent", "duplicate"]
    )
    assert done.items == 12
    assert not [key for key in wl.pipeline.open(tmp_path / "out").keys if "twin" in key or "zero" in key]


def test_a_copy_that_is_far_too_loud_is_told(tmp_path):
    data = corpus(tmp_path / "data", clips=1)
    extract(data, tmp_path / "out", features=spec(), copies=1, augment=Augment([Gain(120.0, 120.0)]))
    assert errors(tmp_path / "out") == {"no/s0_nohash_0.wav#copy1": "range", "yes/s0_nohash_0.wav#copy1": "range"}
    assert len(wl.pipeline.open(tmp_path / "out")) == 2


def test_the_report_counts_recordings(out):
    facts = corpus_facts(wl.pipeline.open(out))
    assert len(facts.durations_s) == 10
    assert not [warning for warning in facts.warnings if "byte for byte" in warning]


def test_other_forms(out, tmp_path):
    items = wl.pipeline.open(out)
    items.to_webdataset(tmp_path / "web")
    found = wl.pipeline.open(tmp_path / "web")
    assert [item.copy for item in found] == [item.copy for item in items]
    with pytest.raises(ParameterError, match=r"items\.select\(copy=0\)"):
        items.to_lhotse(tmp_path / "lhotse")
    items.select(copy=0).to_lhotse(tmp_path / "lhotse")
    assert len(lines(tmp_path / "lhotse" / "features.jsonl")) == 10


def test_parquet(out, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    items = wl.pipeline.open(out)
    items.to_parquet(tmp_path / "set.parquet")
    found = wl.pipeline.open(tmp_path / "set.parquet")
    assert [item.copy for item in found] == [item.copy for item in items]
    assert len(found.select(copy=3)) == 10


def test_recordings_of_noise_are_part_of_the_recipe(data, tmp_path):
    made = []
    for number in (1, 2):
        augment = Augment([BackgroundNoise(("recording",), recordings=[tone(number, 900)])])
        made.append(extract(data, tmp_path / "out", features=spec(), copies=1, augment=augment).computed)
    assert made == [20, 20]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"copies": 2}, ParameterError, "copies=2 needs augment"),
        ({"copies": -1, "augment": changes()}, ParameterError, "copies=-1"),
        ({"copies": 0, "augment": changes()}, ParameterError, "copies=0 makes none"),
        (
            {"copies": 1, "augment": Gain(0, 1)},
            ArrayTypeError,
            "augment is a Gain; it must be a wavenetlite.train.Augment",
        ),
        ({"copies": 1, "augment": Augment([SpecAugment()])}, ParameterError, "no transforms of waveforms"),
        (
            {"copies": 1, "augment": Augment([Reverb(sr=16000)])},
            ParameterError,
            "its sr must be that of the features, 8000",
        ),
        ({"copies": 1, "augment": Augment([])}, ParameterError, "no transforms of waveforms"),
        ({"copies": 10**6, "augment": changes()}, ParameterError, "copies=1000000 must be at most 1000"),
    ],
)
def test_what_does_not_fit_is_refused(data, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        extract(data, tmp_path / "out", features=spec(), **options)
    assert not (tmp_path / "out").exists()


def test_a_recording_named_like_a_copy(data, tmp_path):
    (data / "rows.jsonl").write_text(json.dumps({"path": "no/s0_nohash_0.wav", "key": "a#copy1"}))
    with pytest.raises(ParameterError, match="'a#copy1', as a copy is named"):
        extract(data / "rows.jsonl", tmp_path / "out", features=spec(), copies=1, augment=changes())


def test_the_command(data, tmp_path, capsys):
    small = ["--n-fft", "128", "--hop-length", "64", "--n-mels", "8", "--seed", "7"]
    command = ["features", str(data), str(tmp_path / "out"), *small]
    assert main([*command, "--copies", "3"]) == 0
    assert "40 computed" in capsys.readouterr().out
    assert main([*command, "--copies", "1", "--augment", "gain,noise"]) == 0
    augment = wl.pipeline.open(tmp_path / "out").about["reading"]["copies"]["augment"]
    assert [one["type"] for one in augment["transforms"]] == ["BackgroundNoise", "Gain"]
    assert main([*command, "--augment", "gain"]) == 2
    assert main([*command, "--copies", "1", "--augment", "echo"]) == 2


def test_a_seed_below_zero_is_refused_before_the_work(data, tmp_path):
    with pytest.raises(ParameterError, match="seed=-1 must not be negative"):
        extract(wl.pipeline.listed(data), tmp_path / "out", features=spec(), copies=1, augment=changes(), seed=-1)
    assert not (tmp_path / "out").exists()


def test_keys_that_are_not_sorted_are_found(data, tmp_path):
    """The tenth copy lies behind the ninth, and its key before that of the second."""
    extract(data, tmp_path / "out", features=spec(), copies=10, augment=Augment([Gain(-6.0, 6.0)]))
    items = wl.pipeline.open(tmp_path / "out")
    assert items.keys != sorted(items.keys)
    for number, key in enumerate(items.keys):
        assert items[key] == items[number]
        assert items[key] != items[number - 1]
    with pytest.raises(KeyError):
        items.select(copy=0)[items.keys[1]]
