"""Audio where soundfile finds no libsndfile, or soxr is not installed: one line with the remedy."""

import sys

import numpy as np
import pytest

import wavenetlite as wl

Y = np.zeros(800, np.float32)


@pytest.fixture
def without_libraries(tmp_path, monkeypatch):
    """soundfile as it is without its library, and no soxr."""
    (tmp_path / "soundfile.py").write_text("raise OSError('cannot load library libsndfile.so:\\nno such file')")
    (tmp_path / "soxr.py").write_text("raise ModuleNotFoundError('No soxr', name='soxr')")
    wl.audio.files.sequential.cache_clear()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("soundfile", "soxr"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    wl.audio.files.sequential.cache_clear()


@pytest.mark.parametrize("use", ["read", "info", "write", "blocks"])
def test_files_without_libsndfile(without_libraries, use):
    path = without_libraries / "a.wav"
    uses = {"read": wl.audio.read, "info": wl.audio.info, "blocks": lambda path: list(wl.audio.blocks(path, 160)),
            "write": lambda path: wl.audio.write(path, Y, 16000)}  # fmt: skip
    if use != "write":
        path.write_bytes(b"RIFF")
    with pytest.raises(wl.MissingPackageError, match=r"needs the library libsndfile \(Debian's libsndfile1") as error:
        uses[use](path)
    assert "\n" not in str(error.value)
    assert path.exists() == (use != "write")


def test_resampling_without_soxr(without_libraries):
    with pytest.raises(wl.MissingPackageError, match=r"resampling needs the package soxr.*: pip install soxr$"):
        wl.audio.resample(Y, 16000, 8000)
    assert wl.audio.resample(Y, 8000, 8000).shape == Y.shape
