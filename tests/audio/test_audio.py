"""Audio: files of all formats, good and bad; blocks; rates; channels; a microphone, there and not there."""

import subprocess
import sys
import types

import numpy as np
import pytest
from features_catalogue import noise
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import audio

soundfile = pytest.importorskip("soundfile")
soxr = pytest.importorskip("soxr")
Y = np.clip(noise(16000), -1, 1)
TONE = (0.5 * np.sin(2 * np.pi * 440 / 16000 * np.arange(16000))).astype(np.float32)
STEREO = np.stack([Y, -0.5 * Y], axis=1)
# What a round trip may cost: nothing, half a step of 16 bits, or what the ear does not mind.
FORMATS = {"wav": 2**-15, "flac": 2**-15, "aiff": 2**-15, "ogg": 0.05, "mp3": 0.05}


def written(folder, name="a.wav", y=Y, sr=16000, **options):
    path = folder / name
    audio.write(path, y, sr, **options)
    return path


def one_line(excinfo, *texts):
    assert "\n" not in str(excinfo.value)
    for text in texts:
        assert str(text) in str(excinfo.value)


# ------------------------------------------------------------------------------------------------- reading and writing
@pytest.mark.parametrize("y", [TONE, np.stack([TONE, -TONE], axis=1)], ids=["mono", "stereo"])
@pytest.mark.parametrize("ending", FORMATS)
def test_write_and_read(tmp_path, ending, y):
    path = written(tmp_path, f"a.{ending}", y)
    back, sr = audio.read(path)
    about = audio.info(str(path))
    assert (sr, back.shape, back.dtype) == (16000, y.shape, np.float32)
    assert back.flags.c_contiguous
    assert np.abs(back - y).max() <= FORMATS[ending]
    assert (about.sr, about.samples, about.channels, about.duration_s) == (16000, 16000, y.ndim, 1.0)
    assert list(tmp_path.iterdir()) == [path]


def test_float_files_are_exact(tmp_path):
    y = 3 * Y
    assert (audio.read(written(tmp_path, y=y, subtype="FLOAT"))[0] == y).all()
    assert (audio.read(written(tmp_path, y=y, clip=True))[0] <= 1).all()
    with pytest.raises(wl.ParameterError, match="clip=True"):
        written(tmp_path, y=y)


@pytest.mark.parametrize("beyond", [1.25, -1.25])
def test_one_sample_beyond_the_range_is_clipped_or_refused(tmp_path, beyond):
    y = Y / 2
    y[77] = beyond
    with pytest.raises(wl.ParameterError, match="clip=True"):
        written(tmp_path, y=y)
    assert not list(tmp_path.iterdir())
    assert abs(audio.read(written(tmp_path, y=y, clip=True))[0][77] - np.sign(beyond)) < 1e-4


def test_a_written_file_replaces_the_old_one_when_complete(tmp_path):
    path = written(tmp_path)
    with pytest.raises(wl.ParameterError):
        audio.write(path, 3 * Y, 16000)
    assert len(audio.read(path)[0]) == 16000
    audio.write(path, Y[:10], 16000)
    assert len(audio.read(path)[0]) == 10


@pytest.mark.parametrize("ending", FORMATS)
def test_a_part_of_a_file(tmp_path, ending):
    path = written(tmp_path, f"a.{ending}", STEREO)
    whole = audio.read(path)[0]
    for start, samples in ((0, 100), (777, 5000), (15000, 9999), (16000, 5), (3, 0)):
        part = audio.read(path, start_samples=start, samples=samples)[0]
        assert (part == whole[start : start + samples]).all()
        assert len(part) == min(samples, 16000 - start)


def test_mono_is_declared(tmp_path):
    path = written(tmp_path, y=STEREO, subtype="FLOAT")
    assert audio.read(path)[0].shape == (16000, 2)
    assert (audio.read(path, mono=1)[0] == STEREO[:, 1]).all()
    assert np.abs(audio.read(path, mono="mean")[0] - STEREO.mean(axis=1)).max() < 1e-7
    assert audio.read(written(tmp_path, "b.wav"), mono="mean")[0].shape == (16000,)
    with pytest.raises(audio.AudioFileError) as excinfo:
        audio.read(path, mono=2)
    one_line(excinfo, path, "mono=2", "2 channels")


def test_rates_are_never_changed_silently(tmp_path):
    path = written(tmp_path)
    assert audio.read(path, sr=16000)[1] == 16000
    with pytest.raises(audio.AudioFileError) as excinfo:
        audio.read(path, sr=8000)
    one_line(excinfo, path, "16000", "sr=8000", "resample=True")
    y, sr = audio.read(path, sr=8000, resample=True)
    assert (len(y), sr) == (8000, 8000)


@settings(max_examples=30)
@given(block=st.integers(1, 20000), ending=st.sampled_from(list(FORMATS)), sr=st.sampled_from([None, 8000, 22050]),
       mono=st.sampled_from([None, "mean", 0]))  # fmt: skip
def test_blocks_add_up_to_the_file(tmp_path_factory, block, ending, sr, mono):
    path = tmp_path_factory.getbasetemp() / f"blocks.{ending}"
    if not path.exists():
        audio.write(path, STEREO, 16000)
    options = {"sr": sr, "resample": sr is not None, "mono": mono}
    parts = list(audio.blocks(path, block, **options))
    assert (np.concatenate(parts) == audio.read(path, **options)[0]).all()
    if sr is None:
        assert all(len(part) == block for part in parts[:-1])


# ------------------------------------------------------------------------------------------------------------ bad files
@pytest.mark.parametrize("read", [audio.read, audio.info, lambda path: list(audio.blocks(path, 100))],
                         ids=["read", "info", "blocks"])  # fmt: skip
@pytest.mark.parametrize(
    "name", ["missing.wav", "folder", "empty.wav", "text.wav", "zeros.flac", "four.mp3", "raw.raw"]
)
def test_files_that_are_no_audio(tmp_path, read, name):
    (tmp_path / "folder").mkdir()
    contents = {"empty.wav": b"", "text.wav": b"hello, I am no sound\n" * 50, "zeros.flac": bytes(1000),
                "four.mp3": b"ID3\x03", "raw.raw": bytes(100)}  # fmt: skip
    if name in contents:
        (tmp_path / name).write_bytes(contents[name])
    with pytest.raises(audio.AudioFileError) as excinfo:
        read(tmp_path / name)
    one_line(excinfo, tmp_path / name)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("ending", FORMATS)
def test_truncated_files(tmp_path, ending, share):
    whole = written(tmp_path, f"a.{ending}", np.clip(noise(100_000), -1, 1)).read_bytes()
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(audio.AudioFileError) as excinfo:
        audio.read(path)
    one_line(excinfo, path)
    with pytest.raises(audio.AudioFileError) as excinfo:
        list(audio.blocks(path, 1000))
    one_line(excinfo, path)


def test_a_wav_from_a_pipe_is_not_truncated(tmp_path):
    """Programs that cannot seek back write 2**32 - 1 for the length."""
    whole = bytearray(written(tmp_path).read_bytes())
    at = whole.index(b"data") + 4
    whole[at : at + 4] = whole[4:8] = b"\xff\xff\xff\xff"
    path = tmp_path / "pipe.wav"
    path.write_bytes(whole)
    assert len(audio.read(path)[0]) == 16000


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_files_with_nan(tmp_path, poison):
    y = Y.copy()
    y[5000] = poison
    path = tmp_path / "nan.wav"
    soundfile.write(path, y, 16000, subtype="FLOAT")
    with pytest.raises(audio.AudioFileError) as excinfo:
        audio.read(path)
    one_line(excinfo, path, "sample 5000", "on_nonfinite")
    with pytest.raises(audio.AudioFileError, match="sample 5000"):
        list(audio.blocks(path, 777))
    assert audio.read(path, on_nonfinite="zero")[0][5000] == 0


@pytest.mark.parametrize(("ending", "samples"), [("wav", 0), ("wav", 1), ("wav", 3), ("flac", 1), ("flac", 3)])
def test_tiny_files(tmp_path, ending, samples):
    path = written(tmp_path, f"a.{ending}", Y[:samples])
    assert len(audio.read(path)[0]) == samples
    assert sum(map(len, audio.blocks(path, 2))) == samples


def test_no_file_is_written_that_cannot_be_read(tmp_path):
    with pytest.raises(wl.ParameterError, match="FLAC cannot hold"):
        written(tmp_path, "a.flac", Y[:0])
    assert not list(tmp_path.iterdir())


BAD_READS = {
    "path": (lambda p: audio.read(3), "path is a int"),
    "sr": (lambda p: audio.read(p, sr=0), "sr=0"),
    "resample": (lambda p: audio.read(p, resample=True), "resample=True needs sr"),
    "mono": (lambda p: audio.read(p, mono="left"), "mono='left'"),
    "mono flag": (lambda p: audio.read(p, mono=True), "mono=True"),
    "mono number": (lambda p: audio.read(p, mono=-1), "mono=-1"),
    "start": (lambda p: audio.read(p, start_samples=-1), "start_samples=-1"),
    "start beyond": (lambda p: audio.read(p, start_samples=16001), "start_samples=16001"),
    "samples": (lambda p: audio.read(p, samples=1.5), "samples=1.5"),
    "on_nonfinite": (lambda p: audio.read(p, on_nonfinite="skip"), "on_nonfinite='skip'"),
    "block_samples": (lambda p: audio.blocks(p, 0), "block_samples=0"),
    "ending": (lambda p: audio.write(p.with_suffix(".tune"), Y, 16000), ".tune"),
    "no ending": (lambda p: audio.write(p.with_suffix(""), Y, 16000), "path="),
    "folder": (lambda p: audio.write(p.parent / "no" / "a.wav", Y, 16000), "no folder"),
    "subtype": (lambda p: audio.write(p, Y, 16000, subtype="PCM_17"), "subtype='PCM_17'"),
    "rate": (lambda p: audio.write(p, Y, 0), "sr=0"),
    "dtype": (lambda p: audio.write(p, Y.astype(np.float64), 16000), "float64"),
    "int16": (lambda p: audio.write(p, np.zeros(3, np.int16), 16000), "int16"),
    "list": (lambda p: audio.write(p, [0.0], 16000), "y is a list"),
    "rank": (lambda p: audio.write(p, np.zeros((1, 1, 1), np.float32), 16000), "(1, 1, 1)"),
    "no channels": (lambda p: audio.write(p, np.zeros((3, 0), np.float32), 16000), "(3, 0)"),
    "nan": (lambda p: audio.write(p, np.array([0, np.nan], np.float32), 16000), "sample 1"),
}


@pytest.mark.parametrize("name", BAD_READS)
def test_bad_arguments(tmp_path, name):
    call, text = BAD_READS[name]
    path = written(tmp_path)
    with pytest.raises(wl.WavenetliteError) as excinfo:
        call(path)
    one_line(excinfo, text)
    assert list(tmp_path.iterdir()) == [path]


def test_a_rate_that_a_format_has_not_is_told(tmp_path):
    with pytest.raises(wl.WavenetliteError) as excinfo:
        written(tmp_path, "a.mp3", sr=12345)
    one_line(excinfo, "a.mp3")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------- rates and channels
@settings(max_examples=40)
@given(rates=st.sampled_from([(48000, 16000), (8000, 16000), (44100, 16000), (16000, 16000), (16000, 22050)]),
       channels=st.integers(1, 3), blocks=st.lists(st.sampled_from([0, 1, 10, 441, 3000]), max_size=20),
       quality=st.sampled_from(["QQ", "HQ", "VHQ"]))  # fmt: skip
def test_resampling_in_blocks_is_resampling(rates, channels, blocks, quality):
    y = noise(6000) if channels == 1 else noise((6000, channels))
    resampler, parts, at = audio.Resampler(*rates, channels=channels, quality=quality), [], 0
    for _ in range(2):
        parts, at = [], 0
        for size in [*blocks, 6000]:
            parts.append(resampler.process(y[at : at + size]))
            at += size
        parts.append(resampler.flush())
        resampler.reset()
    whole = audio.resample(y, *rates, quality=quality)
    assert (np.concatenate(parts) == whole).all()
    assert whole.shape == soxr.resample(y, *rates, quality=quality).shape
    assert (whole == soxr.resample(y, *rates, quality=quality)).all()


def test_resampling_keeps_a_tone():
    time = np.arange(48000) / 48000
    y = audio.resample(np.sin(2 * np.pi * 440 * time).astype(np.float32), 48000, 16000)
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(y - expected)[200:-200].max() < 1e-4


def test_resampler_states_and_shapes():
    resampler = audio.Resampler(16000, 8000, channels=2)
    for bad in (np.zeros(3, np.float32), np.zeros((3, 1), np.float32)):
        with pytest.raises(wl.ParameterError, match=r"\(samples, 2\)"):
            resampler.process(bad)
    assert resampler.delay == 0
    resampler.flush()
    with pytest.raises(wl.StreamStateError, match="reset"):
        resampler.process(np.zeros((3, 2), np.float32))
    for call in (lambda: audio.resample(Y, 0, 8000), lambda: audio.resample(Y, 8000, 8000.0),
                 lambda: audio.resample(Y, 8000, 16000, quality="best")):  # fmt: skip
        with pytest.raises(wl.WavenetliteError) as excinfo:
            call()
        one_line(excinfo)


def test_one_channel_in_two_dimensions():
    assert audio.resample(Y[:, np.newaxis], 16000, 8000).shape == (8000,)
    assert audio.to_mono(Y[:, np.newaxis], "mean").shape == (16000,)


def test_to_mono():
    assert (audio.to_mono(STEREO, 0) == Y).all()
    assert np.abs(audio.to_mono(STEREO, "mean") - 0.25 * Y).max() < 1e-7
    assert audio.to_mono(Y, "mean") is Y
    for how in (None, "left", 2, True):
        with pytest.raises(wl.ParameterError):
            audio.to_mono(STEREO, how)


# ------------------------------------------------------------------------------------------------------- the microphone
class FakeInput:
    """What sounddevice.InputStream does, as far as it is used."""

    def __init__(self, *, samplerate, blocksize, channels, device, dtype):
        if device == "nobody":
            raise ValueError("No input device matching 'nobody'")
        assert dtype == "float32"
        self.shape, self.reads, self.closed = (blocksize, channels), 0, False

    def start(self):
        pass

    def read(self, samples):
        assert samples == self.shape[0]
        self.reads += 1
        return np.full(self.shape, self.reads, np.float32), self.reads == 3

    def close(self):
        self.closed = True


@pytest.fixture
def sounddevice(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", types.SimpleNamespace(InputStream=FakeInput))


@pytest.mark.parametrize(("channels", "shape"), [(1, (160,)), (2, (160, 2))])
def test_microphone(sounddevice, channels, shape):
    with audio.Microphone(channels=channels, on_overflow="count") as microphone:
        blocks = [block for block, _ in zip(microphone, range(5), strict=False)]
        device = microphone._input
    assert [block.shape for block in blocks] == [shape] * 5
    assert [block.flat[0] for block in blocks] == [1, 2, 3, 4, 5]
    assert microphone.overflows == 1
    assert device.closed


def test_lost_samples_are_told(sounddevice):
    with audio.Microphone() as microphone, pytest.raises(audio.AudioDeviceError, match="lost"):
        for _ in range(5):
            microphone.read()


class LosingInput(FakeInput):
    """Loses 1,000 samples before every fourth block; its clock is exact."""

    time = 5.0

    def read(self, samples):
        self.reads += 1
        lost = self.reads % 4 == 0
        self.time += (samples + 1000 * lost) / 16000
        return np.full(self.shape, self.reads / 100, np.float32), lost


def test_lost_samples_are_filled_in(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", types.SimpleNamespace(InputStream=LosingInput))
    with audio.Microphone(on_overflow="fill") as microphone:
        y = np.concatenate([block for block, _ in zip(microphone, range(20), strict=False)])
    assert microphone.overflows == 2
    assert microphone.lost_samples == 2000
    assert (y[:480] > 0).all()
    assert (y[480:1480] == 0).all()
    assert (y[1480:1640] == np.float32(0.04)).all()


def test_devices_that_are_not_there(sounddevice, monkeypatch):
    with pytest.raises(audio.AudioDeviceError) as excinfo, audio.Microphone(device="nobody"):
        pass
    one_line(excinfo, "device='nobody'")
    with pytest.raises(audio.AudioDeviceError, match="with statement"):
        audio.Microphone().read()
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(audio.AudioDeviceError, match="sounddevice"), audio.Microphone():
        pass
    with pytest.raises(wl.ParameterError, match="block_samples=0"):
        audio.Microphone(block_samples=0)


def test_heavy_packages_come_when_needed():
    program = "import sys, wavenetlite.audio; print(sorted({'soundfile', 'soxr', 'sounddevice'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
