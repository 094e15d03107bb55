"""librosa's log-mel; it has no stream, so it is called with a buffer of the last samples."""

import librosa
import numpy as np

from benchmarks.log_mel import HOP, MELS, N_FFT, SR, Kept, Ways, decibels


def ways(window: np.ndarray, bank: np.ndarray) -> Ways:
    def log_mel(y: np.ndarray) -> np.ndarray:
        energies = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS, center=False)
        return librosa.power_to_db(energies, top_db=None).T

    def frame(kept: np.ndarray) -> np.ndarray:
        return log_mel(kept)[0]

    return Ways(f"librosa {librosa.__version__}", log_mel, Kept(frame), decibels(window, bank))
