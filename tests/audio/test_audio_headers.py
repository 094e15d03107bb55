"""Files whose headers lie, do not know, or are cut: all samples come out, or an error says what is wrong."""

import os
import struct
import sys
from io import BytesIO

import numpy as np
import pytest
from features_catalogue import noise

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.audio import mpeg

soundfile = pytest.importorskip("soundfile")
Y = np.clip(noise(48000, scale=0.3), -1, 1)
PCM = np.round(Y * 32767).astype("<i2")
SAMPLES = PCM.astype(np.float32) / 32768
ID3 = b"ID3\4\0\0" + bytes([0, 0, 0, 34]) + b"TSSE\0\0\0\x0f\0\0\3Lavf63.1.102\0" + bytes(10)
WITHOUT_LENGTH = {"IRCAM", "PAF", "PVF", "XI", "RAW", "SDS"}
"""Formats whose header holds no length, so that nobody can know that a file was cut; and SDS, which fails to open."""


def wav(size, data=None, riff=None, tag=1, tail=b""):
    data = PCM.tobytes() if data is None else data
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, tag, 1, 16000, 32000, 2, 16) + b"data" + struct.pack("<I", size)
    body += data + tail
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def encoded(format, subtype=None, y=Y, sr=16000, **options):
    file = BytesIO()
    soundfile.write(file, y, sr, format=format, subtype=subtype, **options)
    return file.getvalue()


def read(data, **options):
    return audio.read(audio.Encoded("a", data), **options)[0]


def kinds():
    for format in sorted(soundfile.available_formats()):
        for subtype in sorted(soundfile.available_subtypes(format)):
            unwritable = format in ("RAW", "SD2") or subtype.startswith(("DWVW", "MPEG_LAYER_I"))
            if not unwritable or (format, subtype) == ("MP3", "MPEG_LAYER_III"):
                yield format, subtype


# -------------------------------------------------------------------------------------------------------------- WAV
@pytest.mark.parametrize(
    "size", [0x7FFFF000, 0x80000000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 44, 0], ids=hex
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_lengths_that_pipes_leave(tmp_path, size, in_memory):
    data = wav(size, riff=(size + 36) % 2**32)
    (tmp_path / "a.wav").write_bytes(data)
    source = audio.Encoded("a", data) if in_memory else tmp_path / "a.wav"
    assert (audio.read(source)[0] == SAMPLES).all()
    assert audio.info(source).samples == len(SAMPLES)


@pytest.mark.parametrize("off_by", [8, 36, 44, -8, -36, -44])
def test_lengths_off_by_a_header(off_by):
    assert (read(wav(2 * len(PCM) + off_by)) == SAMPLES).all()


def test_chunks_after_the_samples_are_no_samples():
    chunk = b"LIST" + struct.pack("<I", 28) + b"INFOISFT" + struct.pack("<I", 16) + b"a program's name"
    assert (read(wav(2 * len(PCM), tail=chunk)) == SAMPLES).all()


@pytest.mark.parametrize("more", [10_000_000, 44])
def test_a_length_that_has_wrapped(tmp_path, more):
    real, path = 2**32 + more, tmp_path / "big.wav"
    with path.open("wb") as file:
        file.write(wav(real % 2**32, data=b"", riff=(real + 36) % 2**32))
        file.truncate(44 + real)  # sparse
        file.seek(44 + real - 8)
        file.write(PCM[:4].tobytes())
    assert audio.info(path).samples == real // 2
    assert (audio.read(path, start_samples=real // 2 - 4)[0] == SAMPLES[:4]).all()


@pytest.mark.parametrize("format", ["WAV", "FLAC", "AIFF", "AU"])
def test_a_tag_before_the_file(format):
    assert (read(ID3 + encoded(format, "PCM_16", PCM)) == SAMPLES).all()


# ------------------------------------------------------------------------------------------------------------- FLAC
@pytest.mark.parametrize("said", [0, 24000, 47999, 48001])
@pytest.mark.parametrize("tag", [b"", ID3], ids=["", "ID3v2"])
def test_flac_that_does_not_know_its_length(said, tag):
    data = bytearray(encoded("FLAC", "PCM_16", PCM))
    word = int.from_bytes(data[18:26], "big")
    data[18:26] = ((word >> 36 << 36) | said).to_bytes(8, "big")
    if said > len(PCM):
        with pytest.raises(audio.AudioFileError, match="truncated: it has 48000 of 48001"):
            read(tag + bytes(data))
    else:
        assert (read(tag + bytes(data)) == SAMPLES).all()
        assert audio.info(audio.Encoded("a", tag + bytes(data))).samples == len(PCM)


def test_flac_of_unknown_length_that_was_cut():
    data = bytearray(encoded("FLAC", "PCM_16", PCM))
    data[18:26] = (int.from_bytes(data[18:26], "big") >> 36 << 36).to_bytes(8, "big")
    with pytest.raises(audio.AudioFileError):
        read(bytes(data[: len(data) - 1000]))


# -------------------------------------------------------------------------------------------------------------- MP3
def mp3(mode="VARIABLE", sr=16000, bare=True):
    """An MP3 file, without the frame that says how long it is."""
    data = encoded("MP3", y=Y, sr=sr, bitrate_mode=mode, compression_level=0.3)
    found = mpeg.layout(data)
    assert found.declared == len(found.sound) and found.tags == 1
    return data[found.sound[0].at :] if bare else data


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b""), (ID3, b""), (ID3[:9] + b"\x23" + ID3[10:], b""), (b"", b"TAG" + b" " * 125),
     (b"", b"APETAGEX" + struct.pack("<II", 2000, 64) + bytes(48)), (b"\0" * 700, b"\0" * 700)],
    ids=["bare", "ID3v2", "ID3v2 a byte too long", "ID3v1", "APE", "zeros"],
)  # fmt: skip
def test_mp3_without_a_frame_that_says_its_length(mode, before, after):
    bare = mp3(mode)
    frames = len(mpeg.layout(bare).sound)
    y = read(before + bare + after)
    assert 0 <= frames * 576 - len(y) < 1200  # the decoder's delay
    whole = read(mp3(mode, bare=False))
    start = len(y) - len(whole)
    lag = max(range(max(0, start - 1200), start + 1), key=lambda k: float(y[k : k + 40000] @ whole[:40000]))
    assert np.abs(y[lag + 2000 : lag + 46000] - whole[2000:46000]).max() < 1e-4


def test_joined_mp3():
    one = mp3(bare=False)
    y = read(one + one)
    assert abs(len(y) - 2 * len(read(mp3()))) < 1300
    assert np.sqrt(np.mean(y[60000:90000] ** 2)) > 0.1


def test_joined_mp3_of_different_rates_is_refused():
    with pytest.raises(audio.AudioFileError, match="sample rate or MPEG layer changes"):
        read(mp3(sr=16000) + mp3(sr=22050))


@pytest.mark.parametrize("bare", [True, False])
def test_cut_mp3(bare):
    data = mp3(bare=bare)
    with pytest.raises(audio.AudioFileError, match="truncated") as error:
        read(data[: len(data) * 2 // 3 + 7])
    assert error.value.kind == "truncated"


# -------------------------------------------------------------------------------------------------------------- Ogg
@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chained_ogg(subtype):
    parts = [encoded("OGG", subtype, Y[:30000]), encoded("OGG", subtype, Y[30000:]), encoded("OGG", subtype, Y[::-1])]
    chain, whole = audio.Encoded("chain", b"".join(parts)), np.concatenate([read(part) for part in parts])
    assert (audio.read(chain)[0] == whole).all()
    assert audio.info(chain).samples == len(whole)
    assert (np.concatenate(list(audio.blocks(chain, 7777))) == whole).all()
    assert (audio.read(chain, start_samples=29000, samples=20000)[0] == whole[29000:49000]).all()


def test_chains_of_different_rates_are_refused():
    with pytest.raises(audio.AudioFileError, match="differ in rate"):
        read(encoded("OGG", "VORBIS") + encoded("OGG", "VORBIS", sr=22050))


# ---------------------------------------------------------------------------------------------------- every container
@pytest.mark.parametrize(("format", "subtype"), [kind for kind in kinds() if kind[0] not in WITHOUT_LENGTH])
@pytest.mark.parametrize("share", [0.34, 0.66, 0.9])
def test_cut_files_are_refused(format, subtype, share):
    data = encoded(format, subtype)
    with pytest.raises(audio.AudioFileError):
        read(data[: int(len(data) * share)])


@pytest.mark.parametrize(("format", "subtype"), list(kinds()))
def test_a_part_is_the_slice_of_the_whole(format, subtype):
    source = audio.Encoded("a", encoded(format, subtype))
    whole = audio.read(source)[0]
    assert abs(len(whole) - len(Y)) < 900
    for start, samples in ((1, 100), (777, 5000), (20011, None), (47990, 10)):
        part = audio.read(source, start_samples=start, samples=samples)[0]
        assert (part == whole[start : None if samples is None else start + samples]).all()
    assert (np.concatenate(list(audio.blocks(source, 4097, start_samples=333))) == whole[333:]).all()


# ------------------------------------------------------------------------------------------ what libsndfile cannot read
@pytest.mark.parametrize(
    ("data", "name"),
    [(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100), "M4A"), (wav(2 * len(PCM), tag=0x55), "MPEG audio in WAV"),
     (b"\x1aE\xdf\xa3" + bytes(100), "WebM"), (b"#!AMR\n" + bytes(100), "AMR"),
     (b"OggS\0\2" + bytes(20) + b"\1\x33\x7fFLAC" + bytes(46), "FLAC in Ogg")],
    ids=["M4A", "MP3 in WAV", "WebM", "AMR", "Ogg FLAC"],
)  # fmt: skip
def test_messages_say_what_a_file_is(data, name):
    with pytest.raises(audio.AudioFileError) as error:
        read(data)
    assert name in str(error.value) and "ffmpeg" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8(tmp_path):
    folder = os.fsencode(tmp_path)
    for word in (b"yes", b"no"):
        os.makedirs(folder + b"/d/" + word)  # noqa: PTH103
        for i in range(4):
            soundfile.write(folder + b"/d/" + word + b"/caf\xe9%d.wav" % i, PCM[100 * i :][:16000], 16000, format="WAV")
    corpus = wl.train.read_corpus(tmp_path / "d")
    assert len(corpus.train) + len(corpus.valid) + len(corpus.test) == 8
    assert wl.pipeline.extract(tmp_path / "d", tmp_path / "out", n_jobs=1).items == 8
    with pytest.raises(audio.AudioFileError, match=r"caf\\xe9\.wav: there is no such file"):
        audio.read(os.fsdecode(b"caf\xe9.wav"))
