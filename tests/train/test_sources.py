"""read_corpus on whatever the pipeline lists: manifests, archives, trees, several; splits, lazy reading, duplicates."""

import io
import json
import shutil
import tarfile
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora import clip_reader, signals
from wavenetlite.corpora.duplicates import Duplicates
from wavenetlite.corpora.loudest import loudest_at
from wavenetlite.train import read_corpus
from wavenetlite.train.batches import Variants

pytest.importorskip("soundfile")
SR = 8000
PARTS = ("train", "valid", "test")
PEOPLE = ("ann", "bob", "eve", "joe", "kim", "lou")


def noise(seed, samples=800):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).clip(-1, 1).astype(np.float32)


def put(path, seed, samples=800):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, noise(seed, samples), SR)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The folder of 36 recordings, and a row (path, label, speaker) of each."""
    folder = tmp_path_factory.mktemp("flat")
    found = [(f"{who}-{i}.wav", "no" if i % 2 else "yes", who) for who in PEOPLE for i in range(6)]
    for seed, (name, _, _) in enumerate(found):
        put(folder / name, seed)
    return folder, found


def manifest(rows, name="m.csv", columns=("path", "label", "speaker"), change=lambda row: row):
    folder, found = rows
    lines = [",".join(columns), *(",".join(change(row)) for row in found)]
    (folder / name).write_text("\n".join(lines))
    return folder / name


def labelled(folder, labels=("no", "yes"), n=10):
    for at, label in enumerate(labels):
        for i in range(n):
            put(folder / label / f"{i:02d}.wav", 100 * at + i)
    return folder


def clips(corpus):
    """Everything about the clips, by name."""
    return {
        name: (part, corpus.labels[y], who, audio_.tobytes(), digest)
        for part in PARTS
        for one in [getattr(corpus, part)]
        for name, y, who, audio_, digest in zip(
            one.names, one.y, one.speakers, one.audio, one.digests, strict=True
        )
    }  # fmt: skip


def speakers(corpus):
    return [set(getattr(corpus, part).speakers) - {""} for part in PARTS]


# ------------------------------------------------------------------------------------------------------------ manifests
def test_no_speaker_of_a_manifest_is_in_two_parts(rows):
    corpus = read_corpus(manifest(rows))
    train, valid, test = speakers(corpus)
    assert (len(train), len(valid), len(test)) == (4, 1, 1)
    assert train | valid | test == set(PEOPLE)
    assert (corpus.layout, corpus.problems) == ("manifest", [])


def test_the_order_of_rows_does_not_matter_and_the_seed_does(rows):
    folder, found = rows
    whole = clips(read_corpus(manifest(rows)))
    assert clips(read_corpus(manifest((folder, found[::-1]), "back.csv"))) == whole
    assert len({json.dumps(sorted(map(list, speakers(read_corpus(folder / "m.csv", seed=s))))) for s in range(6)}) > 1


@pytest.mark.parametrize(("names", "sizes"), [
    (("train", "dev", "test"), (24, 6, 6)), (("Training", "validation", "testing"), (24, 6, 6)),
    (("train", "train", "test"), (24, 6, 6)), (("test", "test", "test"), (0, 0, 36))])  # fmt: skip
def test_told_splits_are_kept(rows, names, sizes):
    def split(row):
        return (*row, {"ann": names[2], "bob": names[1]}.get(row[2], names[0]))

    corpus = read_corpus(manifest(rows, "s.csv", ("path", "label", "speaker", "split"), split))
    assert tuple(len(getattr(corpus, part)) for part in PARTS) == sizes
    assert set(corpus.test.speakers) >= {"ann"}
    with pytest.raises(wl.ParameterError, match=r"hold_out_speaker='eve'.*defines its own test"):
        read_corpus(rows[0] / "s.csv", hold_out_speaker="eve")


def test_rows_without_a_split_or_label_and_odd_splits_are_reported(rows):
    def change(row):
        at = int(row[0][4])
        return (row[0], "" if at == 0 else row[1], {1: "", 2: "later"}.get(at, "train"))

    corpus = read_corpus(manifest(rows, "odd.csv", ("path", "label", "split"), change), valid_part=0)
    assert len(corpus.train) == 24
    text = "\n".join(corpus.problems)
    assert "ann-0.wav: has no label, as 5 others; skipped" in text
    assert "'later'" in text
    assert "ann-1.wav: is in no split, as 5 others, but others are; taken for training" in text


def test_columns_words_and_a_speaker_to_test_on(rows):
    path = manifest(rows, "c.csv", ("path", "keyword", "who"))
    corpus = read_corpus(
        path, columns={"label": "keyword", "speaker": "who"}, hold_out_speaker="kim", words=["yes", "no"]
    )
    assert (corpus.labels, set(corpus.test.speakers)) == (["yes", "no"], {"kim"})
    assert "kim" not in corpus.train.speakers + corpus.valid.speakers


def test_parts_of_a_recording_are_its_clips(tmp_path):
    put(tmp_path / "long.wav", 3, 8000)
    cuts = [(i / 10, (i + 1) / 10) for i in range(10)]
    lines = [f"long.wav,{'ab'[i % 2]},{start},{end}" for i, (start, end) in enumerate(cuts)]
    (tmp_path / "m.csv").write_text("\n".join(["path,label,start_s,end_s", *lines, "long.wav,a,2.0,3.0"]))
    corpus = read_corpus(tmp_path / "m.csv", clip_s=0.1, valid_part=0, test_part=0)
    y, _ = audio.read(tmp_path / "long.wav")
    wanted = sorted(y[i * 800 : (i + 1) * 800].tobytes() for i in range(10))
    assert sorted(row.tobytes() for row in corpus.train.audio) == wanted
    assert not Duplicates(corpus).groups, "parts of one file are no duplicates"
    assert len([line for line in corpus.problems if "start_s=2 is not before the end" in line]) == 1


def test_two_speakers_cannot_be_kept_apart_which_is_said(rows):
    folder, found = rows
    corpus = read_corpus(manifest((folder, [row for row in found if row[2] in ("ann", "bob")]), "two.csv"))
    assert [line for line in corpus.problems if "too few speakers" in line]
    assert len(corpus.test)


# -------------------------------------------------------------------------------------------- archives, trees, several
def archive(folder, name):
    path = folder.parent / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for one in sorted(folder.rglob("*.wav")):
                file.write(one, one.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as file:
            file.add(folder, ".")
    return path


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_an_archive_is_read_as_its_folder(tmp_path, name, lazy):
    folder = labelled(tmp_path / "data")
    assert clips(read_corpus(archive(folder, name), lazy=lazy)) == clips(read_corpus(folder))


def test_labels_of_webdataset(tmp_path):
    with tarfile.open(tmp_path / "w.tar", "w") as file:
        for i in range(24):
            put(tmp_path / "one.wav", i)
            members = {"wav": (tmp_path / "one.wav").read_bytes(), "cls": b"yes" if i % 2 else b"no",
                       "json": json.dumps({"speaker": PEOPLE[i // 4]}).encode()}  # fmt: skip
            for ending, data in members.items():
                about = tarfile.TarInfo(f"{i:04d}.{ending}")
                about.size = len(data)
                file.addfile(about, io.BytesIO(data))
    corpus = read_corpus(tmp_path / "w.tar")
    assert corpus.labels == ["no", "yes"]
    train, valid, test = speakers(corpus)
    assert train | valid | test == set(PEOPLE)
    assert not (train & valid or train & test or valid & test)


def test_a_deep_tree_and_several_sources(tmp_path, rows):
    for at, name in enumerate(f"2024/{day}/{word}/{i}.wav" for day in "ab" for word in ("no", "yes") for i in range(5)):
        put(tmp_path / "deep" / name, at)
    deep = read_corpus(tmp_path / "deep")
    assert (deep.layout, deep.labels, sum(map(sum, deep.counts().values()))) == ("tree", ["no", "yes"], 20)
    both = read_corpus([labelled(tmp_path / "data"), manifest(rows)])
    assert (both.layout, sum(map(sum, both.counts().values()))) == ("several", 56)
    train, valid, test = speakers(both)
    assert not (train & valid or train & test or valid & test)


@pytest.mark.parametrize(("source", "text"), [
    ("nowhere", "no such folder or file"), ([], "empty list"), ("*.none", "matches no recording")])  # fmt: skip
def test_no_source(tmp_path, monkeypatch, source, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(wl.ParameterError, match=text):
        read_corpus(source)


# ---------------------------------------------------------------------------------------------------- long recordings
@pytest.mark.parametrize(("samples", "block"), [(1000, 1 << 16), (1000, 7), (1, 64), (4999, 64), (5000, 64)])
def test_the_loudest_part_does_not_depend_on_the_blocks(samples, block):
    y = noise(1, 5000)
    y[3000:3100] *= 3

    def blocks():
        return (y[first : first + block] for first in range(0, len(y), block))

    sums = np.concatenate([[0], np.cumsum(np.square(y, dtype=np.float64))])
    energy = sums[samples:] - sums[: len(sums) - samples]
    at = loudest_at(blocks, samples)
    assert energy[at] >= 0.99 * energy.max()
    assert at == loudest_at(lambda: [y], samples)


@pytest.mark.parametrize("clip_s", [0.1, None])
def test_a_long_recording_is_read_in_passes_with_the_same_bits(tmp_path, monkeypatch, clip_s):
    labelled(tmp_path)
    audio.write(tmp_path / "no" / "long.wav", np.stack([noise(1, 300_000), noise(2, 300_000)], 1), 16000)
    put(tmp_path / "yes" / "long.wav", 4, 200_000)
    options = {"clip_s": clip_s, "resample": True, "mono": "mean", "sr": SR}
    whole = clips(read_corpus(tmp_path, **options))
    monkeypatch.setattr(signals, "LONG", 1000)
    assert clips(read_corpus(tmp_path, **options)) == whole
    assert clips(read_corpus(tmp_path, lazy=True, **options)) == whole


# ------------------------------------------------------------------------------------------------------------ variants
@pytest.mark.parametrize("on_disk", [False, True])
def test_variants_of_a_clip_differ_and_do_not_depend_on_the_threads(on_disk):
    audio_, spec = np.stack([noise(1)] * 70), wl.LogMel(sr=SR, n_fft=256, hop_length=80, n_mels=8)

    def louder(batch, rng):
        return batch * rng.uniform(0.1, 1.0, (len(batch), 1)).astype(np.float32)

    frames = Variants(audio_, spec, louder, 3, seed=5, on_disk=on_disk).frames
    assert len({one.tobytes() for variant in frames for one in variant}) == 3 * 70
    assert (Variants(audio_, spec, louder, 3, seed=5, threads=3).frames == frames).all()
    assert (Variants(audio_, spec, louder, 3, seed=6).frames != frames).any()
    assert (Variants(audio_, spec, None, 1).frames == spec(audio_).astype(np.float16)).all()


# ---------------------------------------------------------------------------------------------------------------- lazy
def test_lazy_audio_is_used_as_an_array(tmp_path):
    labelled(tmp_path)
    put(tmp_path / "no" / "long.wav", 5, 3000)
    eager, lazy = (read_corpus(tmp_path, clip_s=0.1, lazy=lazy) for lazy in (False, True))
    assert clips(eager) == clips(lazy)
    a, b = eager.train.audio, lazy.train.audio
    assert (a.shape, a.dtype, a.ndim, len(a)) == (b.shape, b.dtype, b.ndim, len(b))
    for which in (3, -1, slice(2, 5), [4, 0, 4], np.arange(len(a)) % 3 == 0):
        assert (a[which] == b[which]).all()
    some = [2, -1, 0]
    assert (eager.train.select(some).audio == lazy.train.select(some).audio[:]).all()
    assert ((eager.train + eager.test).audio == (lazy.train + lazy.test).audio[:]).all()
    assert ((eager.train + lazy.test).audio[:] == (eager.train + eager.test).audio).all()


def test_lazy_training_gives_the_same_weights_and_the_same_checkpoint(tmp_path):
    labelled(tmp_path / "data")
    spec = wl.LogMel(sr=SR, n_fft=256, hop_length=80, n_mels=8)
    made = []
    for lazy in (False, True):
        corpus = read_corpus(tmp_path / "data", clip_s=0.1, lazy=lazy)
        source = wl.train.ClipBatches(wl.train.batches.OnTheFly(corpus.train.audio, spec), corpus.train.y)
        model = wl.TCN(8, 2, channels=4, dilations=[1, 2], seed=0)
        history = wl.train.fit(model, source, epochs=2, batch_size=4, folder=tmp_path / "run")
        made.append((model.state_dict(), history.resumed_epochs))
    assert [resumed for _, resumed in made] == [0, 2]
    assert all((made[0][0][name] == made[1][0][name]).all() for name in made[0][0])


def test_a_lazy_corpus_notices_that_a_file_changed(tmp_path):
    corpus = read_corpus(labelled(tmp_path), lazy=True, valid_part=0, test_part=0)
    put(tmp_path / "no" / "03.wav", 77)
    with pytest.raises(wl.ParameterError, match=r"no/03\.wav: has changed since"):
        corpus.train.audio[3]
    (tmp_path / "no" / "04.wav").unlink()
    with pytest.raises(wl.ParameterError, match=r"no/04\.wav: "):
        corpus.train.audio[4]
    corpus.train.audio[5]


def test_what_does_not_fit_into_memory_names_the_remedy(tmp_path, monkeypatch):
    labelled(tmp_path)

    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(clip_reader, "np", SimpleNamespace(zeros=no_memory, float32=np.float32))
    with pytest.raises(wl.ParameterError, match=r"do not fit into memory.*lazy=True"):
        read_corpus(tmp_path)


# ---------------------------------------------------------------------------------------------------------- duplicates
def test_duplicates_within_and_across_parts(tmp_path):
    for part, n in (("train", 6), ("test", 3)):
        labelled(tmp_path / part, n=n)
    for i, name in enumerate(
        ("train/no/05.wav", "train/yes/00.wav", "test/no/00.wav", "test/no/01.wav", "test/yes/00.wav")
    ):
        put(tmp_path / name, 500 + i)
    for name in ("train/no/06.wav", "test/yes/07.wav", "test/no/08.wav"):
        shutil.copy(tmp_path / "train" / "no" / "05.wav", tmp_path / name)
    corpus = read_corpus(tmp_path, valid_part=0)
    found = Duplicates(corpus)
    lines = list(found.lines())
    # 02 of each label was made alike in train and in test by `labelled`
    assert found.within == {"train": 1, "valid": 0, "test": 1}
    assert len(found.shared("train", "test")) == 4
    assert len(found.disagreeing) == 1
    assert lines[0].startswith(
        "4 recordings are in train and in test, byte for byte, such as train/no/02.wav and test/no/02"
    )
    assert lines[1] == "1 clip of train repeats another, byte for byte, such as train/no/06.wav and train/no/05.wav"
    assert "several labels" in lines[-1]
    assert found.json()["across"] == {"train and valid": 0, "train and test": 4, "valid and test": 0}
    assert json.dumps(found.json())


# ---------------------------------------------------------------------------------------------------------- evaluation
def test_a_corpus_for_evaluation_needs_no_training_clips(tmp_path):
    labelled(tmp_path / "test", ("no", "yes", "cat"), 3)
    wanted = ["_silence_", "no", "up", "yes"]
    with pytest.raises(wl.ParameterError, match="no clip to train on for '_silence_'"):
        read_corpus(tmp_path, words=wanted)
    corpus = read_corpus(tmp_path, words=wanted, for_training=False)
    assert (corpus.labels, len(corpus.test), len(corpus.train)) == (wanted, 6, 0)
    assert corpus.problems == ["3 recordings of other labels are left out: cat", "no clips of _silence_, up"]
    with pytest.raises(wl.ParameterError, match="0 labels have clips"):
        read_corpus(tmp_path, words=["a", "b"], for_training=False)


def test_other_labels_that_are_not_even_unknown_words_are_told(tmp_path):
    labelled(tmp_path / "test", ("no", "yes", "cat"), 3)
    wanted = ["_unknown_", "no", "yes"]
    corpus = read_corpus(tmp_path, words=wanted, for_training=False)
    assert corpus.problems == [] and len(corpus.test) == 9  # cats are unknown words
    labelled(tmp_path / "test", ("_unknown_",), 3)
    corpus = read_corpus(tmp_path, words=wanted, for_training=False)
    assert corpus.problems == ["3 recordings of other labels are left out: cat"]
