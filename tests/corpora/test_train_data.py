"""Corpora: every layout, every kind of bad file, and what is the same whatever the disk."""

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora.layouts import TWELVE
from wavenetlite.corpora.loudest import fit, loudest_at
from wavenetlite.train import Clips, read_corpus

pytest.importorskip("soundfile")
DATA = os.environ.get("WAVENETLITE_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="WAVENETLITE_DATA, the folder of the real recordings, is not set")
SR = 8000


def tone(seed=0, samples=800):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).clip(-1, 1).astype(np.float32)


def put(folder, *names, y=None, sr=SR):
    """Recordings of these names, each another one."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, tone(i) if y is None else y, sr, **({"subtype": "FLOAT"} if name.endswith("wav") else {}))


def labels_with(folder, n=10, labels=("no", "yes"), sr=SR):
    put(folder, *(f"{label}/{i:02d}.flac" for label in labels for i in range(n)), sr=sr)
    return folder


def one_line(error, *texts):
    assert "\n" not in str(error.value)
    for text in texts:
        assert text in str(error.value), str(error.value)


def problem_of(corpus, *texts):
    """There is one problem, of one line, with these texts."""
    found = [line for line in corpus.problems if all(text in line for text in texts)]
    assert len(found) == 1, corpus.problems
    assert "\n" not in found[0]


def names_of(corpus):
    return [*corpus.train.names, *corpus.valid.names, *corpus.test.names]


def same(a, b):
    return a.labels == b.labels and all(
        getattr(a, part).names == getattr(b, part).names
        and (getattr(a, part).audio == getattr(b, part).audio).all()
        and (getattr(a, part).y == getattr(b, part).y).all()
        for part in ("train", "valid", "test")
    )


# -------------------------------------------------------------------------------------------------------------- clips
def clips(n=5, samples=4):
    return Clips(
        np.arange(n * samples, dtype=np.float32).reshape(n, samples),
        np.arange(n),
        [f"n{i}" for i in range(n)],
        [f"s{i}" for i in range(n)],
        np.full(n, 2),
    )


def test_select_takes_everything_along():
    for chosen in ([3, 0], np.array([3, 0]), np.array([-2, 0], np.int32)):
        some = clips().select(chosen)
        assert (some.names, some.speakers, some.y.tolist()) == (["n3", "n0"], ["s3", "s0"], [3, 0])
        assert (some.audio == clips().audio[[3, 0]]).all()
    assert clips().select(clips().y > 2).names == ["n3", "n4"]
    assert len(clips().select([])) == 0
    some.audio[:] = 7
    assert not (clips().audio == 7).all()


@pytest.mark.parametrize(("indices", "error"), [
    ([5], wl.ParameterError), ([-6], wl.ParameterError), ([0.5], wl.ArrayTypeError), ([[0]], wl.ArrayTypeError),
    (np.array([True]), wl.ParameterError)])  # fmt: skip
def test_select_wants_numbers_of_clips(indices, error):
    with pytest.raises(error) as raised:
        clips().select(indices)
    one_line(raised, "indices")


def test_clips_one_after_the_other():
    both = clips(2) + clips(3)
    assert both.names == ["n0", "n1", "n0", "n1", "n2"]
    assert (both.audio.shape, both.lengths.tolist(), both.starts.tolist()) == ((5, 4), [2] * 5, [1] * 5)
    assert repr(Clips.concatenate([both, both, both])) == "Clips(15 of 4 samples)"
    with pytest.raises(wl.ParameterError, match="4, 5 samples"):
        clips() + clips(samples=5)
    with pytest.raises(wl.ArrayTypeError):
        Clips.concatenate([])


BAD_CLIPS = {
    "audio": (np.zeros((2, 4)), np.zeros(2, np.int64)),
    "audio ": (np.zeros(4, np.float32), np.zeros(4, np.int64)),
    "y": (np.zeros((2, 4), np.float32), np.zeros(2, np.int32)),
    "y ": (np.zeros((2, 4), np.float32), np.zeros(3, np.int64)),
    "y  ": (np.zeros((2, 4), np.float32), np.array([0, -1])),
    "names": (np.zeros((2, 4), np.float32), np.zeros(2, np.int64), ["a"]),
    "lengths": (np.zeros((2, 4), np.float32), np.zeros(2, np.int64), None, None, np.array([4, 5])),
}


@pytest.mark.parametrize("name", BAD_CLIPS)
def test_clips_are_checked(name):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as raised:
        Clips(*BAD_CLIPS[name])
    one_line(raised, name.strip())


# ----------------------------------------------------------------------------------------------------- padding, cutting
@pytest.mark.parametrize(("samples", "start"), [(1, 4), (7, 1), (8, 1), (10, 0)])
def test_short_recordings_stand_in_the_middle(samples, start):
    row = np.zeros(10, np.float32)
    assert fit(np.ones(samples, np.float32), row) == samples
    assert row.tolist() == [0] * start + [1] * samples + [0] * (10 - start - samples)


def test_of_long_recordings_the_loudest_piece_is_kept():
    y = np.full(1000, 1e-3, np.float32)
    y[700:720] = 1
    row = np.zeros(100, np.float32)
    assert fit(y, row) == 100
    assert row.sum() > 20
    assert 38 <= np.flatnonzero(row == 1)[0] <= 42, "the loud part is in the middle"
    fit(np.zeros(1000, np.float32), row)
    assert not row.any()


@pytest.mark.parametrize(("loud", "samples"), [((300, 310), 41), ((300, 311), 40), ((0, 10), 30), ((990, 1000), 30)])
def test_the_loudest_piece_is_the_middle_of_those_that_have_the_loud_part(loud, samples):
    y = np.zeros(1000, np.float32)
    y[slice(*loud)] = 1
    first, last = max(0, loud[1] - samples), min(loud[0], len(y) - samples)
    assert loudest_at(lambda: [y[:500], y[500:]], samples) == (first + last) // 2


def test_lengths_and_starts_of_a_corpus(tmp_path):
    labels_with(tmp_path)
    put(tmp_path, "yes/long.flac", y=tone(3, 2000))
    corpus = read_corpus(tmp_path, clip_s=0.125)
    assert corpus.train.audio.shape[1] == 1000
    everything = Clips.concatenate([corpus.train, corpus.valid, corpus.test])
    assert sorted(set(everything.lengths.tolist())) == [800, 1000]
    for row, start, length in zip(everything.audio, everything.starts, everything.lengths, strict=True):
        assert not row[:start].any()
        assert not row[start + length :].any()
        assert row[start : start + length].any()
    assert read_corpus(tmp_path, clip_s=None).train.audio.shape[1] == 2000


# ---------------------------------------------------------------------------------------------------- speech commands
def speech_commands(folder, words=("no", "yes"), n=10):
    names = [f"{word}/{i:08x}_nohash_{i % 2}.wav" for word in words for i in range(n)]
    put(folder, *names)
    for name, first in (("validation_list.txt", 0), ("testing_list.txt", 2)):
        lines = [f"{word}/{i:08x}_nohash_{i % 2}.wav" for word in words for i in range(first, first + 2)]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def test_lists_say_which_part(tmp_path):
    corpus = read_corpus(speech_commands(tmp_path))
    assert corpus.layout == "speech_commands"
    assert corpus.problems == []
    assert corpus.counts() == {"no": (6, 2, 2), "yes": (6, 2, 2)}
    assert corpus.valid.names == [f"{word}/{i:08x}_nohash_{i}.wav" for word in ("no", "yes") for i in (0, 1)]
    assert corpus.test.speakers == ["00000002", "00000003"] * 2
    assert corpus.valid.y.tolist() == [0, 0, 1, 1]
    assert (corpus.valid.audio[0, corpus.valid.starts[0] :][:800] == tone(0)).all()
    assert repr(corpus) == "Corpus(speech_commands, 2 labels, 12 + 4 + 4 clips, 8000 Hz, 0 problems)"
    assert corpus.folder == tmp_path


def test_a_converted_corpus_keeps_its_lists(tmp_path):
    speech_commands(tmp_path)
    for path in tmp_path.glob("*/*.wav"):
        audio.write(path.with_suffix(".flac"), audio.read(path)[0], SR)
        path.unlink()
    corpus = read_corpus(tmp_path)
    assert corpus.problems == []
    assert corpus.counts() == {"no": (6, 2, 2), "yes": (6, 2, 2)}


def original(folder):
    """Google's download in small: word folders, lists, _background_noise_, and the files that lie beside."""
    speech_commands(folder, words=(*TWELVE[2:], "bed", "bird", "cat"), n=10)
    put(folder, "_background_noise_/a.wav", y=tone(1, 100_000))
    put(folder, "_background_noise_/b.wav", y=tone(2, 50_000))
    for name in ("README.md", "LICENSE", "_background_noise_/README.md"):
        (folder / name).write_text("text")
    return folder


def test_twelve_classes_of_the_original(tmp_path):
    corpus = read_corpus(original(tmp_path), words="12")
    assert corpus.problems == []
    assert corpus.labels == list(TWELVE)
    assert set(corpus.counts().values()) == {(6, 2, 2)}
    unknown = [name for name, y in zip(corpus.train.names, corpus.train.y, strict=True) if y == 1]
    assert sorted(name.split("/")[0] for name in unknown) == ["bed"] * 2 + ["bird"] * 2 + ["cat"] * 2
    assert [len(y) for y in corpus.noises] == [100_000, 50_000]
    # Pieces of the recordings; no part hears a stretch of another.
    noises = {"a.wav": tone(1, 100_000), "b.wav": tone(2, 50_000)}
    for part, (first, last) in {"train": (0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1)}.items():
        clips = getattr(corpus, part)
        silent = clips.select(clips.y == 0)
        assert len(silent) == {"train": 6}.get(part, 2)
        for row, name in zip(silent.audio, silent.names, strict=True):
            source, at = name.removeprefix("_background_noise_/").split("@")
            y = noises[source]
            assert (row == y[int(at) : int(at) + SR]).all()
            assert first * len(y) - 1 <= int(at) <= last * len(y) - SR
    assert same(corpus, read_corpus(tmp_path, words="12"))
    assert not same(corpus, read_corpus(tmp_path, words="12", seed=1))


def test_words_of_the_original(tmp_path):
    original(tmp_path)
    everything = read_corpus(tmp_path)
    assert everything.labels == sorted((*TWELVE[2:], "bed", "bird", "cat"))
    assert same(everything, read_corpus(tmp_path, words="all"))
    few = read_corpus(tmp_path, words=["yes", "_unknown_", "cat"])
    assert few.labels == ["yes", "_unknown_", "cat"]
    assert set(few.counts().values()) == {(6, 2, 2)}
    assert read_corpus(tmp_path, words=("yes", "no")).labels == ["yes", "no"]


def test_folders_of_silence_and_unknown_are_taken_as_they_are(tmp_path):
    speech_commands(tmp_path, words=("no", "yes", "_silence_", "_unknown_"))
    corpus = read_corpus(tmp_path, words=["_silence_", "_unknown_", "no", "yes"])
    assert set(corpus.counts().values()) == {(6, 2, 2)}
    assert all(name.startswith("_unknown_/") for name in corpus.test.select(corpus.test.y == 1).names)


@pytest.mark.parametrize(("words", "texts"), [
    (["yes", "maybe"], ["maybe", "words"]), (["yes"], ["words"]), (["yes", "yes"], ["words"]), ("13", ["words"]),
    ([], ["words"]), (7, ["words"]), ("12", ["words"])])  # fmt: skip
def test_words_that_are_not_there(tmp_path, words, texts):
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(speech_commands(tmp_path), words=words)
    one_line(raised, *texts)


def test_lists_with_faults(tmp_path):
    speech_commands(tmp_path)
    with (tmp_path / "testing_list.txt").open("a") as file:
        file.write(
            "\nyes/missing.wav\nyes/00000002_nohash_0.wav\nbed/1.wav\nbed/2.wav\n.\\no\\00000005_nohash_1.wav\r\n"
        )
    corpus = read_corpus(tmp_path)
    problem_of(corpus, "yes/missing.wav", "testing_list.txt", "missing")
    problem_of(corpus, "yes/00000002_nohash_0.wav", "more than once")
    problem_of(corpus, "bed/", "2 files", "testing_list.txt")
    assert len(corpus.problems) == 3
    assert corpus.counts() == {"no": (5, 2, 3), "yes": (6, 2, 2)}


def test_a_file_in_both_lists(tmp_path):
    speech_commands(tmp_path)
    with (tmp_path / "testing_list.txt").open("a") as file:
        file.write("yes/00000000_nohash_0.wav\n")
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path)
    one_line(raised, "yes/00000000_nohash_0.wav", "validation_list.txt", "testing_list.txt")


def test_a_list_that_is_missing_or_no_text(tmp_path):
    speech_commands(tmp_path)
    (tmp_path / "validation_list.txt").unlink()
    corpus = read_corpus(tmp_path, valid_part=0.25)
    problem_of(corpus, "validation_list.txt", "no such list")
    assert corpus.counts() == {"no": (6, 2, 2), "yes": (6, 2, 2)}, "a part of the training is taken"
    (tmp_path / "validation_list.txt").write_bytes(b"yes/\xff\xfe.wav")
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path)
    one_line(raised, "validation_list.txt", "cannot be read")


# --------------------------------------------------------------------------------------------------------------- FSDD
def fsdd(folder, speakers=("ann", "bob_2", "eve"), n=12):
    put(folder, *(f"recordings/{d}_{who}_{i}.wav" for d in range(3) for who in speakers for i in range(n)))
    return folder


def test_fsdd(tmp_path):
    (fsdd(tmp_path) / "utils").mkdir()
    corpus = read_corpus(tmp_path)
    assert (corpus.layout, corpus.problems) == ("fsdd", [])
    assert corpus.counts() == {str(d): (19, 2, 15) for d in range(3)}
    assert all(int(Path(name).stem.split("_")[-1]) < 5 for name in corpus.test.names)
    assert not any(int(Path(name).stem.split("_")[-1]) < 5 for name in corpus.train.names + corpus.valid.names)
    assert set(corpus.test.speakers) == {"ann", "bob_2", "eve"}
    inner = read_corpus(tmp_path / "recordings")
    assert (inner.layout, inner.counts()) == ("fsdd", corpus.counts())


def test_a_speaker_held_out(tmp_path):
    corpus = read_corpus(fsdd(tmp_path), hold_out_speaker="bob_2", valid_part=0.25)
    assert corpus.counts() == {str(d): (18, 6, 12) for d in range(3)}
    assert set(corpus.test.speakers) == {"bob_2"}
    assert set(corpus.train.speakers) == set(corpus.valid.speakers) == {"ann", "eve"}
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path, hold_out_speaker="zoe")
    one_line(raised, "hold_out_speaker='zoe'", "ann, bob_2, eve")


def test_held_out_where_the_folder_has_its_test(tmp_path):
    with pytest.raises(wl.ParameterError, match="hold_out_speaker"):
        read_corpus(speech_commands(tmp_path), hold_out_speaker="00000000")


def test_fsdd_with_a_stranger(tmp_path):
    put(fsdd(tmp_path), "recordings/stranger.wav")
    problem_of(read_corpus(tmp_path), "recordings/stranger.wav", "DIGIT_SPEAKER_INDEX")


# --------------------------------------------------------------------------------------------------- more to learn from
def test_more_to_learn_from(tmp_path):
    corpus = read_corpus(fsdd(tmp_path / "real"), hold_out_speaker="eve", clip_s=0.1)
    labels = corpus.labels
    other = read_corpus(labels_with(tmp_path / "made", 10, labels[1:3]), clip_s=0.1)
    both = corpus.with_training(other)
    n = len(corpus.train)
    assert (len(both.train), len(both.valid), len(both.test)) == (n + 20, len(corpus.valid), len(corpus.test))
    assert (both.train.audio[:n] == corpus.train.audio).all()
    assert [Path(name).parent.name for name in both.train.names[n:]] == [labels[y] for y in both.train.y[n:]]
    assert same(read_corpus(tmp_path / "made", clip_s=0.1), other), "it was not written into"
    assert (both.labels, both.layout, both.folder) == (labels, corpus.layout, corpus.folder)


def test_more_must_fit(tmp_path):
    corpus = read_corpus(labels_with(tmp_path / "a"), clip_s=0.1)
    for folder, labels, options, texts in (
        ("b", ("no", "maybe"), {"clip_s": 0.1}, ("more has the label 'maybe'",)),
        ("c", ("no", "yes"), {"clip_s": 0.1, "sr": 16000, "resample": True}, ("sample rate 16000", "8000")),
        ("d", ("no", "yes"), {"clip_s": 0.2}, ("parts have clips of", "must all be equal")),
    ):
        more = read_corpus(labels_with(tmp_path / folder, labels=labels), **options)
        with pytest.raises(wl.ParameterError) as error:
            corpus.with_training(more)
        one_line(error, *texts)
    with pytest.raises(wl.ArrayTypeError, match="more is a str"):
        corpus.with_training("b")


# ------------------------------------------------------------------------------------------------------ plain folders
def test_plain_folders_are_divided(tmp_path):
    corpus = read_corpus(labels_with(tmp_path, 20))
    assert (corpus.layout, corpus.problems) == ("folders", [])
    assert corpus.counts() == {"no": (16, 2, 2), "yes": (16, 2, 2)}
    assert len(set(names_of(corpus))) == 40
    assert same(corpus, read_corpus(tmp_path))
    assert not same(corpus, read_corpus(tmp_path, seed=1))
    everything = read_corpus(tmp_path, valid_part=0, test_part=0)
    assert everything.counts() == {"no": (20, 0, 0), "yes": (20, 0, 0)}
    assert everything.problems == []


def test_speakers_stay_together(tmp_path):
    speakers = [f"{i:08x}" for i in range(20)]
    put(tmp_path, *(f"{w}/{who}_nohash_{i}.flac" for w in ("no", "yes") for who in speakers for i in range(3)))
    put(tmp_path, "yes/unnamed.flac")
    corpus = read_corpus(tmp_path)
    parts = [set(clips.speakers) - {""} for clips in (corpus.train, corpus.valid, corpus.test)]
    assert parts[0] | parts[1] | parts[2] == set(speakers)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert 6 <= len(corpus.valid) <= 18
    assert 6 <= len(corpus.test) <= 18


def test_no_label_loses_its_training_to_the_split_by_speakers(tmp_path):
    put(tmp_path, *(f"w{i}/w{i}_speaker{i}_{k}.flac" for i in range(12) for k in range(4)))
    corpus = read_corpus(tmp_path, valid_part=0.3, test_part=0.3)
    assert len(corpus.labels) == 12
    assert all(train >= 2 for train, _, _ in corpus.counts().values())


def test_few_clips(tmp_path):
    corpus = read_corpus(labels_with(tmp_path, 3))
    assert corpus.counts() == {"no": (2, 0, 1), "yes": (2, 0, 1)}
    shutil.rmtree(tmp_path / "no")
    put(tmp_path, "no/1.flac")
    assert read_corpus(tmp_path).counts()["no"] == (1, 0, 0)


def test_folders_of_parts(tmp_path):
    for part, n in (("train", 5), ("Validation", 3), ("test", 2)):
        labels_with(tmp_path / part, n)
    corpus = read_corpus(tmp_path)
    assert (corpus.layout, corpus.problems) == ("parts", [])
    assert corpus.counts() == {"no": (5, 3, 2), "yes": (5, 3, 2)}
    assert corpus.train.names[0] == "train/no/00.flac"
    shutil.rmtree(tmp_path / "Validation")
    assert read_corpus(tmp_path, valid_part=0.2).counts() == {"no": (4, 1, 2), "yes": (4, 1, 2)}


def test_a_label_named_test_is_no_part(tmp_path):
    corpus = read_corpus(labels_with(tmp_path, labels=("train", "plane")))
    assert (corpus.layout, corpus.labels) == ("folders", ["plane", "train"])


def test_a_layout_can_be_demanded(tmp_path):
    speech_commands(tmp_path)
    assert read_corpus(tmp_path, layout="folders").layout == "folders"
    with pytest.raises(wl.ParameterError, match="layout='kaldi' must be one of auto, speech_commands, fsdd"):
        read_corpus(tmp_path, layout="kaldi")
    with pytest.raises(wl.ParameterError):
        read_corpus(tmp_path, layout="fsdd")


# ----------------------------------------------------------------------------------------------------------- bad files
def nan(path):
    audio.write(path, tone(), SR, subtype="FLOAT")
    data = bytearray(path.read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    path.write_bytes(data)


def huge(path):
    audio.write(path, tone() * 30000, SR, subtype="FLOAT")


def truncated(path):
    put(path.parent, path.name)
    path.write_bytes(path.read_bytes()[:-500])


def half_a_flac(path):
    put(path.parent, path.name, y=tone(1, 8000))
    path.write_bytes(path.read_bytes()[:4000])


def no_samples(path):
    audio.write(path, np.zeros(0, np.float32), SR)


def stereo(path):
    audio.write(path, np.stack([tone(), tone(1)], axis=1), SR)


def loop(path):
    path.symlink_to(path)


BAD_FILES = {
    "README.md": (lambda path: path.write_text("what this is"), "not audio by its ending"),
    ".01.wav": (lambda path: path.write_bytes(b"\0\5\26\7"), "hidden"),
    "empty.wav": (lambda path: path.write_bytes(b""), "empty"),
    "text.wav": (lambda path: path.write_text("no audio " * 100), "not audio"),
    "truncated.wav": (truncated, "truncated"),
    "truncated.flac": (half_a_flac, ""),
    "nan.wav": (nan, "not finite"),
    "huge.wav": (huge, "-1..1"),
    "nothing.wav": (no_samples, "no samples"),
    "stereo.wav": (stereo, "2 channels"),
    "other_rate.wav": (lambda path: audio.write(path, tone(), 16000), "sample rate is 16000, not 8000"),
    "folder": (lambda path: put(path, "1.flac"), "folder"),
    "folder.wav": (lambda path: path.mkdir(), "folder"),
    "nowhere.wav": (lambda path: path.symlink_to("nothing.here"), "link"),
    "loop.wav": (loop, "link"),
    "pipe.wav": (os.mkfifo, "not a file"),
    "two\nlines.wav": (lambda path: path.write_bytes(b""), "two\ufffdlines.wav"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_and_harms_nothing(tmp_path, name):
    good = read_corpus(labels_with(tmp_path), valid_part=0, test_part=0)
    make, text = BAD_FILES[name]
    make(tmp_path / "yes" / name)
    corpus = read_corpus(tmp_path, valid_part=0, test_part=0)
    assert len(corpus.problems) == 1
    problem_of(corpus, f"yes/{name}".replace("\n", "\ufffd"), text, "skipped")
    assert str(tmp_path) not in corpus.problems[0]
    assert "on_nonfinite" not in corpus.problems[0]  # which only the reader of one file has
    assert same(good, corpus)


def test_what_systems_leave_beside_files_is_passed_over(tmp_path):
    good = read_corpus(labels_with(tmp_path), valid_part=0, test_part=0)
    for name in (".DS_Store", "._01.wav", "Thumbs.db", "desktop.ini"):
        (tmp_path / "yes" / name).write_bytes(b"\0\5\26\7")
    for name in ("__MACOSX/yes/._01.wav", "yes/.ipynb_checkpoints/01-checkpoint.wav", "@eaDir/01.wav/x", ".git/x.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((tmp_path / "yes" / "01.flac").read_bytes())
    corpus = read_corpus(tmp_path, valid_part=0, test_part=0)
    assert corpus.problems == []
    assert same(good, corpus)


def test_a_folder_of_macos_does_not_hide_the_parts(tmp_path):
    for name in ("train/yes/01.flac", "train/no/01.flac", "test/yes/01.flac", "test/no/01.flac"):
        put(tmp_path / name.rpartition("/")[0], "01.flac")
    (tmp_path / "__MACOSX" / "train").mkdir(parents=True)
    corpus = read_corpus(tmp_path)
    assert (corpus.layout, len(corpus.train), len(corpus.test)) == ("parts", 2, 2)


def test_all_bad_files_at_once_leave_the_parts_as_they_are(tmp_path):
    speech_commands(tmp_path)
    good = read_corpus(tmp_path)
    for name, (make, _) in BAD_FILES.items():
        make(tmp_path / "no" / name)
    corpus = read_corpus(tmp_path)
    assert len(corpus.problems) == len(BAD_FILES)
    assert same(good, corpus)


def test_names_that_are_no_text(tmp_path):
    labels_with(tmp_path)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "yes") + b"/\xff.wav")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system has no such names")
    problem_of(read_corpus(tmp_path), "yes/\ufffd.wav", "empty")


def test_names_with_accents_match_in_any_spelling(tmp_path):
    put(tmp_path, *(f"{word}/größe_{i}.flac" for word in ("öffnen", "schließe", "日本") for i in range(4)))
    listed = [f"{word}/größe_0.flac" for word in ("öffnen", "schließe", "日本")]
    (tmp_path / "testing_list.txt").write_text(unicodedata.normalize("NFD", "\n".join(listed)), encoding="utf-8")
    (tmp_path / "validation_list.txt").write_text("\ufeff" + "\n".join(listed).replace("_0", "_1"), encoding="utf-8")
    corpus = read_corpus(tmp_path, words=[unicodedata.normalize("NFD", "öffnen"), "日本"])
    assert corpus.problems == []
    assert corpus.counts() == {"öffnen": (2, 1, 1), "日本": (2, 1, 1)}


def test_links_are_followed(tmp_path):
    labels_with(tmp_path / "there")
    (tmp_path / "corpus" / "no").mkdir(parents=True)
    (tmp_path / "corpus" / "yes").symlink_to(tmp_path / "there" / "yes")
    for path in sorted((tmp_path / "there" / "no").iterdir()):
        (tmp_path / "corpus" / "no" / path.name).symlink_to(path)
    (tmp_path / "corpus" / "lost").symlink_to(tmp_path / "nowhere")
    corpus = read_corpus(tmp_path / "corpus")
    assert len(names_of(corpus)) == 20
    problem_of(corpus, "lost", "link to nothing")


def test_audio_beside_the_folders_has_no_label(tmp_path):
    put(labels_with(tmp_path), "lost.flac")
    problem_of(read_corpus(tmp_path), "lost.flac", "not in the folder of a label")


def test_an_empty_folder_is_no_label(tmp_path):
    (labels_with(tmp_path) / "maybe").mkdir()
    (tmp_path / ".git").mkdir()
    corpus = read_corpus(tmp_path)
    problem_of(corpus, "maybe/", "no audio files")
    assert corpus.labels == ["no", "yes"]
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path, words=["yes", "maybe"])
    one_line(raised, "maybe")


def test_a_label_without_a_good_file_is_no_label(tmp_path):
    speech_commands(tmp_path, words=("maybe", "no", "yes"))
    for path in sorted((tmp_path / "maybe").iterdir())[4:]:
        path.write_bytes(b"")
    corpus = read_corpus(tmp_path)
    assert corpus.labels == ["no", "yes"]
    assert corpus.counts() == {"no": (6, 2, 2), "yes": (6, 2, 2)}
    assert corpus.test.y.tolist() == [0, 0, 1, 1]
    problem_of(corpus, "maybe: has no clip to train on")


def test_a_label_that_is_not_tested(tmp_path):
    speech_commands(tmp_path)
    for i in (2, 3):
        (tmp_path / "yes" / f"0000000{i}_nohash_{i % 2}.wav").write_bytes(b"")
    problem_of(read_corpus(tmp_path), "yes: has no clip in the test part")


def test_nothing_to_train_on(tmp_path):
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path)
    one_line(raised, str(tmp_path), "no audio files")
    put(tmp_path, "yes/1.flac", "yes/2.flac")
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path)
    one_line(raised, str(tmp_path), "at least 2")
    labels_with(tmp_path)
    for path in tmp_path.glob("*/*"):
        path.write_bytes(b"")
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path)
    one_line(raised, "0 labels", "no/00.flac: it is empty")


@pytest.mark.parametrize("layout", ["auto", "speech_commands", "fsdd", "folders", "parts"])
def test_an_empty_folder(tmp_path, layout):
    with pytest.raises(wl.ParameterError, match="no audio files"):
        read_corpus(tmp_path, layout=layout)


def test_no_folder(tmp_path):
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path / "nowhere")
    one_line(raised, "nowhere", "no such folder")
    (tmp_path / "file").write_text("")
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path / "file")
    one_line(raised, "file", "must be a folder, a manifest")
    with pytest.raises(wl.ArrayTypeError):
        read_corpus(7)


# ------------------------------------------------------------------------------------------------------ rates, channels
def test_a_corpus_of_another_rate_is_an_error(tmp_path):
    labels_with(tmp_path)
    with pytest.raises(wl.ParameterError) as raised:
        read_corpus(tmp_path, sr=16000)
    one_line(raised, "sr=16000", "20 of 20", "no/00.flac", "resample=True")
    corpus = read_corpus(tmp_path, sr=16000, resample=True)
    assert (corpus.sr, corpus.train.audio.shape[1], set(corpus.train.lengths.tolist())) == (16000, 16000, {1600})


def test_an_odd_file_is_resampled_on_demand(tmp_path):
    labels_with(tmp_path)
    audio.write(tmp_path / "no" / "00.flac", tone(0, 1600), 16000)
    assert read_corpus(tmp_path).sr == SR
    corpus = read_corpus(tmp_path, resample=True, valid_part=0, test_part=0)
    assert corpus.problems == []
    assert corpus.train.lengths[0] == 800


def test_channels_on_demand(tmp_path):
    labels_with(tmp_path)
    stereo(tmp_path / "no" / "00.flac")
    corpus = read_corpus(tmp_path, mono="mean", valid_part=0, test_part=0)
    assert corpus.problems == []
    row = corpus.train.audio[0, corpus.train.starts[0] :][:800]
    assert np.abs(row - (tone() + tone(1)) / 2).max() < 1e-4


# ---------------------------------------------------------------------------------------------------------- parameters
@pytest.mark.parametrize(("name", "value"), [
    ("sr", 0), ("sr", 8000.0), ("clip_s", 0), ("clip_s", -1.0), ("clip_s", float("nan")), ("clip_s", "1"),
    ("resample", 1), ("mono", "left"), ("valid_part", 0.6), ("valid_part", -0.1), ("test_part", 2), ("seed", -1),
    ("seed", 0.5), ("progress", 7), ("hold_out_speaker", 7), ("layout", None), ("clip_s", 1e12)])  # fmt: skip
def test_parameters_are_checked(tmp_path, name, value):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as raised:
        read_corpus(labels_with(tmp_path, 2), **{name: value})
    one_line(raised, name)


def test_progress(tmp_path):
    seen = []
    read_corpus(labels_with(tmp_path, 50), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (100, 100)
    assert seen == sorted(seen)


def test_an_interrupted_reading_ends(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_corpus(labels_with(tmp_path, 20), progress=stop)


def test_the_order_on_disk_does_not_matter(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    labels_with(a, labels=("b", "a", "c"))
    for path in sorted(a.glob("*/*"), reverse=True):
        (b / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, b / path.parent.name)
    assert same(read_corpus(a), read_corpus(b))


# ----------------------------------------------------------------------------------------------------- real recordings
@needs_data
@pytest.mark.slow
def test_speech_commands_of_google():
    corpus = read_corpus(Path(DATA, "speech_commands12"), sr=16000)
    assert (corpus.layout, corpus.problems) == ("speech_commands", [])
    assert corpus.labels == list(TWELVE)
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [2214, 835, 911]
    assert corpus.train.audio.shape == (2214, 16000)
    speech = [{who for who in part.speakers if who} for part in (corpus.train, corpus.valid, corpus.test)]
    assert [len(speakers) for speakers in speech] == [108, 45, 39]
    assert not speech[0] & speech[1]
    assert not (speech[0] | speech[1]) & speech[2]


@needs_data
@pytest.mark.slow
def test_the_free_spoken_digit_dataset():
    corpus = read_corpus(Path(DATA, "fsdd"))
    assert (corpus.layout, corpus.problems, corpus.sr) == ("fsdd", [], 8000)
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [2030, 220, 250]
    assert corpus.labels == list("0123456789")
    assert set(corpus.train.speakers) == {"george", "jackson", "lucas", "nicolas", "theo"}
    held = read_corpus(Path(DATA, "fsdd"), hold_out_speaker="jackson")
    assert [len(held.train), len(held.valid), len(held.test)] == [1800, 200, 500]
