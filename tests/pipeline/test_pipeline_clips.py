"""Small recordings that are computed in batches, against the same recordings read one by one: the same bytes."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavenetlite as wl
from wavenetlite.pipeline import clips
from wavenetlite.pipeline._clips import ClipReader, computes
from wavenetlite.pipeline.statistics import Statistics

SR = 16000
SPECS = {
    "log-mel": wl.LogMel(sr=SR),
    "centred": wl.LogMel(sr=SR, center=True),
    "hop beyond the frame": wl.LogMel(sr=SR, n_fft=256, hop_length=400),
    "power": wl.Spectrogram(sr=SR, n_fft=128, hop_length=64),
    "a step": wl.MFCC(sr=SR),
    "a step with a state": wl.PCEN(sr=SR),
    "two steps": wl.MFCC(sr=SR).then(wl.features.RunningCMVN(window_frames=20)),
}
LEFT_ALONE = {
    "deltas": wl.LogMel(sr=SR).then(wl.features.Deltas(width=5)),
    "samples": wl.MuLaw(sr=SR),
    "whole signals": wl.LogMel(sr=SR).then(wl.features.UtteranceCMVN()),
}


def signals() -> dict[str, np.ndarray]:
    """Of every kind of block that encoders of FLAC write."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(6000)
    tone = 0.4 * np.sin(np.arange(6000) / 7) + 0.001 * noise
    return {
        "zeros": np.zeros(5000), "constant": np.full(4500, 0.25), "noise": np.clip(0.5 * noise, -1, 0.99),
        "tone": tone, "ramp": np.linspace(-0.5, 0.5, 5000), "wasted bits": np.round(tone * 64) / 64,
        "bursts": tone * (np.arange(6000) % 1000 < 100), "full scale": np.where(noise > 0, 32767 / 32768, -1.0),
        "one block": tone[:900], "one frame": tone[:512],
    }  # fmt: skip


def write_all(folder: Path) -> set[str]:
    """Files as they are usual; returns their names."""
    folder.mkdir()
    for name, y in signals().items():
        for subtype in ("PCM_S8", "PCM_16", "PCM_24"):
            soundfile.write(folder / f"{name} {subtype}.flac", y, SR, subtype)
        for subtype in ("PCM_16", "PCM_24", "PCM_32", "FLOAT"):
            soundfile.write(folder / f"{name} {subtype}.wav", y, SR, subtype)
    stereo = np.stack([signals()["tone"], signals()["noise"]], 1)
    nearly = np.stack([signals()["tone"], 0.98 * signals()["tone"]], 1)
    for name, y in {"stereo": stereo, "nearly mono": nearly}.items():
        soundfile.write(folder / f"{name}.flac", y, SR)
        soundfile.write(folder / f"{name}.wav", y, SR)
    soundfile.write(folder / "extensible.wav", signals()["tone"], SR, "PCM_16", format="WAVEX")
    for level in (0.0, 0.5, 1.0):
        soundfile.write(folder / f"level {level}.flac", signals()["tone"], SR, compression_level=level)
    return {path.name for path in folder.iterdir()}


def write_odd(folder: Path) -> set[str]:
    """Files that are not: refused, or read in another way; returns their names."""
    folder.mkdir(exist_ok=True)
    before = {path.name for path in folder.iterdir()}
    tone = signals()["tone"]
    soundfile.write(folder / "other rate.flac", tone, 8000)
    soundfile.write(folder / "three.flac", np.stack([tone] * 3, 1), SR)
    soundfile.write(folder / "short.wav", tone[:100], SR)
    soundfile.write(folder / "ogg.ogg", tone, SR)
    soundfile.write(folder / "double.wav", tone, SR, "DOUBLE")
    soundfile.write(folder / "loud.wav", 100 * tone, SR, "FLOAT")
    soundfile.write(folder / "nan.wav", np.where(np.arange(6000) == 3000, np.nan, tone), SR, "FLOAT")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("no audio")
    plain = folder / "plain.flac"
    soundfile.write(plain, np.resize(tone, 20000), SR)
    data = plain.read_bytes()
    plain.unlink()
    (folder / "cut.flac").write_bytes(data[:-300])
    (folder / "more behind.flac").write_bytes(data + b"TAG" + bytes(125))
    (folder / "id3.flac").write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + data)
    (folder / "no length.flac").write_bytes(data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:])
    (folder / "wrong length.flac").write_bytes(data[:25] + bytes([data[25] ^ 8]) + data[26:])
    wav = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, SR, 2 * SR, 2, 16, b"data",
                      0xFFFFFFFF)  # fmt: skip
    (folder / "pipe.wav").write_bytes(wav + (3000 * tone).astype("<i2").tobytes())
    return {path.name for path in folder.iterdir()} - before


def contents(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }


def both_ways(data: Path, place: Path, monkeypatch: pytest.MonkeyPatch, **options: object) -> None:
    """The same files, whether recordings are computed in batches or one by one."""
    wl.pipeline.extract(data, place / "batches", **options)
    monkeypatch.setattr(clips.Clips, "takes", lambda self, entry: False)
    wl.pipeline.extract(data, place / "one by one", **options)
    monkeypatch.undo()
    assert contents(place / "batches") == contents(place / "one by one")


def taken(folder: Path, mono: object = "mean") -> set[str]:
    """Names of the files that are computed in a batch."""
    reader = ClipReader([wl.LogMel(sr=SR).stream()], sr=SR, max_s=60.0, most_samples=1 << 18, mono=mono)
    paths = sorted(folder.iterdir())
    found = reader.compute([None] * len(paths), [path.read_bytes() for path in paths])
    assert len(found) == len(paths)
    return {path.name for path, one in zip(paths, found, strict=True) if one is not None}


@pytest.mark.parametrize("name", SPECS)
def test_features_have_the_same_bytes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = write_all(tmp_path / "data")
    odd = write_odd(tmp_path / "data")
    assert taken(tmp_path / "data") == usual
    assert odd
    assert computes(SPECS[name].stream())
    both_ways(tmp_path / "data", tmp_path, monkeypatch, features=SPECS[name], mono="mean")


def test_several_features_of_one_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once, with padding of different lengths, have the bytes of each alone."""
    write_all(tmp_path / "data")
    write_odd(tmp_path / "data")
    several = {f"f{number}": spec for number, spec in enumerate(SPECS.values())}
    assert len({spec.left_pad for spec in several.values()}) > 1
    both_ways(tmp_path / "data", tmp_path, monkeypatch, features=several, mono="mean")
    together = wl.pipeline.open(tmp_path / "batches")
    for name, spec in several.items():
        wl.pipeline.extract(tmp_path / "data", tmp_path / name, features=spec, mono="mean")
        alone = {item.key: item.feature_hash for item in wl.pipeline.open(tmp_path / name)}
        assert {item.key: item.feature_hash for item in together[name]}.items() <= alone.items()


@pytest.mark.parametrize("mono", [None, 0, 1])
def test_channels(mono: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = write_all(tmp_path / "data")
    stereo = {"stereo.flac", "stereo.wav", "nearly mono.flac", "nearly mono.wav"}
    assert taken(tmp_path / "data", mono) == {None: usual - stereo, 0: usual, 1: stereo}[mono]
    both_ways(tmp_path / "data", tmp_path, monkeypatch, features=wl.LogMel(sr=SR), mono=mono)


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_other_features_are_computed_one_by_one(name: str) -> None:
    spec = LEFT_ALONE[name]
    assert not computes(spec.stream() if spec.causal else None)


def test_options_that_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_all(tmp_path / "data")
    write_odd(tmp_path / "data")
    both_ways(tmp_path / "data", tmp_path, monkeypatch, features=wl.LogMel(sr=SR), max_s=0.33)
    both_ways(tmp_path / "data", tmp_path / "more", monkeypatch, features=wl.LogMel(sr=SR), mono="mean", resample=True)


@pytest.mark.parametrize("ending", ["flac", "wav"])
def test_damaged_files_are_the_general_readers(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte changed, or the end cut off, at random: what is reported, or heard, is what it always was."""
    rng = np.random.default_rng(1)
    (tmp_path / "data").mkdir()
    soundfile.write(tmp_path / f"plain.{ending}", 0.3 * rng.standard_normal((700, 2)).cumsum(0) / 30, SR)
    data = (tmp_path / f"plain.{ending}").read_bytes()
    for number in range(120):
        damaged = bytearray(data)
        at = int(rng.integers(len(data) if number % 2 else 120))
        damaged[at] ^= int(rng.integers(1, 256))
        if number % 5 == 0:
            del damaged[int(rng.integers(len(data))) :]
        (tmp_path / "data" / f"{number:03}.{ending}").write_bytes(damaged)
    both_ways(tmp_path / "data", tmp_path, monkeypatch, features=wl.LogMel(sr=SR), mono="mean", resample=True)


def test_a_call_that_is_full_ends_and_the_rest_is_given_again(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(200_000), SR, "PCM_16")
    spec = wl.Spectrogram(sr=SR, n_fft=512, hop_length=40)
    reader = ClipReader([spec.stream()], sr=SR, max_s=60.0, most_samples=1 << 18, mono=None)
    data = (tmp_path / "a.wav").read_bytes()
    found = reader.compute([None] * 9, [data] * 9)
    assert 0 < len(found) < 9
    frames = spec(wl.audio.read(tmp_path / "a.wav")[0])
    for one in found:
        ((first, count, _, _),) = one[-1]
        assert np.array_equal(reader.rows(0, first, count), frames)
    with pytest.raises(IndexError, match="rows"):
        reader.rows(0, 0, len(found) * len(frames) + 1)


@pytest.mark.parametrize("shape", [(1, 2), (7, 3), (97, 40), (3, 257)])
def test_statistics_are_numpys(shape: tuple[int, int], tmp_path: Path) -> None:
    """Of as many frames and channels as are wanted: mean and deviations have the bits of `Statistics.of`."""
    frames, channels = shape
    spec = wl.Spectrogram(sr=SR, n_fft=2 * (channels - 1), hop_length=1)
    y = np.random.default_rng(2).standard_normal(frames + 2 * (channels - 1) - 1).astype(np.float32) / 8
    soundfile.write(tmp_path / "a.wav", y, SR, "FLOAT")
    reader = ClipReader([spec.stream()], sr=SR, max_s=60.0, most_samples=1 << 18, mono=None)
    (one,) = reader.compute([str(tmp_path / "a.wav").encode()], [b""])
    expected = Statistics.of(spec(y))
    (((count, mean, deviations),),) = (made[-1] for made in one[-1])
    assert (count, mean.tobytes(), deviations.tobytes()) == (
        frames,
        expected.mean.tobytes(),
        expected.deviations.tobytes(),
    )


def test_names_that_are_no_files(tmp_path: Path) -> None:
    reader = ClipReader([wl.LogMel(sr=SR).stream()], sr=SR, max_s=60.0, most_samples=1 << 18, mono=None)
    names = [str(tmp_path).encode(), str(tmp_path / "missing.wav").encode(), b"/dev/zero"]
    assert reader.compute(names, [b""] * 3) == [None] * 3
