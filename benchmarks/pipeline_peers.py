"""The extraction of `benchmarks.pipeline` by other means: pools of processes written by hand, and lhotse."""

import multiprocessing
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from wavenetlite.support.cpus import cpus

SR, N_FFT, HOP, MELS = 16000, 512, 160, 40
CHUNK = 128
WORKERS = cpus()
Frames = list[np.ndarray]


def pooled(work: Callable[[list[str]], Frames], paths: list[str], out: Path) -> None:
    """A process for each core; each takes some clips and writes their frames into a .npy."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    tasks = [(work, paths[at : at + CHUNK], str(out / f"{at}.npy")) for at in range(0, len(paths), CHUNK)]
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        pool.map(one_task, tasks, chunksize=1)


def one_task(task: tuple[Callable[[list[str]], Frames], list[str], str]) -> None:
    work, paths, target = task
    np.save(target, np.concatenate(work(paths)))


def librosa_frames(paths: list[str]) -> Frames:
    import librosa

    frames = []
    for path in paths:
        y, sr = librosa.load(path, sr=None)
        energies = librosa.feature.melspectrogram(y=y, sr=sr, n_fft=N_FFT, hop_length=HOP, n_mels=MELS, center=False)
        frames.append(librosa.power_to_db(energies, top_db=None).T)
    return frames


def scipy_frames(paths: list[str]) -> Frames:
    """In single precision, with one product of matrices a clip."""
    import scipy.fft

    window, bands = tables()
    frames = []
    for path in paths:
        y, _ = soundfile.read(path, dtype="float32")
        laid_out = np.lib.stride_tricks.sliding_window_view(y, N_FFT)[::HOP] * window
        powers = np.abs(scipy.fft.rfft(laid_out, axis=1)) ** 2
        frames.append(10 * np.log10(np.maximum(powers @ bands, 1e-10)))
    return frames


@cache
def tables() -> tuple[np.ndarray, np.ndarray]:
    """The window, and the mel bands by their Hz (HTK)."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + SR / 2 / 700), MELS + 2) / 2595) - 1)
    bins = np.arange(N_FFT // 2 + 1) * SR / N_FFT
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32), np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def kaldi_frames(paths: list[str]) -> Frames:
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = SR
    options.frame_opts.frame_length_ms = 1000 * N_FFT / SR
    options.frame_opts.frame_shift_ms = 1000 * HOP / SR
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = MELS
    frames = []
    for path in paths:
        y, _ = soundfile.read(path, dtype="float32")
        fbank = knf.OnlineFbank(options)
        fbank.accept_waveform(SR, y.tolist())
        fbank.input_finished()
        frames.append(np.array([fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)], np.float32))
    return frames


def by_lhotse(paths: list[str], out: Path) -> None:
    """As its documentation does it: manifests of the recordings, then features by a pool, compressed by lilcom."""
    import lhotse

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    recordings = lhotse.RecordingSet.from_recordings(
        lhotse.Recording.from_file(path, recording_id=str(number)) for number, path in enumerate(paths)
    )
    extractor = lhotse.Fbank(lhotse.FbankConfig(sampling_rate=SR, num_filters=MELS, frame_length=N_FFT / SR))
    cuts = lhotse.CutSet.from_manifests(recordings=recordings)
    cuts.compute_and_store_features(extractor, storage_path=str(out / "features"), num_jobs=WORKERS).to_file(
        out / "cuts.jsonl.gz"
    )
